//! Greatest elements and averages over a window of bytes, four or eight channels at a time.
//!
//! SSUB8 compares four bytes and SEL takes the greater ones. For an average, one SXTAB16 adds bytes 0 and 2 of a word to sums of 16 bits and another
//! one bytes 1 and 3, so that a window may have as many pixels as have their sum in 16 bits.
//!
//! Channels behind the last whole word are computed with those before them, which are computed again: a window has [`LANES`] channels at least.

use core::cell::Cell;
use core::num::NonZeroU32;

use super::LANES;

/// The pixels of an image that are in a window.
#[derive(Debug, Clone, Copy)]
pub struct PoolWindow {
    /// How many rows.
    pub rows: usize,
    /// How many pixels a row has.
    pub columns: usize,
    /// Bytes from a row of the image to the next.
    pub row: usize,
    /// Bytes of a pixel.
    pub channels: usize,
}

/// What the loops are told.
#[derive(Debug)]
#[repr(C)]
struct Call {
    x: *const i8,
    y: *mut i8,
    channels: usize,
    rows: usize,
    columns: usize,
    /// Bytes from a pixel to the next.
    pixel: usize,
    /// Bytes from behind a row of the window to the next one.
    between: usize,
    /// The least output, in each byte.
    min: u32,
    /// The greatest.
    max: u32,
    /// Pixels of the window.
    count: u32,
}

impl PoolWindow {
    /// Pixels of a window that is averaged: the sum of so many bytes fits in 16 bits.
    pub const MOST_PIXELS: usize = 256;

    /// The greatest of each channel, limited to a range. `x` begins with the window's first pixel. Of slices that do not fit, it computes nothing.
    #[inline(always)]
    pub fn greatest(&self, x: &[Cell<i8>], y: &[Cell<i8>], range: [i32; 2]) {
        if let Some(call) = self.call(x, y, range) {
            // SAFETY: the window lies within `x`, its outputs within `y` (`call`), and cells may be written.
            unsafe { greatest(&call) }
        }
    }

    /// The average of each channel, rounded half away from zero and limited to a range. The same is true of slices. A window with more than
    /// [`MOST_PIXELS`](Self::MOST_PIXELS) does not fit.
    #[inline(always)]
    pub fn average(&self, x: &[Cell<i8>], y: &[Cell<i8>], range: [i32; 2]) {
        if let Some(call) = self.call(x, y, range)
            && call.count <= Self::MOST_PIXELS as u32
        {
            // SAFETY: as above.
            unsafe { average(&call) }
        }
    }

    fn call(&self, x: &[Cell<i8>], y: &[Cell<i8>], range: [i32; 2]) -> Option<Call> {
        let count = NonZeroU32::new((self.rows * self.columns) as u32)?;
        let width = self.columns * self.channels;
        let fits = self.channels >= LANES
            && self.row >= width
            && x.len() >= (self.rows - 1) * self.row + width
            && y.len() >= self.channels;
        // A column is walked as a row.
        let [rows, columns, pixel] = match self.columns {
            1 => [1, self.rows, self.row],
            columns => [self.rows, columns, self.channels],
        };
        let [min, max] = range.map(|limit| u32::from_ne_bytes([limit as u8; LANES]));
        fits.then_some(Call {
            x: x.as_ptr().cast(),
            y: y.as_ptr().cast_mut().cast(),
            channels: self.channels,
            rows,
            columns,
            pixel,
            between: self.row - width,
            min,
            max,
            count: count.get(),
        })
    }
}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod assembly;
#[cfg(all(target_arch = "arm", target_os = "none"))]
use assembly::{average, greatest};

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod twin;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
use twin::{average, greatest};
