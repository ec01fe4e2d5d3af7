//! Depthwise convolution of 3×3 windows: a row of outputs, channel by channel.
//!
//! Inputs lie channel by channel, 16 bits each, three rows of a channel one behind the other, with their padding. A word holds two neighbours, and
//! so do the weights of a filter row, `(w0, w1)` and `(w1, w2)`: then two instructions compute three taps. Weights are kept times 256, which is what
//! the short epilogues want of a sum.
//!
//! Of inputs of 16 bits, weights are kept as they are, and so is what a sum begins with.
//!
//! A channel of weights is, in words of 32 bits: both pairs of each filter row, what the sum begins with, times 256, the constants of the epilogue.

use core::cell::Cell;

use super::{Away, Long, OnceI16, Short, Signed, TwiceI16, Value};
use crate::arch::memory::Element;

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
    /// From the third to the first of the next outputs; of the next channel where a loop computes a row at once.
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

/// Loops over a row of outputs: how many are computed at once, at which stride, and how sums become outputs.
pub trait DepthwiseLoops: Copy {
    /// An input, and an output.
    type Value: Value;

    /// The loops.
    fn loops(&self) -> DepthwiseRow;
}

/// What computes a row of outputs.
#[derive(Debug, Clone, Copy)]
pub struct DepthwiseRow {
    /// Bytes of an input, and of an output.
    pub bytes: usize,
    /// Columns from a window to the next: 1 or 2.
    pub stride: usize,
    /// Outputs at once, as often as they fit in a row, and how many are left at its end.
    pub at_once: [usize; 2],
    /// Words of constants of a channel.
    pub constants: usize,
    /// The loop for outputs at once, where there are any.
    pub whole: Option<Loop>,
    /// The loop for those that are left, where there are any.
    pub last: Option<Loop>,
    /// What lays rows out; see [`Layout`].
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

/// Channels that are computed row by row, whose sizes are known to fit.
#[derive(Debug, Clone, Copy)]
pub struct Channels<'a> {
    row: &'a DepthwiseRow,
    weights: &'a [u32],
    /// Three rows for each channel, that many words each.
    rows: &'a [Cell<u32>],
    words: usize,
    /// Outputs of a row in one go, and behind these.
    whole: usize,
    step: usize,
    /// Outputs from the first one to the last.
    reach: usize,
}

impl<'a> Channels<'a> {
    /// Channels of which a row has `count` outputs, `step` apart; neighbouring channels' are one apart. `None` if slices do not fit.
    #[inline(always)]
    #[must_use]
    pub fn new(
        row: &'a DepthwiseRow,
        weights: &'a [u32],
        rows: &'a [Cell<u32>],
        words: usize,
        [count, channels, step]: [usize; 3],
    ) -> Option<Self> {
        let [at_once, last] = row.at_once;
        let whole = count.checked_sub(last)?;
        // A window and what is read beside it, to whole words.
        let reads = (count * row.stride + ROWS - row.stride).div_ceil(2);
        let fits = weights.len() == channels * channel_words(row)
            && rows.len() >= channels * ROWS * words
            && channels > 0
            && count > 0
            && reads <= words
            && row.whole.is_some() == (at_once > 0)
            && row.last.is_some() == (last > 0)
            && whole.is_multiple_of(at_once);
        fits.then_some(Self {
            row,
            weights,
            rows,
            words,
            whole,
            step,
            reach: (count - 1) * step + channels,
        })
    }

    /// A row of outputs. `first` is which of the three rows is a window's first; the others follow around. Of a slice that does not fit, it computes
    /// nothing.
    #[inline(always)]
    pub fn outputs<Y: Element>(&self, first: usize, y: &[Cell<Y>]) {
        let bytes = size_of::<Y>();
        if first >= ROWS || y.len() < self.reach || bytes != self.row.bytes {
            return;
        }
        let row = self.words as isize * 4;
        let after = |slot: usize| if first == slot { -2 * row } else { row };
        let (second, third) = (after(2), after(1));
        // Bytes of an output's first column.
        let column = 2 * self.row.stride as isize;
        let [at_once, _] = self.row.at_once;
        let mut run = Run {
            end: self.weights.as_ptr_range().end,
            second,
            third,
            next: at_once as isize * column - second - third,
            channel: ROWS as isize * row,
            span: self.whole as isize * column,
            step: (self.step * bytes) as isize,
            outputs: (at_once * self.step * bytes) as isize,
        };
        let x = self.rows.as_ptr().cast::<u32>();
        let y = y.as_ptr().cast_mut().cast::<Y>();
        // SAFETY: `rows` has three rows of `words` words for each channel, of which windows reach no more; `weights` has whole channels (checked in `new`).
        // The last channel of the last output lies within `y` (checked above). The references last until it returns, and cells may be written.
        unsafe {
            let x = x.byte_offset(first as isize * row);
            if let Some(whole) = self.row.whole.filter(|_| self.whole > 0) {
                run_loop(whole, self.weights.as_ptr(), x, y.cast(), &run);
            }
            if let Some(last) = self.row.last {
                run.next = run.channel - second - third;
                let x = x.byte_offset(run.span);
                let y = y.add(self.whole * self.step);
                run_loop(last, self.weights.as_ptr(), x, y.cast(), &run);
            }
        }
    }
}

/// How a row of an image whose channels lie side by side is laid out channel by channel.
#[derive(Debug, Clone, Copy)]
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

/// Lays rows of pixels out, of four channels or several times four: 16 bits each, behind a column of padding or none.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    planar: PlanarLoop,
    row: Row,
    /// Inputs from the first one to the last, and words that are written.
    reach: [usize; 2],
    /// Bytes of an input.
    bytes: usize,
}

impl Layout {
    /// Rows of so many pixels, each so far from the next one; channels are `channel` words apart. `None` if there are too few.
    #[inline(always)]
    #[must_use]
    pub fn new(
        depthwise: &DepthwiseRow,
        (pixels, pixel): (usize, usize),
        (channels, channel): (usize, usize),
        padded: bool,
        zero_point: i8,
    ) -> Option<Self> {
        let groups = channels / 4;
        let inner = pixels.checked_sub(usize::from(padded))?;
        let words = usize::from(padded) + inner.div_ceil(2);
        if groups == 0 || inner < 2 {
            return None;
        }
        let zero_point = u32::from(i16::from(zero_point) as u16);
        Some(Self {
            planar: depthwise.planar,
            row: Row {
                x: core::ptr::null(),
                pixel: pixel * depthwise.bytes,
                to: core::ptr::null_mut(),
                channel: channel * 4,
                groups,
                pairs: inner / 2,
                padding: zero_point | zero_point << 16,
                first: padded.into(),
                last: (inner % 2) as u32,
            },
            bytes: depthwise.bytes,
            reach: [
                (pixels - 1) * pixel + groups * 4,
                (groups * 4 - 1) * channel + words,
            ],
        })
    }

    /// Lays one row out. Of slices that do not fit, it writes nothing.
    #[inline(always)]
    pub fn lay<X: Element>(&self, x: &[Cell<X>], to: &[Cell<u32>]) {
        let [inputs, words] = self.reach;
        if size_of::<X>() != self.bytes || x.len() < inputs || to.len() < words {
            return;
        }
        let row = Row {
            x: x.as_ptr().cast(),
            to: to.as_ptr().cast_mut().cast(),
            ..self.row
        };
        // SAFETY: the last pixel has all channels, and the last channel room for all words, both checked above; cells may be written.
        unsafe { run_planar(self.planar, &row) }
    }
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
pub use twin::{AnyDepthwise, AnyDepthwiseI16};
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
pub(super) use twin::{Loop, PlanarLoop};
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
use twin::{run_loop, run_planar};
