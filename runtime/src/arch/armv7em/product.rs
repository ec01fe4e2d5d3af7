//! Rows of inputs times a matrix, four output channels a block.
//!
//! A block of weights is, in words of 32 bits: what the sums of its channels begin with, as they are kept (`low`, `low + 256·high` for channels 0
//! and 1, the same for 2 and 3); for two inputs at a time, the lanes of channels 0 and 1, and of 2 and 3; the constants of the epilogue. Inputs
//! come in groups of four, in the order 0 2, 1 3, which is what SXTB16 makes of a word.
//!
//! Where inputs have 16 bits, sums are kept one by one, and so are their beginnings; inputs are in their own order, and a lane is the bytes of both
//! weights: two SXTB16 make the pairs of two channels.

use core::cell::Cell;
use core::{array, mem, ptr};

use super::Loops;
use crate::arch::memory::Element;

/// Output channels of a block.
pub const LANES: usize = 4;

/// Inputs of a group.
pub const GROUP: usize = 4;

/// Inputs of a half of a group, which a word holds of each pixel.
const HALF: usize = 2;

/// Pixels of a run of windows that overlap.
pub const OVERLAPPING: usize = 3;

/// Inputs of each round of a row, where they were widened before.
const WIDE: usize = 8;

/// Halves that the loop over pairs is unrolled to.
const HALVES: usize = 16;

/// Groups that the loop over a row is unrolled to. The one over a row that was widened is for many inputs: rounds that it is unrolled to, and groups
/// where the rest of its inputs are taken as they are.
const GROUPS: usize = 4;
const ROUNDS: usize = 8;
const REST_GROUPS: usize = 8;

/// Words of a block before those of the weights.
const STARTS: usize = 4;

/// Words of a block for so many inputs, with so many words of constants.
#[inline(always)]
pub(super) fn words(inputs: usize, constants: usize) -> usize {
    STARTS + inputs + constants
}

/// What the loop over a row is told beside its three pointers; it changes where a loop begins.
#[derive(Debug)]
#[repr(C)]
pub struct RowCall {
    /// Behind the last block.
    end: *const u32,
    /// Bytes of the unrolled loop that are skipped the first time.
    skip: usize,
    /// The loop.
    core: RowCore,
    /// Of a row that was widened in part: behind what was widened.
    wide: *const u32,
    /// Bytes of the loop over the rest that are skipped the first time.
    rest_skip: usize,
    /// The first input that was not widened.
    rest: *const u8,
    /// Behind the inputs.
    inputs: *const u8,
}

/// Runs of inputs of a pair's first pixel.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Part {
    start: *const u8,
    runs: usize,
}

/// What the loop over pairs is told; it changes the count and where runs begin.
#[derive(Debug)]
#[repr(C)]
pub struct PairCall {
    /// Where the widened inputs of a pair go.
    x: *const u32,
    y: *mut i8,
    /// Bytes from an output of the first pixel to that of the second.
    second: usize,
    /// Behind the last block.
    end: *const u32,
    /// Behind the widened inputs.
    inputs: *const u32,
    /// Bytes of the unrolled loop that are skipped the first time.
    skip: usize,
    weights: *const u32,
    /// Pairs.
    count: usize,
    parts: [Part; 2],
    /// Bytes from a pixel's inputs to the next one's.
    pixel: usize,
    /// Whole groups of a run.
    groups: usize,
    /// Bytes from the end of these to the next run.
    between: usize,
    /// Bytes from a pair's inputs to the next one's.
    next: usize,
    /// What widens a pair's inputs.
    widen: WidenLoop,
}

/// Bytes of code for a half of a pair, for a group of a row, and for a round of a widened one.
const CODE: [usize; 3] = [48, 64, 108];

/// The same of inputs of 16 bits, which no row is widened to; and halves that the loop over pairs is unrolled to.
const CODE_I16: [usize; 2] = [60, 76];
const HALVES_I16: usize = 8;

/// Packed weights of a matrix that are known to fit its sizes.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    loops: Loops,
    inputs: usize,
    channels: usize,
    /// Whole blocks, with what all channels share behind them, and the one whose channels are not all there.
    whole: &'a [u32],
    last: &'a [u32],
}

/// Where the inputs of pairs of pixels lie. Distances are inputs.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    /// How many pairs.
    pub count: usize,
    /// From a pixel's to the next one's.
    pub pixel: usize,
    /// Where the first pixel's runs begin, and how many there are; twice, as rows may lie around.
    pub parts: [(usize, usize); 2],
    /// Inputs of a run: whole groups, but for what the loops end with.
    pub len: usize,
    /// From a run to the next one.
    pub step: usize,
}

impl Windows {
    /// Whether all that is read lies within so many inputs.
    #[inline(always)]
    fn fit(&self, inputs: usize) -> bool {
        let last = (2 * self.count).saturating_sub(1) * self.pixel;
        let fits = |(start, runs): (usize, usize)| match runs.checked_sub(1) {
            None => true,
            Some(runs) => {
                start + last + runs * self.step + self.len.next_multiple_of(GROUP) <= inputs
            }
        };
        let [first, second] = self.parts;
        self.len >= GROUP && self.step >= self.len && fits(first) && fits(second)
    }

    /// Whether they are what [`Overlapping`](super::Overlapping) takes.
    #[inline(always)]
    fn overlap(&self) -> bool {
        self.len == OVERLAPPING * self.pixel && self.pixel.is_multiple_of(GROUP)
    }
}

impl<'a> Matrix<'a> {
    /// A matrix; `None` if the weights are not as many, or inputs are not in halves of groups.
    #[inline(always)]
    #[must_use]
    pub fn new(loops: Loops, weights: &'a [u32], inputs: usize, channels: usize) -> Option<Self> {
        let block = loops.words(inputs);
        let blocks = channels.div_ceil(LANES);
        let fits = inputs >= GROUP && inputs.is_multiple_of(HALF);
        if channels == 0 || !fits || weights.len() != blocks * block {
            return None;
        }
        let (whole, last) = weights.split_at_checked(channels / LANES * block)?;
        Some(Self {
            loops,
            inputs,
            channels,
            whole,
            last,
        })
    }

    /// A matrix for single rows that are widened, behind whose blocks there may be what all channels share.
    #[inline(always)]
    #[must_use]
    pub fn of_wide_rows(
        loops: Loops,
        weights: &'a [u32],
        inputs: usize,
        channels: usize,
    ) -> Option<Self> {
        let blocks = weights.len().checked_sub(loops.shared)?;
        let matrix = Self::new(loops, weights.get(..blocks)?, inputs, channels)?;
        match (loops.shared, matrix.last) {
            (0, _) => Some(matrix),
            // Channels fill blocks.
            (_, []) => Some(Self {
                whole: weights,
                ..matrix
            }),
            _ => None,
        }
    }

    /// Outputs of pixels, two at a time, that lie one behind the other in `y`. It writes the inputs of each two pixels to `pairs` before their
    /// outputs: 16 bits each, the pixels in turn. Of slices that do not fit, it computes nothing.
    #[inline(always)]
    pub fn pairs<X: Element, Y: Element>(
        &self,
        x: &[Cell<X>],
        windows: &Windows,
        pairs: &[Cell<u32>],
        y: &[Cell<Y>],
    ) {
        let (Some(pair), Some(widen)) = (self.loops.pair, self.loops.widen) else {
            return;
        };
        let Windows { count, len, .. } = *windows;
        let [(_, first), (_, second)] = windows.parts;
        if count == 0
            || !windows.fit(x.len())
            || len % GROUP != self.loops.rest
            || !self.takes::<X, Y>()
            || self.loops.overlap && !windows.overlap()
            || (first + second) * len != self.inputs
            || pairs.len() != self.inputs
            || y.len() != 2 * count * self.channels
        {
            return;
        }
        let (x_bytes, y_bytes) = (mem::size_of::<X>(), mem::size_of::<Y>());
        let part = |(start, runs): (usize, usize)| Part {
            start: x.as_ptr().wrapping_add(start).cast(),
            runs,
        };
        let (halves, code) = match x_bytes {
            1 => (HALVES, CODE[0]),
            _ => (HALVES_I16, CODE_I16[0]),
        };
        let parts = windows.parts.map(part);
        let mut call = PairCall {
            x: pairs.as_ptr().cast(),
            // One half comes before the loop.
            skip: missing(self.inputs / HALF - 1, halves) * code,
            y: y.as_ptr().cast_mut().cast(),
            second: self.channels * y_bytes,
            end: self.whole.as_ptr_range().end,
            inputs: pairs.as_ptr_range().end.cast(),
            weights: self.whole.as_ptr(),
            count,
            parts,
            pixel: windows.pixel * x_bytes,
            groups: len / GROUP,
            between: (windows.step - len / GROUP * GROUP) * x_bytes,
            next: 2 * windows.pixel * x_bytes,
            widen,
        };
        // SAFETY: for each call below, all runs of all pixels lie within `x`, `pairs` has a word for each input of one, and every pixel has outputs of
        // the blocks' channels in `y` (checked above) or in a block of their own; there are blocks for that many inputs (checked in `new`). The
        // references last until it returns, and cells may be written.
        let run = |call: &mut PairCall| unsafe { run_pairs(pair, call) };
        if self.last.is_empty() {
            run(&mut call);
            return;
        }
        let mut left = y;
        for _ in 0..count {
            let Some((y, rest)) = left.split_at_checked(2 * self.channels) else {
                return;
            };
            left = rest;
            call.count = 1;
            if !self.whole.is_empty() {
                call.y = y.as_ptr().cast_mut().cast();
                call.second = self.channels * y_bytes;
                call.weights = self.whole.as_ptr();
                call.end = self.whole.as_ptr_range().end;
                run(&mut call);
                // The inputs are there.
                call.parts.iter_mut().for_each(|part| part.runs = 0);
            }
            let outputs: [Cell<Y>; 2 * LANES] = array::from_fn(|_| Cell::new(Y::ZERO));
            call.count = 1;
            call.y = outputs.as_ptr().cast_mut().cast();
            call.second = LANES * y_bytes;
            call.weights = self.last.as_ptr();
            call.end = self.last.as_ptr_range().end;
            run(&mut call);
            for (now, all) in call.parts.iter_mut().zip(parts) {
                now.runs = all.runs;
            }
            let (first, second) = y.split_at_checked(self.channels).unwrap_or((&[], &[]));
            self.copy_last(&outputs, first);
            self.copy_last(outputs.get(LANES..).unwrap_or(&[]), second);
        }
    }

    /// Whether the loops read and write elements of these types.
    #[inline(always)]
    fn takes<X: Element, Y: Element>(&self) -> bool {
        (self.loops.input, self.loops.output) == (mem::size_of::<X>(), mem::size_of::<Y>())
    }

    /// Outputs of one row of inputs, which it reads while it writes. Of slices that do not fit, it computes nothing.
    #[inline(always)]
    pub fn row<X: Element, Y: Element>(&self, x: &[Cell<X>], y: &[Cell<Y>]) {
        if x.len() == self.inputs
            && x.len().is_multiple_of(GROUP)
            && self.loops.wide.is_none()
            && self.takes::<X, Y>()
        {
            let code = match mem::size_of::<X>() {
                1 => CODE[1],
                _ => CODE_I16[1],
            };
            let end = x.as_ptr_range().end.cast();
            let call = |core| RowCall {
                inputs: end,
                end: ptr::null(),
                skip: missing(self.inputs / GROUP, GROUPS) * code,
                core,
                wide: ptr::null(),
                rest: end,
                rest_skip: 0,
            };
            self.blocks(x.as_ptr().cast(), call, y);
        }
    }

    /// The same of loops that take the first inputs widened: to `wide`, a word for each two, before the first output. Their number is a multiple of
    /// eight.
    #[inline(always)]
    pub fn wide_row(&self, x: &[Cell<i8>], wide: &[Cell<u32>], y: &[Cell<i8>]) {
        let Some(widen) = self.loops.wide else {
            return;
        };
        let widened = wide.len() * HALF;
        if x.len() == self.inputs
            && x.len().is_multiple_of(GROUP)
            && widened.is_multiple_of(WIDE)
            && (WIDE..=x.len()).contains(&widened)
            && self.takes::<i8, i8>()
        {
            let to = wide.as_ptr().cast_mut().cast();
            // SAFETY: there are two words for each group of four inputs, and cells may be written.
            unsafe { run_widen(widen, x.as_ptr().cast(), to, widened / GROUP) }
            let call = |core| RowCall {
                inputs: x.as_ptr_range().end.cast(),
                end: ptr::null(),
                skip: missing(widened / WIDE, ROUNDS) * CODE[2],
                core,
                wide: wide.as_ptr_range().end.cast(),
                rest: x.as_ptr().cast::<u8>().wrapping_add(widened),
                rest_skip: missing((x.len() - widened) / GROUP, REST_GROUPS) * CODE[1],
            };
            self.blocks(wide.as_ptr().cast(), call, y);
        }
    }

    /// Outputs of inputs as the loop takes them, of a call that lacks its end.
    #[inline(always)]
    fn blocks<Y: Element>(
        &self,
        x: *const u8,
        call: impl FnOnce(RowCore) -> RowCall,
        y: &[Cell<Y>],
    ) {
        let (Some(row), Some(core)) = (self.loops.row, self.loops.core) else {
            return;
        };
        if y.len() != self.channels {
            return;
        }
        let mut call = call(core);
        let rest_skip = call.rest_skip;
        // Behind the blocks there may be what all channels share.
        let mut run = |weights: &[u32], words: usize, y: &[Cell<Y>]| {
            call.end = weights.as_ptr().wrapping_add(words);
            call.rest_skip = rest_skip;
            let y = y.as_ptr().cast_mut().cast();
            // SAFETY: `weights` has blocks for as many inputs as there are and what all channels share (checked in `new`, and by the callers), and their
            // outputs lie within `y`; the references last until it returns, and cells may be written.
            unsafe { run_row(row, weights.as_ptr(), x, y, &mut call) }
        };
        if !self.whole.is_empty() {
            run(self.whole, self.whole.len() - self.loops.shared, y);
        }
        if !self.last.is_empty() {
            let outputs: [Cell<Y>; LANES] = array::from_fn(|_| Cell::new(Y::ZERO));
            run(self.last, self.last.len(), &outputs);
            self.copy_last(&outputs, y);
        }
    }

    /// Copies the outputs of a pixel's last block, which is not whole.
    #[inline(always)]
    fn copy_last<Y: Element>(&self, block: &[Cell<Y>], pixel: &[Cell<Y>]) {
        let from = self.channels / LANES * LANES;
        let pixel = pixel.get(from..self.channels).unwrap_or(&[]);
        for (y, value) in pixel.iter().zip(block) {
            y.set(value.get());
        }
    }
}

/// How many are missing to whole rounds of an unrolled loop.
#[inline(always)]
fn missing(count: usize, unrolled: usize) -> usize {
    (unrolled - count % unrolled) % unrolled
}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod assembly;
#[cfg(all(target_arch = "arm", target_os = "none"))]
pub use assembly::{PairLoop, RowCore, RowLoop, WidenLoop, WidenRow};
#[cfg(all(target_arch = "arm", target_os = "none"))]
pub(super) use assembly::{overlapping, wide, wide_row, widening};
#[cfg(all(target_arch = "arm", target_os = "none"))]
use assembly::{run_pairs, run_row, run_widen};

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod twin;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
pub use twin::{PairLoop, RowCore, RowLoop, WidenLoop, WidenRow};
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
pub(super) use twin::{interleaving, narrow, overlapping, wide, wide_row, widening};
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
use twin::{run_pairs, run_row, run_widen};
