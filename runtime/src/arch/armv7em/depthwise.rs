//! Depthwise convolution of 3×3 windows: a row of outputs, channel by channel.
//!
//! Inputs lie channel by channel, 16 bits each, three rows of a channel one behind the other, with their padding. A word holds two neighbours, and
//! so do the weights of a filter row, `(w0, w1)` and `(w1, w2)`: then two instructions compute three taps. Weights are kept times 256, which is what
//! the short epilogues want of a sum.
//!
//! A channel of weights is, in words of 32 bits: both pairs of each filter row, 256 times what the sum begins with, the constants of the epilogue.

use core::cell::Cell;

use super::{Long, Short, Signed};

/// Rows of a window.
pub const ROWS: usize = 3;

/// Words of a channel before its constants.
const STARTS: usize = 2 * ROWS + 1;

/// What the loops are told beside their three pointers. Distances are bytes, and may go back.
#[derive(Debug)]
#[repr(C)]
pub struct Run {
    /// Behind the last channel of weights.
    end: *const u32,
    /// From the first row of a window to the second.
    second: isize,
    /// From the second to the third.
    third: isize,
    /// From the third to the first of the next outputs.
    next: isize,
    /// From a channel to the next one.
    channel: isize,
    /// All that the first row of a channel is read of.
    span: isize,
    /// From an output to its neighbour.
    step: isize,
    /// From outputs that are computed at once to the next ones.
    outputs: isize,
}

/// Where the inputs of a row of windows lie.
#[derive(Debug, Clone, Copy)]
pub struct Planar<'a> {
    /// Three rows for each channel.
    pub rows: &'a [Cell<u32>],
    /// Words of a row.
    pub words: usize,
    /// Which of the three is a window's first; the others follow around.
    pub first: usize,
}

/// Loops over a row of outputs: how many are computed at once, at which stride, and how sums become outputs.
pub trait DepthwiseLoops: Copy {
    /// The loops.
    fn loops(&self) -> DepthwiseRow;
}

/// What computes a row of outputs.
#[derive(Debug, Clone, Copy)]
pub struct DepthwiseRow {
    /// Columns from a window to the next: 1 or 2.
    pub stride: usize,
    /// Outputs at once, and how many are left at the end of a row.
    pub at_once: [usize; 2],
    /// Words of constants of a channel.
    pub constants: usize,
    /// The loop for outputs at once.
    pub whole: Loop,
    /// The loop for those that are left, where there are any.
    pub last: Option<Loop>,
    /// What lays rows out; see [`planar_row`].
    pub planar: PlanarLoop,
}

/// [`DepthwiseLoops`], known when firmware is compiled: `AT_ONCE` outputs, of which `LEFT` are left at the end of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Depthwise<E, const STRIDE: usize, const AT_ONCE: usize, const LEFT: usize> {
    /// How sums become outputs.
    pub epilogue: E,
}

/// Words of a channel of weights.
#[must_use]
pub fn channel_words(row: &DepthwiseRow) -> usize {
    STARTS + row.constants
}

/// A row of `count` outputs for some channels. Outputs of neighbours are `step` apart, those of neighbouring channels one. Of slices that do not fit, it computes nothing.
#[inline(always)]
pub fn depthwise_row(
    depthwise: &DepthwiseRow,
    planar: Planar<'_>,
    weights: &[u32],
    y: &[Cell<i8>],
    [count, channels, step]: [usize; 3],
) {
    let Planar { rows, words, first } = planar;
    let DepthwiseRow {
        stride,
        at_once: [at_once, last],
        ..
    } = *depthwise;
    // A window and what is read beside it, to whole words.
    let reads = (count * stride + ROWS - stride).div_ceil(2);
    let outputs = (count.max(1) - 1) * step + channels;
    if weights.len() != channels * channel_words(depthwise)
        || channels == 0
        || count < last
        || at_once == 0
        || depthwise.last.is_some() != (last > 0)
        || first >= ROWS
        || reads > words
        || rows.len() < channels * ROWS * words
        || outputs > y.len()
    {
        return;
    }
    let row = words as isize * 4;
    let slots: [isize; ROWS] = core::array::from_fn(|i| {
        let slot = first + i;
        (if slot < ROWS { slot } else { slot - ROWS }) as isize * row
    });
    let whole = count - last;
    // Bytes of an output's first column.
    let column = 2 * stride as isize;
    let run = |count: usize, at_once: usize| Run {
        end: weights.as_ptr_range().end,
        second: slots[1] - slots[0],
        third: slots[2] - slots[1],
        next: slots[0] - slots[2] + at_once as isize * column,
        channel: ROWS as isize * row,
        span: count as isize * column,
        step: step as isize,
        outputs: (at_once * step) as isize,
    };
    let x = rows.as_ptr().cast::<u32>();
    let y = y.as_ptr().cast_mut().cast::<i8>();
    // SAFETY: `rows` has three rows of `words` words for each channel, of which windows reach no more than `reads`; `weights` has whole channels; the
    // last channel of the last output lies within `y`: all checked above. The references last until it returns, and cells may be written.
    unsafe {
        let x = x.byte_offset(slots[0]);
        if whole > 0 {
            run_loop(
                depthwise.whole,
                weights.as_ptr(),
                x,
                y,
                &run(whole, at_once),
            );
        }
        if let Some(left) = depthwise.last {
            let x = x.byte_offset(whole as isize * column);
            run_loop(
                left,
                weights.as_ptr(),
                x,
                y.add(whole * step),
                &run(last, last),
            );
        }
    }
}

/// A row of an image whose channels lie side by side, for [`planar_row`].
#[derive(Debug)]
#[repr(C)]
pub struct Row {
    x: *const u8,
    /// Bytes from a pixel to the next.
    pixel: usize,
    to: *mut u32,
    /// Bytes from a channel to the next.
    channel: usize,
    /// Groups of four channels.
    groups: usize,
    /// Pairs of pixels beside the first and the last.
    pairs: usize,
    /// The zero point in both halves.
    padding: u32,
    /// Whether the first pair is padding and a pixel.
    first: u32,
    /// Whether the last is a pixel and padding.
    last: u32,
}

/// Writes four channels of a row of pixels, or several times four, channel by channel: 16 bits each, behind `padded` columns of
/// padding, none or one. The channels are `channel` words apart. Of slices that do not fit, it writes nothing.
#[inline(always)]
pub fn planar_row(
    depthwise: &DepthwiseRow,
    x: &[Cell<i8>],
    (pixels, pixel): (usize, usize),
    channels: usize,
    padded: bool,
    zero_point: i8,
    to: &[Cell<u32>],
    channel: usize,
) {
    let groups = channels / 4;
    let inner = pixels.saturating_sub(usize::from(padded));
    let words = usize::from(padded) + inner.div_ceil(2);
    if pixels == 0
        || groups == 0
        || inner < 2
        || (pixels - 1) * pixel + groups * 4 > x.len()
        || (groups * 4 - 1) * channel + words > to.len()
    {
        return;
    }
    let zero_point = u32::from(i16::from(zero_point) as u16);
    let row = Row {
        x: x.as_ptr().cast(),
        pixel,
        to: to.as_ptr().cast_mut().cast(),
        channel: channel * 4,
        groups,
        pairs: inner / 2,
        padding: zero_point | zero_point << 16,
        first: padded.into(),
        last: (inner % 2) as u32,
    };
    // SAFETY: the last pixel has all channels, and the last channel room for all words, both checked above; cells may be written.
    unsafe { run_planar(depthwise.planar, &row) }
}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod assembly;
#[cfg(all(target_arch = "arm", target_os = "none"))]
pub(super) use assembly::{Loop, PlanarLoop};
#[cfg(all(target_arch = "arm", target_os = "none"))]
use assembly::{run_loop, run_planar};

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod twin;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
pub use twin::AnyDepthwise;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
pub(super) use twin::{Loop, PlanarLoop};
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
use twin::{run_loop, run_planar};
