//! Rows of inputs times a matrix, four output channels a block.
//!
//! A block of weights is, in words of 32 bits: what the sums of its channels begin with, as they are kept (`low`, `low + 256·high` for channels 0
//! and 1, the same for 2 and 3); for two inputs at a time, the lanes of channels 0 and 1, and of 2 and 3; the constants of the epilogue. Inputs
//! come in groups of four, in the order 0 2, 1 3, which is what SXTB16 makes of a word.

use core::cell::Cell;

use super::Loops;

/// Output channels of a block.
pub const LANES: usize = 4;

/// Inputs of a group.
pub const GROUP: usize = 4;

/// Groups that the loops are unrolled to.
const UNROLLED: usize = 4;

/// Words of a block before those of the weights.
const STARTS: usize = 4;

/// What the loops are told beside their three pointers.
#[derive(Debug)]
#[repr(C)]
pub struct Call {
    /// Bytes from an output of the first pixel to that of the second.
    second: usize,
    /// Behind the last block.
    end: *const u32,
    /// Behind the inputs.
    inputs: *const u8,
    /// Bytes of the unrolled loop that are skipped the first time.
    skip: usize,
}

/// Bytes of code for a group of two pixels, and of one.
#[cfg(all(target_arch = "arm", target_os = "none"))]
const GROUP_CODE: [usize; 2] = [96, 64];
/// Groups that are skipped, for the twins.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
const GROUP_CODE: [usize; 2] = [1, 1];

/// Packed weights of a matrix that are known to fit its sizes.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    loops: Loops,
    inputs: usize,
    channels: usize,
    /// Whole blocks, and the one whose channels are not all there.
    whole: &'a [u32],
    last: &'a [u32],
}

impl<'a> Matrix<'a> {
    /// A matrix; `None` if the weights are not as many, or inputs are not in groups of four.
    #[inline(always)]
    #[must_use]
    pub fn new(loops: Loops, weights: &'a [u32], inputs: usize, channels: usize) -> Option<Self> {
        let block = STARTS + inputs + LANES * loops.constants;
        let blocks = channels.div_ceil(LANES);
        if inputs == 0 || !inputs.is_multiple_of(GROUP) || weights.len() != blocks * block {
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

    /// Outputs of two pixels that lie one behind the other in `y`, whose inputs [`widen_pair`](Self::widen_pair) wrote to `x`. Of slices that do not fit, it
    /// computes nothing.
    #[inline(always)]
    pub fn pair(&self, x: &[Cell<u32>], y: &[Cell<i8>]) {
        let Some(pair) = self.loops.pair else {
            return;
        };
        if x.len() != self.inputs || y.len() != 2 * self.channels {
            return;
        }
        let run = |weights: &[u32], y: &[Cell<i8>], second: usize| {
            let call = call(weights, x, GROUP_CODE[0], second);
            let (x, y) = (x.as_ptr().cast(), y.as_ptr().cast_mut().cast());
            // SAFETY: `x` has the inputs of two pixels (checked above), `weights` blocks for that many inputs (checked in `new`), and both pixels' outputs
            // of all their channels lie within `y`; the references last until it returns, and cells may be written.
            unsafe { run_pair(pair, weights.as_ptr(), x, y, &call) }
        };
        if !self.whole.is_empty() {
            run(self.whole, y, self.channels);
        }
        if !self.last.is_empty() {
            let outputs: [Cell<i8>; 2 * LANES] = Default::default();
            run(self.last, &outputs, LANES);
            let (first, second) = y.split_at_checked(self.channels).unwrap_or((&[], &[]));
            self.copy_last(&outputs, first);
            self.copy_last(outputs.get(LANES..).unwrap_or(&[]), second);
        }
    }

    /// Outputs of one row of inputs, which it reads while it writes. Of slices that do not fit, it computes nothing.
    #[inline(always)]
    pub fn row(&self, x: &[Cell<i8>], y: &[Cell<i8>]) {
        let Some(row) = self.loops.row else {
            return;
        };
        if x.len() != self.inputs || y.len() != self.channels {
            return;
        }
        let run = |weights: &[u32], y: &[Cell<i8>]| {
            let call = call(weights, x, GROUP_CODE[1], 0);
            let (x, y) = (x.as_ptr().cast(), y.as_ptr().cast_mut().cast());
            // SAFETY: `weights` has blocks for as many inputs as `x` has (checked in `new`, and above), and their outputs lie within `y`; the references
            // last until it returns, and cells may be written.
            unsafe { run_row(row, weights.as_ptr(), x, y, &call) }
        };
        if !self.whole.is_empty() {
            run(self.whole, y);
        }
        if !self.last.is_empty() {
            let outputs: [Cell<i8>; LANES] = Default::default();
            run(self.last, &outputs);
            self.copy_last(&outputs, y);
        }
    }

    /// Writes the inputs of two pixels as [`pair`](Self::pair) takes them, to as many words as each has: 16 bits each, the pixels in turn. The first
    /// one's begin with `x`, the second one's `second` behind them. Of slices that do not fit, it writes nothing.
    #[inline(always)]
    pub fn widen_pair(&self, x: &[Cell<i8>], second: usize, runs: Runs, to: &[Cell<u32>]) {
        let (Runs { count, len, step }, Some(widen)) = (runs, self.loops.widen) else {
            return;
        };
        if count == 0 || len < GROUP || !len.is_multiple_of(GROUP) || step < len {
            return;
        }
        if (count - 1) * step + second + len > x.len() || count * len > to.len() {
            return;
        }
        let first = x.as_ptr().cast::<u8>();
        // SAFETY: all runs of both pixels lie within `x`, and there is a word for each input of one in `to`, both checked above; cells may be written.
        unsafe {
            let call = Widen {
                first,
                second: first.add(second),
                to: to.as_ptr().cast_mut().cast(),
                groups: len / GROUP,
                runs: count,
                between: step - len,
            };
            run_widen(widen, &call);
        }
    }

    /// Copies the outputs of a pixel's last block, which is not whole.
    #[inline(always)]
    fn copy_last(&self, block: &[Cell<i8>], pixel: &[Cell<i8>]) {
        let from = self.channels / LANES * LANES;
        for (y, value) in pixel.get(from..).unwrap_or(&[]).iter().zip(block) {
            y.set(value.get());
        }
    }
}

/// Inputs of either kind are one element each.
#[inline(always)]
fn call<T>(weights: &[u32], x: &[Cell<T>], group_code: usize, second: usize) -> Call {
    let missing = (UNROLLED - x.len() / GROUP % UNROLLED) % UNROLLED;
    Call {
        second,
        end: weights.as_ptr_range().end,
        inputs: x.as_ptr_range().end.cast(),
        skip: missing * group_code,
    }
}

/// Runs of inputs, as many apart as the rows that they lie in.
#[derive(Debug, Clone, Copy)]
pub struct Runs {
    /// How many.
    pub count: usize,
    /// Inputs of one, a multiple of four.
    pub len: usize,
    /// From one to the next.
    pub step: usize,
}

/// What [`Matrix::widen_pair`] is told.
#[derive(Debug)]
#[repr(C)]
#[expect(unreachable_pub, reason = "loops are of a public type that names it")]
pub struct Widen {
    first: *const u8,
    second: *const u8,
    to: *mut u32,
    /// Groups of four of a run.
    groups: usize,
    runs: usize,
    /// Bytes from the end of a run to the next one.
    between: usize,
}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod assembly;
#[cfg(all(target_arch = "arm", target_os = "none"))]
pub use assembly::{PairLoop, RowLoop, WidenLoop};
#[cfg(all(target_arch = "arm", target_os = "none"))]
use assembly::{run_pair, run_row, run_widen};

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod twin;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
pub use twin::{PairLoop, RowLoop, WidenLoop};
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
use twin::{run_pair, run_row, run_widen};
