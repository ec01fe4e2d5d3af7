//! The loops in Rust, instruction by instruction.

use super::super::instructions::{smlad, smmla, smmlar, ssat8, sxtb16};
use super::super::{AnyEpilogue, Epilogue, Long, Loops, Short, Signed};
use super::{Call, GROUP, LANES, STARTS, Widen};

impl AnyEpilogue {
    /// An output: of `L` where the channel `is_low`, of `256·sum` else.
    pub(in super::super) fn finish(self, sum: u32, is_low: bool, constants: &[u32]) -> i8 {
        let scaled = (if is_low { sum << 8 } else { sum }) as i32;
        match (self, constants) {
            (Self::Short(shift), &[m, c]) => ssat8(smmla(scaled, m as i32, c as i32), shift),
            (Self::Signed(shift), &[m, c, d]) => {
                let away = d as i32 & (scaled >> 31);
                ssat8(smmla(scaled, m as i32, c as i32).wrapping_sub(away), shift)
            }
            (Self::Long, &[factor, addend, shift]) => {
                let sum = sum as i32 >> if is_low { 0 } else { 8 };
                let high = smmlar(sum, factor as i32, sum);
                let high = high.wrapping_add(high >> 31).wrapping_add(addend as i32);
                ssat8(high >> (shift & 31), 0)
            }
            _ => 0,
        }
    }
}

/// See [`Loops::pair`].
pub type PairLoop = AnyEpilogue;

/// See [`Loops::row`].
pub type RowLoop = AnyEpilogue;

/// # Safety
/// As [`Matrix::pair`](super::Matrix::pair) has it.
pub(super) unsafe fn run_pair(
    pair: PairLoop,
    weights: *const u32,
    x: *const u32,
    y: *mut i8,
    call: &Call,
) {
    // SAFETY: words of both pixels in turn lie between `x` and the call's end of inputs, and there is an output of each pixel for every channel (the
    // caller).
    unsafe {
        let pairs = call.inputs.cast::<u32>().offset_from(x) as usize / 2;
        outputs(pair, weights, pairs, |i| x.add(2 * i).read(), y, call);
        let y = y.add(call.second);
        outputs(pair, weights, pairs, |i| x.add(2 * i + 1).read(), y, call);
    }
}

/// # Safety
/// As [`Matrix::row`](super::Matrix::row) has it.
pub(super) unsafe fn run_row(
    row: RowLoop,
    weights: *const u32,
    x: *const u8,
    y: *mut i8,
    call: &Call,
) {
    // SAFETY: whole groups of inputs lie between `x` and the call's end of inputs, and there is an output for every channel (the caller).
    unsafe {
        let pairs = call.inputs.offset_from(x) as usize / 2;
        let pair = |i: usize| {
            let word = group(x, i / 2);
            match i % 2 {
                0 => sxtb16::<0>(word),
                _ => sxtb16::<8>(word),
            }
        };
        outputs(row, weights, pairs, pair, y, call);
    }
}

impl<const SHIFT: u32> Epilogue for Short<SHIFT> {
    fn loops(&self) -> Loops {
        AnyEpilogue::Short(SHIFT).loops()
    }
}

impl<const SHIFT: u32> Epilogue for Signed<SHIFT> {
    fn loops(&self) -> Loops {
        AnyEpilogue::Signed(SHIFT).loops()
    }
}

impl Epilogue for Long {
    fn loops(&self) -> Loops {
        AnyEpilogue::Long.loops()
    }
}

/// The outputs of one row or pixel, whose inputs are pairs of 16 bits: `pair(i)`.
///
/// # Safety
/// From `weights` to the call's end are blocks for that many pairs, and `y` has an output for each of their channels.
unsafe fn outputs(
    epilogue: AnyEpilogue,
    mut weights: *const u32,
    pairs: usize,
    pair: impl Fn(usize) -> u32,
    mut y: *mut i8,
    call: &Call,
) {
    let next = |weights: &mut *const u32| {
        // SAFETY: a block is as long as its parts, and the end is where the last block's is (the caller).
        unsafe {
            let word = weights.read();
            *weights = weights.add(1);
            word
        }
    };
    while weights != call.end {
        let mut sums: [u32; STARTS] = core::array::from_fn(|_| next(&mut weights));
        for i in 0..pairs {
            let x = pair(i);
            for sums in sums.chunks_exact_mut(2) {
                let lanes = next(&mut weights);
                sums[0] = smlad(x, sxtb16::<0>(lanes), sums[0]);
                sums[1] = smlad(x, lanes, sums[1]);
            }
        }
        for (lane, sum) in sums.into_iter().enumerate() {
            let is_low = lane % 2 == 0;
            let sum = if is_low {
                sum
            } else {
                sum.wrapping_sub(sums[lane - 1])
            };
            let constants: [u32; 3] = core::array::from_fn(|i| match i < epilogue.constants() {
                true => next(&mut weights),
                false => 0,
            });
            let output = epilogue.finish(sum, is_low, &constants[..epilogue.constants()]);
            // SAFETY: there is an output for every channel (the caller).
            unsafe { y.add(lane).write(output) };
        }
        // SAFETY: the same; the last step is at most one behind.
        y = unsafe { y.add(LANES) };
    }
}

/// Four inputs of a row.
///
/// # Safety
/// The row has that group.
unsafe fn group(row: *const u8, index: usize) -> u32 {
    // SAFETY: as the caller has it.
    u32::from_le(unsafe { row.add(index * GROUP).cast::<u32>().read_unaligned() })
}

/// See [`Loops::widen`].
#[derive(Debug, Clone, Copy)]
pub struct WidenLoop;

/// # Safety
/// Groups of four inputs lie where the call says, and there is room for as many words.
pub(super) unsafe fn run_widen(_: WidenLoop, call: &Widen) {
    let mut to = call.to;
    let run = call.groups * GROUP + call.between;
    for at in (0..call.runs).map(|i| i * run) {
        for index in 0..call.groups {
            // SAFETY: as the caller has it.
            let [first, second] =
                [call.first, call.second].map(|row| unsafe { group(row.add(at), index) });
            for word in [
                sxtb16::<0>(first),
                sxtb16::<0>(second),
                sxtb16::<8>(first),
                sxtb16::<8>(second),
            ] {
                // SAFETY: the same.
                unsafe {
                    to.write(word);
                    to = to.add(1);
                }
            }
        }
    }
}
