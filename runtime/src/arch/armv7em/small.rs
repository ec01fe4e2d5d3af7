//! Windows one after the other, four output channels at a time, with the least code: one loop for products of all inputs and for those of each
//! channel by itself, and one way from sums to outputs.
//!
//! A block of weights is, in words of 32 bits: what the sums of its four channels begin with; for each group of four inputs a word of weights for each
//! channel, or, of a depthwise convolution, for each tap one word, a byte for each channel; the four channels' factors; a byte for each, by how much
//! less than one its sums are shifted. A factor is `2·multiplier − 2³²` of TensorFlow Lite's multiplier, and outputs are those of its two roundings.

use core::cell::Cell;

use super::{GROUP, LANES};

/// A row of windows.
#[derive(Debug, Clone, Copy)]
pub struct Strip {
    /// How many windows.
    pub count: usize,
    /// Bytes from a window to the next.
    pub step: usize,
    /// Rows of a window.
    pub rows: usize,
    /// Bytes of a window's row: whole groups of four.
    pub run: usize,
    /// Bytes from a row to the next.
    pub row: usize,
    /// Outputs of a window.
    pub channels: usize,
    /// From a window's first output to that of the next.
    pub pixel: usize,
    /// Whether an output is of one channel alone, and a group is a tap of four channels.
    pub depthwise: bool,
    /// The outputs' zero point.
    pub zero_point: i32,
}

/// What the loop is told; it changes the first four.
#[derive(Debug)]
#[repr(C)]
struct Call {
    /// Not this one.
    weights: *const u32,
    /// The window.
    x: *const i8,
    /// Its outputs.
    y: *mut i8,
    /// Windows.
    count: usize,
    step: usize,
    pixel: usize,
    channels: usize,
    rows: usize,
    run: usize,
    /// Bytes from the end of a window's row to the next one.
    between: usize,
    /// Behind the last row, behind which comes the first.
    end: *const i8,
    /// Bytes of all rows.
    bytes: usize,
    /// Twice the zero point, and one.
    zero: i32,
    depthwise: usize,
}

impl Strip {
    /// Words of weights.
    #[inline(always)]
    #[must_use]
    pub fn words(&self) -> usize {
        let group = if self.depthwise { 1 } else { LANES };
        self.channels.div_ceil(LANES) * (2 * LANES + 1 + self.rows * self.run / GROUP * group)
    }

    /// The outputs of the windows. `first` is which of the rows is a window's first; the others follow around. Of slices that do not fit, it computes
    /// nothing. Optimizers copy into loops what is not a function of its own.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    pub fn outputs(&self, weights: &[u32], rows: &[Cell<i8>], first: usize, y: &[Cell<i8>]) {
        let Some(last) = self.count.checked_sub(1) else {
            return;
        };
        if weights.len() != self.words()
            || first >= self.rows
            || rows.len() < self.rows * self.row
            || last * self.step + self.run > self.row
            || y.len() < last * self.pixel + self.channels
            || self.channels == 0
            || self.run == 0
            || !self.run.is_multiple_of(GROUP)
        {
            return;
        }
        let bytes = self.rows * self.row;
        let mut call = Call {
            weights: weights.as_ptr(),
            x: rows.as_ptr().wrapping_add(first * self.row).cast(),
            y: y.as_ptr().cast_mut().cast(),
            count: self.count,
            step: self.step,
            pixel: self.pixel,
            channels: self.channels,
            rows: self.rows,
            run: self.run,
            between: self.row - self.run,
            end: rows.as_ptr().wrapping_add(bytes).cast(),
            bytes,
            zero: 2 * self.zero_point + 1,
            depthwise: self.depthwise.into(),
        };
        // SAFETY: all windows lie within the rows, there are weights for as many groups and blocks of channels, and the outputs lie within `y` (checked
        // above). The references last until it returns, and cells may be written.
        unsafe { windows(&mut call) }
    }
}

/// Copies runs of bytes one behind the other: so many, of so many bytes, of which each begins so many bytes behind the last one, or where it does. Of
/// slices that do not fit, it copies nothing.
#[inline(always)]
pub fn lay_runs(x: &[Cell<i8>], to: &[Cell<i8>], [count, bytes, step]: [usize; 3]) {
    let Some(last) = count.checked_sub(1) else {
        return;
    };
    if bytes == 0 || x.len() < last * step + bytes || to.len() < count * bytes {
        return;
    }
    let to = to.as_ptr().cast_mut().cast();
    // SAFETY: all runs lie within both slices (checked above), and cells may be written.
    unsafe { lay(x.as_ptr().cast(), to, [count, bytes, step]) }
}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod assembly;
#[cfg(all(target_arch = "arm", target_os = "none"))]
use assembly::{lay, windows};

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod twin;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
use twin::{lay, windows};
