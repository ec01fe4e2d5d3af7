//! Depthwise convolution of windows three columns wide, for four neighbouring channels: three outputs of a row at a time.
//!
//! Weights lie as the portable kernel has them: four channels of a tap are neighbours. Those of a filter row stay in registers, and a column of
//! inputs, loaded once, meets all outputs that it is part of. Columns beside the image are left out, and rows above and below it.

use core::cell::Cell;

use super::bounds;

/// Channels at a time.
pub const CHANNELS: usize = 4;

/// Columns of a window.
const COLUMNS: usize = 3;

/// Outputs at a time.
const OUTPUTS: usize = 3;

/// An image, and what slides over it; sizes are in elements.
#[derive(Debug, Clone, Copy)]
pub struct Depthwise {
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Those of the output.
    pub output: [usize; 2],
    /// Channels of a pixel.
    pub channels: usize,
    /// Rows of a window.
    pub filter_h: usize,
    /// Rows from a window to the one below it.
    pub stride_h: usize,
    /// Rows above the input; negative where windows skip rows.
    pub pad_top: isize,
    /// Columns left of the input: one or none.
    pub pad_left: usize,
    /// Least output.
    pub min: f32,
    /// Greatest output.
    pub max: f32,
}

/// What the loops are told beside their two pointers. Distances are bytes.
#[derive(Debug)]
#[repr(C)]
struct Call {
    bias: [f32; CHANNELS],
    weights: *const f32,
    /// From a pixel of the input to its neighbour, and from a row to the next.
    pixel: isize,
    row: isize,
    in_h: usize,
    filter_h: usize,
    stride_h: usize,
    /// The row of the input where the first window begins.
    top: isize,
    /// Rows of outputs.
    lines: usize,
    /// From a row of windows to the next one: in the input and in the output.
    line: [isize; 2],
    /// From outputs that are computed at once to the next ones.
    tile: [isize; 2],
    /// From the last but one to the last.
    last: [isize; 2],
    /// How many such there are in a row before the last.
    tiles: usize,
    /// Of the first and of the last: 1 if the first column is left out, 2 if the last one is.
    first_flags: usize,
    last_flags: usize,
    /// From an output to its neighbour.
    y_pixel: isize,
    /// One of [`bounds`].
    bounds: usize,
    max: f32,
    min: f32,
}

impl Depthwise {
    /// Outputs of four channels of an image, with which `x` and `y` begin, of windows that are `STRIDE` columns apart: 1 or 2. Of sizes that
    /// do not fit, it computes nothing.
    #[inline(always)]
    pub fn run<const STRIDE: usize>(
        &self,
        x: &[Cell<f32>],
        weights: &[f32],
        bias: &[f32; CHANNELS],
        y: &[Cell<f32>],
    ) {
        let ([in_h, in_w], [out_h, out_w]) = (self.input, self.output);
        let pixels = |height: usize, width: usize| (height * width).max(1) - 1;
        if !(1..=2).contains(&STRIDE)
            || !self.fits(STRIDE)
            || pixels(in_h, in_w) * self.channels + CHANNELS > x.len()
            || pixels(out_h, out_w) * self.channels + CHANNELS > y.len()
            || self.filter_h * COLUMNS * CHANNELS > weights.len()
        {
            return;
        }
        let pixel = (self.channels * 4) as isize;
        let bytes = |outputs: usize| {
            [
                (outputs * STRIDE) as isize * pixel,
                outputs as isize * pixel,
            ]
        };
        let tiles = out_w.div_ceil(OUTPUTS);
        // All but the last begin a whole number of tiles from the left, the last one ends with the row.
        let before = (tiles - 1) * OUTPUTS;
        let last = out_w - before;
        let is_cut = (out_w - 1) * STRIDE + COLUMNS > in_w + self.pad_left;
        let last_flags = if is_cut { 2 } else { 0 };
        let row = in_w as isize * pixel;
        let call = Call {
            bias: *bias,
            weights: weights.as_ptr(),
            pixel,
            row,
            in_h,
            filter_h: self.filter_h,
            stride_h: self.stride_h,
            top: -self.pad_top,
            lines: out_h,
            line: [self.stride_h as isize * row, out_w as isize * pixel],
            tile: bytes(OUTPUTS),
            last: bytes(last),
            tiles: tiles - 1,
            first_flags: self.pad_left + if tiles == 1 { last_flags } else { 0 },
            last_flags,
            y_pixel: pixel,
            bounds: bounds::of(self.min, self.max),
            max: self.max,
            min: self.min,
        };
        let x = x.as_ptr().cast::<f32>();
        let x = x.wrapping_byte_offset(-self.pad_top * row - self.pad_left as isize * pixel);
        // SAFETY: `x` and `y` have the channels of every pixel, and `weights` those of every tap, checked above. Windows lie within the image's
        // columns but for those that are left out (`fits`), and rows are left out by their numbers. The references last until it returns, and
        // cells may be written.
        unsafe { run_image::<STRIDE>(x, y.as_ptr().cast_mut().cast(), &call) }
    }

    /// Whether windows `stride` columns apart are what the loops take: at most one column of a row of windows is beside the image at either side, and
    /// there are as many outputs as are computed at once.
    #[inline(always)]
    #[must_use]
    pub fn fits(&self, stride: usize) -> bool {
        let ([in_h, in_w], [out_h, out_w]) = (self.input, self.output);
        self.channels.is_multiple_of(CHANNELS)
            && self.pad_left <= 1
            && out_w >= OUTPUTS
            && in_h > 0
            && out_h > 0
            && (out_w - 1) * stride + COLUMNS <= in_w + self.pad_left + 1
    }
}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod assembly;
#[cfg(all(target_arch = "arm", target_os = "none"))]
use assembly::run_image;

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod twin;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
use twin::run_image;
