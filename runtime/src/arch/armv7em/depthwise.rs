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
    pub(super) bytes: usize,
    /// Columns from a window to the next: 1 or 2.
    pub(super) stride: usize,
    /// Outputs at once, as often as they fit in a row, and how many are left at its end.
    pub(super) at_once: [usize; 2],
    /// Words of constants of a channel.
    pub(super) constants: usize,
    /// The loop for outputs at once, where there are any.
    pub(super) whole: Option<Loop>,
    /// The loop for those that are left, where there are any.
    pub(super) last: Option<Loop>,
    /// What lays rows out; see [`Rows`].
    pub(super) planar: PlanarLoop,
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

/// How rows of an image whose channels lie side by side are laid out channel by channel.
#[derive(Debug)]
#[repr(C)]
pub struct Rows {
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
    /// How many rows, and bytes from one to the next: of pixels, and of words.
    rows: usize,
    row: usize,
    to_row: usize,
}

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Rows of the input, and pixels of a row.
    pub input: [usize; 2],
    /// The same of the output.
    pub output: [usize; 2],
    /// All channels, and how many are laid out at a time: four, or several times four.
    pub channels: [usize; 2],
    /// Words of a row that is laid out.
    pub words: usize,
    /// Whether a row begins with a column of padding.
    pub padded: bool,
    /// What it is.
    pub zero_point: i8,
}

/// A convolution of an image, row by row and some channels at a time, whose sizes are known to fit.
pub struct Planes<'a, V> {
    loops: &'a DepthwiseRow,
    sizes: &'a Sizes,
    x: &'a [Cell<V>],
    weights: &'a [u32],
    /// Three rows for each channel of those that come at a time.
    kept: &'a [Cell<u32>],
    y: &'a [Cell<V>],
    /// What the loops are told, but for what differs from row to row. Until channels are taken, there are no groups.
    rows: Rows,
    run: Run,
    /// The first of the channels that were taken.
    channel: usize,
    /// Outputs before those that are left at the end of a row.
    whole: usize,
}

impl<'a, V: Element> Planes<'a, V> {
    /// `None` if slices do not fit.
    #[inline(always)]
    #[must_use]
    pub fn new(
        loops: &'a DepthwiseRow,
        sizes: &'a Sizes,
        x: &'a [Cell<V>],
        weights: &'a [u32],
        kept: &'a [Cell<u32>],
        y: &'a [Cell<V>],
    ) -> Option<Self> {
        let ([height, width], [out_height, count]) = (sizes.input, sizes.output);
        let [all, most] = sizes.channels;
        let [at_once, last] = loops.at_once;
        let padded = usize::from(sizes.padded);
        let inner = width.checked_sub(padded)?;
        let whole = count.checked_sub(last)?;
        // A window and what is read beside it, to whole words.
        let reads = (count * loops.stride + ROWS - loops.stride).div_ceil(2);
        let elements = |of: [usize; 2]| of[0].checked_mul(of[1])?.checked_mul(all);
        let fits = size_of::<V>() == loops.bytes
            && elements([height, width]) == Some(x.len())
            && elements([out_height, count]) == Some(y.len())
            && weights.len() == all * channel_words(loops)
            && kept.len() >= most * ROWS * sizes.words
            && count > 0
            && inner >= 2
            && padded + inner.div_ceil(2) <= sizes.words
            && reads <= sizes.words
            && loops.whole.is_some() == (at_once > 0)
            && loops.last.is_some() == (last > 0)
            && whole.is_multiple_of(at_once);
        // Bytes of a pixel, of a row that is kept, and of an output's first column.
        let (pixel, row) = (all * loops.bytes, sizes.words * 4);
        let column = 2 * loops.stride as isize;
        let zero_point = u32::from(i16::from(sizes.zero_point) as u16);
        fits.then_some(Self {
            loops,
            sizes,
            x,
            weights,
            kept,
            y,
            rows: Rows {
                x: core::ptr::null(),
                pixel,
                to: core::ptr::null_mut(),
                channel: ROWS * row,
                groups: 0,
                pairs: inner / 2,
                padding: zero_point | zero_point << 16,
                first: sizes.padded.into(),
                last: (inner % 2) as u32,
                rows: 0,
                row: width * pixel,
                to_row: row,
            },
            run: Run {
                end: core::ptr::null(),
                second: 0,
                third: 0,
                next: 0,
                channel: (ROWS * row) as isize,
                span: whole as isize * column,
                step: pixel as isize,
                outputs: (at_once * pixel) as isize,
            },
            channel: 0,
            whole,
        })
    }

    /// Padding, in both halves of a word.
    #[inline(always)]
    #[must_use]
    pub fn padding(&self) -> u32 {
        self.rows.padding
    }

    /// Goes on with so many channels from one on, four or more; with none if there are no such.
    #[inline(always)]
    pub fn take(&mut self, [channel, channels]: [usize; 2]) {
        let [all, most] = self.sizes.channels;
        let is_there = channels <= most && channel < all && channels <= all - channel;
        let (channel, channels) = if is_there {
            (channel, channels)
        } else {
            (0, 0)
        };
        (self.channel, self.rows.groups) = (channel, channels / 4);
        let behind = (channel + channels) * channel_words(self.loops);
        self.run.end = self.weights.as_ptr().wrapping_add(behind);
    }

    /// Lays `count` rows from one on out, the first one to the first, second or third place. Of what is not there it lays out nothing.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    pub fn lay(&mut self, [row, count]: [usize; 2], place: usize) {
        let [height, width] = self.sizes.input;
        let is_there = count > 0 && row < height && count <= height - row;
        if !is_there || place >= ROWS || count > ROWS - place || self.rows.groups == 0 {
            return;
        }
        let from = row * width * self.sizes.channels[0] + self.channel;
        self.rows.x = self.x.as_ptr().wrapping_add(from).cast();
        let to = self.kept.as_ptr().wrapping_add(place * self.sizes.words);
        self.rows.to = to.cast_mut().cast();
        self.rows.rows = count;
        // SAFETY: `x` has these rows, of pixels that have these channels, and `kept` three rows of each, of more words than are written (checked in `new`,
        // `take` and above); cells may be written.
        unsafe { run_planar(self.loops.planar, &self.rows) }
    }

    /// A row of outputs. `first` is the place of a window's first row; the others follow around. Of a row that is not
    /// there, it computes nothing.
    #[inline(always)]
    pub fn outputs(&mut self, row: usize, first: usize) {
        let [height, count] = self.sizes.output;
        if row >= height || first >= ROWS || self.rows.groups == 0 {
            return;
        }
        let channel = self.channel;
        let all = self.sizes.channels[0];
        let bytes = self.rows.to_row as isize;
        let after = |place: usize| if first == place { -2 * bytes } else { bytes };
        let (second, third) = (after(2), after(1));
        let weights = channel * channel_words(self.loops);
        let weights = self.weights.as_ptr().wrapping_add(weights);
        (self.run.second, self.run.third) = (second, third);
        let x = self
            .kept
            .as_ptr()
            .cast::<u32>()
            .wrapping_byte_offset(first as isize * bytes);
        let y = self
            .y
            .as_ptr()
            .cast_mut()
            .wrapping_add(row * count * all + channel);
        // SAFETY: `kept` has three rows for each channel, of which windows reach no more; `weights` has all channels, these among them, and `y` all rows
        // (checked in `new`, `take` and above). The references last until it returns, and cells may be written.
        unsafe {
            if let Some(whole) = self.loops.whole.filter(|_| self.whole > 0) {
                let at_once = 2 * self.loops.stride * self.loops.at_once[0];
                self.run.next = at_once as isize - second - third;
                run_loop(whole, weights, x, y.cast(), &self.run);
            }
            if let Some(last) = self.loops.last {
                self.run.next = self.run.channel - second - third;
                let x = x.byte_offset(self.run.span);
                let y = y.add(self.whole * all);
                run_loop(last, weights, x, y.cast(), &self.run);
            }
        }
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
