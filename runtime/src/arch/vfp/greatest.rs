//! Greatest elements over a window, four channels at a time. Channels behind the last four are computed with those before them, again: a window has four at
//! least.

use core::cell::Cell;

/// Channels of a block.
const CHANNELS: usize = 4;
/// Bytes of an element.
const ELEMENT: usize = size_of::<f32>();

/// The pixels of an image that are in a window. Sizes are in elements.
#[derive(Debug, Clone, Copy)]
pub struct Greatest {
    /// How many rows.
    pub rows: usize,
    /// How many pixels a row has.
    pub columns: usize,
    /// From a row of the image to the next.
    pub row: usize,
    /// Of a pixel.
    pub channels: usize,
    /// Least output.
    pub min: f32,
    /// Greatest output.
    pub max: f32,
}

/// What the loop is told; distances are in bytes.
#[derive(Debug)]
#[repr(C)]
struct Call {
    x: *const f32,
    y: *mut f32,
    channels: usize,
    rows: usize,
    columns: usize,
    /// From behind a pixel's first four channels to those of the next one.
    pixel: usize,
    /// From behind a row of the window to the next one.
    between: usize,
    /// What any element is compared with first.
    start: f32,
    min: f32,
    max: f32,
}

impl Greatest {
    /// The greatest of each channel, limited as [`Float`](crate::kernels::Float) does it. Elements that are no numbers count for nothing. `x` begins with
    /// the window's first pixel. Of slices that do not fit, it computes nothing.
    #[inline(always)]
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<f32>]) {
        let width = self.columns * self.channels;
        if self.channels < CHANNELS
            || self.rows == 0
            || self.columns == 0
            || self.row < width
            || x.len() < (self.rows - 1) * self.row + width
            || y.len() < self.channels
        {
            return;
        }
        let call = Call {
            x: x.as_ptr().cast(),
            y: y.as_ptr().cast_mut().cast(),
            channels: self.channels,
            rows: self.rows,
            columns: self.columns,
            pixel: (self.channels - CHANNELS) * ELEMENT,
            between: (self.row - width) * ELEMENT,
            start: f32::MIN,
            min: self.min,
            max: self.max,
        };
        // SAFETY: the window lies within `x` and its outputs within `y` (checked above), and cells may be written.
        unsafe { greatest(&call) }
    }
}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod assembly;
#[cfg(all(target_arch = "arm", target_os = "none"))]
use assembly::greatest;

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod twin;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
use twin::greatest;
