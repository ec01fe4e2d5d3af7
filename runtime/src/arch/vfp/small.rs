//! Windows one after the other, four output channels at a time, with the least code: one loop for sums of all inputs and for those of each channel by
//! itself, and one way from sums to outputs.
//!
//! A block of weights is what the sums of its four channels begin with, and then the four channels' weights of each input, of float32 or float16. Rows and
//! columns of a window that are not in the input are passed over, with their weights: so sums have the portable kernels' products, in their order.

use core::cell::Cell;

/// Channels of a block.
const CHANNELS: usize = 4;
const CHANNELS_BYTES: usize = CHANNELS * size_of::<f32>();

/// What weights are stored as.
pub trait SmallWeight: Copy + Default {
    /// Bytes of the weights that four channels have for an input.
    const TAP: usize;

    /// The weights that four channels have for an input, as words.
    #[cfg(any(test, feature = "host"))]
    fn tap(weights: [Self; CHANNELS]) -> impl IntoIterator<Item = u32>;

    /// Computes the outputs.
    ///
    /// # Safety
    /// The input, of which windows may leave out some, weights and outputs lie where the call says; no number of it is 0 but that of `inputs`.
    unsafe fn run(call: &mut Call);
}

impl SmallWeight for f32 {
    const TAP: usize = CHANNELS_BYTES;

    #[cfg(any(test, feature = "host"))]
    fn tap(weights: [Self; CHANNELS]) -> impl IntoIterator<Item = u32> {
        weights.map(Self::to_bits)
    }

    #[inline(always)]
    unsafe fn run(call: &mut Call) {
        // SAFETY: as the caller has it.
        unsafe { floats(call) }
    }
}

/// The bits of a finite float16.
impl SmallWeight for u16 {
    const TAP: usize = CHANNELS_BYTES / 2;

    #[cfg(any(test, feature = "host"))]
    fn tap([a, b, c, d]: [Self; CHANNELS]) -> impl IntoIterator<Item = u32> {
        [[a, b], [c, d]].map(|[low, high]| u32::from(high) << 16 | u32::from(low))
    }

    #[inline(always)]
    unsafe fn run(call: &mut Call) {
        // SAFETY: as the caller has it.
        unsafe { halves(call) }
    }
}

/// An image, and windows that slide over it; pairs are along height and width, and sizes are in elements.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    /// Sizes of the input.
    pub input: [usize; 2],
    /// Sizes of the output.
    pub output: [usize; 2],
    /// Channels of a pixel of the input.
    pub in_c: usize,
    /// Channels of a pixel of the output.
    pub out_c: usize,
    /// Sizes of a window.
    pub filter: [usize; 2],
    /// From a window to the next one.
    pub stride: [usize; 2],
    /// From an element of a window to the next one.
    pub dilation: [usize; 2],
    /// Padding before the input; negative where windows skip some of it.
    pub pad: [isize; 2],
    /// Whether an output is of one channel alone.
    pub depthwise: bool,
    /// Least output.
    pub min: f32,
    /// Greatest output.
    pub max: f32,
}

/// What the loops are told; they change the first group. Distances are bytes, positions are elements.
#[derive(Debug)]
#[repr(C)]
pub struct Call {
    /// Where the outputs go.
    y: *mut f32,
    /// The first window of a row of windows.
    line: *const f32,
    /// The window, of which some may not be in the input.
    x: *const f32,
    /// Its row and its column, from that of the input's first element.
    top: isize,
    left: isize,
    /// Rows of windows, and windows of a row, that are left.
    lines: usize,
    windows: usize,

    weights: *const u32,
    channels: usize,
    /// Windows of a row.
    out_w: usize,
    /// The column of a row's first window.
    first_left: isize,
    /// From a window to the next one: columns and bytes. From a row of them to the next: rows and bytes.
    next_window: [usize; 2],
    next_line: [usize; 2],
    /// The same from behind the inputs of a window's column to the next one, and from a row of it to the next.
    next_column: [usize; 2],
    next_row: [usize; 2],
    filter: [usize; 2],
    in_h: usize,
    in_w: usize,
    /// Inputs of a column; none where each channel is by itself.
    inputs: usize,
    /// In how many columns, from the input's first on, windows have rows that are neighbours as a whole, and how many inputs such a row has.
    whole: [usize; 2],
    /// Of a column that is passed over, bytes of weights and of inputs; of a row, those of weights.
    passed_column: [usize; 2],
    passed_row: usize,
    /// From a block's inputs to those of the next.
    next_block: usize,
    min: f32,
    max: f32,
}

impl Windows {
    /// The outputs of an image. Of slices that do not fit, it computes nothing.
    #[inline(always)]
    pub fn outputs<W: SmallWeight>(&self, x: &[Cell<f32>], weights: &[u32], y: &[Cell<f32>]) {
        let Self { in_c, out_c, .. } = *self;
        let ([in_h, in_w], [out_h, out_w]) = (self.input, self.output);
        let [filter_h, filter_w] = self.filter;
        let each = if self.depthwise { 1 } else { in_c };
        let block = CHANNELS + filter_h * filter_w * each * (W::TAP / size_of::<u32>());
        let fits = |len: usize, [h, w]: [usize; 2], c: usize| {
            let elements = h.checked_mul(w).and_then(|pixels| pixels.checked_mul(c));
            elements.is_some_and(|elements| elements <= len)
        };
        if !fits(x.len(), self.input, in_c)
            || !fits(y.len(), self.output, out_c)
            || weights.len() < out_c.div_ceil(CHANNELS) * block
            || in_c * filter_h * filter_w == 0
            || out_c * out_h * out_w == 0
            || self.depthwise && (in_c != out_c || !in_c.is_multiple_of(CHANNELS))
        {
            return;
        }
        let pixel = in_c * size_of::<f32>();
        let row = in_w * pixel;
        let [stride_h, stride_w] = self.stride;
        let [dilation_h, dilation_w] = self.dilation;
        let [pad_top, pad_left] = self.pad;
        let column = each * W::TAP;
        let read = if self.depthwise {
            CHANNELS_BYTES
        } else {
            pixel
        };
        let whole = match self.depthwise || dilation_w > 1 {
            true => 0,
            false => (in_w + 1).saturating_sub(filter_w),
        };
        let x = x.as_ptr().cast::<f32>();
        let x = x.wrapping_byte_offset(-pad_top * row as isize - pad_left * pixel as isize);
        let mut call = Call {
            y: y.as_ptr().cast_mut().cast(),
            line: x,
            x,
            top: -pad_top,
            left: 0,
            lines: out_h,
            windows: 0,
            weights: weights.as_ptr(),
            channels: out_c,
            out_w,
            first_left: -pad_left,
            next_window: [stride_w, stride_w * pixel],
            next_line: [stride_h, stride_h * row],
            next_column: [dilation_w, (dilation_w * pixel).wrapping_sub(read)],
            next_row: [dilation_h, dilation_h * row],
            filter: self.filter,
            in_h,
            in_w,
            inputs: if self.depthwise { 0 } else { in_c },
            whole: [whole, filter_w * in_c],
            passed_column: [column, read],
            passed_row: filter_w * column,
            next_block: if self.depthwise { CHANNELS_BYTES } else { 0 },
            min: self.min,
            max: self.max,
        };
        // SAFETY: inputs are read of rows and columns that lie in the input alone. There are weights of all of a window for every block of channels, and
        // the output has a pixel for every window, with all channels (checked above). The references last until it returns, and cells may be written.
        unsafe { W::run(&mut call) }
    }
}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod assembly;
#[cfg(all(target_arch = "arm", target_os = "none"))]
use assembly::{floats, halves};

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod twin;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
use twin::{floats, halves};
