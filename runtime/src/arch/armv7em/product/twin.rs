//! The loops in Rust, instruction by instruction.

use super::super::instructions::{smlad, smmla, smmlar, ssat8, ssat16, sxtb16};
use super::super::{
    AnyEpilogue, Away, AwayAlike, Epilogue, Long, LongI16, Loops, OnceI16, Short, ShortAlike,
    Signed, TwiceI16,
};
use super::{GROUP, HALF, LANES, OVERLAPPING, PairCall, Part, RowCall, STARTS};

impl AnyEpilogue {
    /// An output: of `L` where the channel `is_low`, of `256·sum` else; of the sum itself where inputs have 16 bits.
    pub(in super::super) fn finish(self, sum: u32, is_low: bool, constants: &[u32]) -> i16 {
        let scaled = (if is_low { sum << 8 } else { sum }) as i32;
        match (self, constants) {
            (Self::Short(shift) | Self::ShortAlike(shift), &[m, c]) => {
                ssat8(smmla(scaled, m as i32, c as i32), shift).into()
            }
            (Self::Away(shift) | Self::AwayAlike(shift), &[m, c]) => {
                let c = (c as i32).wrapping_add(scaled >> 31);
                ssat8(smmlar(scaled, m as i32, c), shift).into()
            }
            (Self::Signed(shift), &[m, c, d]) => {
                let away = d as i32 & (scaled >> 31);
                ssat8(smmla(scaled, m as i32, c as i32).wrapping_sub(away), shift).into()
            }
            (Self::LongI16, &[m, half, shift]) => {
                let doubled = scaled >> 7;
                let high = smmlar(doubled, m as i32, (half as i32).wrapping_add(doubled >> 31));
                ssat16(high >> (shift & 31), 0)
            }
            (Self::OnceI16, &[m]) => ssat16(smmla(sum as i32, m as i32, 1), 1),
            (Self::TwiceI16, &[factor, addend, shift]) => {
                let high = smmlar(sum as i32, factor as i32, sum as i32);
                let high = high.wrapping_add(high >> 31).wrapping_add(addend as i32);
                ssat16(high >> (shift & 31), 0)
            }
            (Self::Long, &[factor, addend, shift]) => {
                let sum = sum as i32 >> if is_low { 0 } else { 8 };
                let high = smmlar(sum, factor as i32, sum);
                let high = high.wrapping_add(high >> 31).wrapping_add(addend as i32);
                ssat8(high >> (shift & 31), 0).into()
            }
            _ => 0,
        }
    }
}

/// See [`Loops::pair`].
pub type PairLoop = AnyEpilogue;

/// See [`Loops::row`].
pub type RowLoop = AnyEpilogue;

/// See [`Loops::widen`].
#[derive(Debug, Clone, Copy)]
pub struct WidenLoop {
    /// Whether half a group is at the end of each run.
    half: bool,
    overlap: bool,
    /// Bytes of an input.
    input: usize,
}

/// The function that widens inputs.
pub(in super::super) fn widening<const HALF: bool>() -> WidenLoop {
    WidenLoop {
        half: HALF,
        overlap: false,
        input: 1,
    }
}

/// The function that takes inputs of 16 bits in turn.
pub(in super::super) fn interleaving() -> WidenLoop {
    WidenLoop {
        half: false,
        overlap: false,
        input: 2,
    }
}

/// The one for windows that overlap.
pub(in super::super) fn overlapping() -> WidenLoop {
    WidenLoop {
        half: false,
        overlap: true,
        input: 1,
    }
}

/// # Safety
/// As [`Matrix::pairs`](super::Matrix::pairs) has it.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn run_pairs(pair: PairLoop, call: &mut PairCall) {
    let mut y = call.y;
    // SAFETY: all runs of the pairs' pixels are where the call says, there is room for as many words, and an output of each pixel for every channel
    // (the caller).
    unsafe {
        let pairs = call.inputs.offset_from(call.x) as usize / 2;
        while call.count > 0 {
            widen(call);
            for part in call.parts.iter_mut().filter(|part| part.runs > 0) {
                part.start = part.start.wrapping_add(call.next);
            }
            for pixel in [0, 1] {
                let pair_of = |i: usize| call.x.add(2 * i + pixel).read();
                let to = y.add(pixel * call.second);
                outputs(pair, call.weights, pairs, pair_of, to, call.end);
            }
            y = y.wrapping_add(2 * call.second);
            call.count -= 1;
        }
    }
}

/// Writes the inputs of two pixels: 16 bits each, the pixels in turn.
///
/// # Safety
/// As [`run_pairs`] has it.
#[cfg_attr(debug_assertions, inline)]
unsafe fn widen(call: &PairCall) {
    let mut to = call.x.cast_mut();
    let len = call.groups * GROUP;
    let halves = len / HALF + usize::from(call.widen.half);
    for Part { start, runs } in call.parts {
        for run in 0..runs {
            for place in 0..halves {
                // Groups of the pixels of a run in turn.
                let group = place / 2;
                let in_turn = group % OVERLAPPING * call.pixel + group / OVERLAPPING * GROUP;
                let half = match call.widen.overlap {
                    true => in_turn / HALF + place % 2,
                    false => place,
                };
                for pixel in [0, 1] {
                    // SAFETY: as the caller has it.
                    unsafe {
                        let run_bytes = len * call.widen.input + call.between;
                        let run = start.add(run * run_bytes + pixel * call.pixel);
                        to.write(inputs(call.widen.input, run, half));
                        to = to.add(1);
                    }
                }
            }
        }
    }
}

/// A half of a group of inputs of so many bytes.
///
/// # Safety
/// The run has that group.
#[cfg_attr(debug_assertions, inline)]
unsafe fn inputs(bytes: usize, run: *const u8, half: usize) -> u32 {
    // SAFETY: as the caller has it.
    unsafe {
        match bytes {
            1 => widened(run, half),
            _ => run.cast::<u32>().add(half).read_unaligned(),
        }
    }
}

/// A half of a group of inputs: 0 and 2, or 1 and 3.
///
/// # Safety
/// The run has that group.
#[cfg_attr(debug_assertions, inline)]
unsafe fn widened(run: *const u8, half: usize) -> u32 {
    // SAFETY: as the caller has it.
    let word = unsafe { run.add(half / 2 * GROUP).cast::<u32>().read_unaligned() };
    let word = u32::from_le(word);
    match half % 2 {
        0 => sxtb16::<0>(word),
        _ => sxtb16::<8>(word),
    }
}

/// See [`Loops::core`]: whether inputs were widened.
#[derive(Debug, Clone, Copy)]
pub struct RowCore {
    wide: bool,
}

/// The loop over rows as they are.
pub(in super::super) fn narrow() -> RowCore {
    RowCore { wide: false }
}

/// The loop over rows of which the first inputs are widened.
pub(in super::super) fn wide() -> RowCore {
    RowCore { wide: true }
}

/// See [`Loops::wide`].
#[derive(Debug, Clone, Copy)]
pub struct WidenRow;

/// What widens rows.
pub(in super::super) fn wide_row() -> WidenRow {
    WidenRow
}

/// # Safety
/// There are so many groups of inputs, and two words for each.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn run_widen(_: WidenRow, x: *const u8, to: *mut u32, groups: usize) {
    for half in 0..groups * (GROUP / HALF) {
        // SAFETY: as the caller has it.
        unsafe { to.add(half).write(widened(x, half)) }
    }
}

/// # Safety
/// As [`Matrix::row`](super::Matrix::row) has it.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn run_row(
    row: RowLoop,
    weights: *const u32,
    x: *const u8,
    y: *mut i8,
    call: &mut RowCall,
) {
    // SAFETY: whole groups of inputs lie between the first that is taken as it is and the call's end of inputs, and what the others were widened to between
    // `x` and the call's end of these; there is an output for every channel (the caller).
    unsafe {
        let (wide, rest) = match call.core.wide {
            true => (call.wide.offset_from(x.cast()) as usize, call.rest),
            false => (0, x),
        };
        let [input, _] = row.bytes();
        let pairs = wide + call.inputs.offset_from(rest) as usize / (2 * input);
        let pair = |i: usize| match i.checked_sub(wide) {
            None => x.cast::<u32>().add(i).read(),
            Some(half) => inputs(input, rest, half),
        };
        outputs(row, weights, pairs, pair, y, call.end);
    }
}

impl<const SHIFT: u32> Epilogue for Short<SHIFT> {
    type X = i8;
    type Y = i8;

    #[cfg_attr(debug_assertions, inline)]
    fn loops(&self) -> Loops {
        AnyEpilogue::Short(SHIFT).loops()
    }
}

impl<const SHIFT: u32> Epilogue for Away<SHIFT> {
    type X = i8;
    type Y = i8;

    #[cfg_attr(debug_assertions, inline)]
    fn loops(&self) -> Loops {
        AnyEpilogue::Away(SHIFT).loops()
    }
}

impl<const SHIFT: u32> Epilogue for ShortAlike<SHIFT> {
    type X = i8;
    type Y = i8;

    #[cfg_attr(debug_assertions, inline)]
    fn loops(&self) -> Loops {
        AnyEpilogue::ShortAlike(SHIFT).loops()
    }
}

impl<const SHIFT: u32> Epilogue for AwayAlike<SHIFT> {
    type X = i8;
    type Y = i8;

    #[cfg_attr(debug_assertions, inline)]
    fn loops(&self) -> Loops {
        AnyEpilogue::AwayAlike(SHIFT).loops()
    }
}

impl<const SHIFT: u32> Epilogue for Signed<SHIFT> {
    type X = i8;
    type Y = i8;

    #[cfg_attr(debug_assertions, inline)]
    fn loops(&self) -> Loops {
        AnyEpilogue::Signed(SHIFT).loops()
    }
}

impl Epilogue for Long {
    type X = i8;
    type Y = i8;

    #[cfg_attr(debug_assertions, inline)]
    fn loops(&self) -> Loops {
        AnyEpilogue::Long.loops()
    }
}

impl Epilogue for LongI16 {
    type X = i8;
    type Y = i16;

    #[cfg_attr(debug_assertions, inline)]
    fn loops(&self) -> Loops {
        AnyEpilogue::LongI16.loops()
    }
}

impl Epilogue for OnceI16 {
    type X = i16;
    type Y = i16;

    #[cfg_attr(debug_assertions, inline)]
    fn loops(&self) -> Loops {
        AnyEpilogue::OnceI16.loops()
    }
}

impl Epilogue for TwiceI16 {
    type X = i16;
    type Y = i16;

    #[cfg_attr(debug_assertions, inline)]
    fn loops(&self) -> Loops {
        AnyEpilogue::TwiceI16.loops()
    }
}

/// The outputs of one row or pixel, whose inputs are pairs of 16 bits: `pair(i)`.
///
/// # Safety
/// From `weights` to their end are blocks for that many pairs, and `y` has an output for each of their channels.
#[cfg_attr(debug_assertions, inline)]
unsafe fn outputs(
    epilogue: AnyEpilogue,
    mut weights: *const u32,
    pairs: usize,
    pair: impl Fn(usize) -> u32,
    mut y: *mut i8,
    end: *const u32,
) {
    let next = |weights: &mut *const u32| {
        // SAFETY: a block is as long as its parts, and the end is where the last block's is (the caller).
        unsafe {
            let word = weights.read();
            *weights = weights.add(1);
            word
        }
    };
    let [input, output_bytes] = epilogue.bytes();
    let mut shared = end;
    let shared: [u32; 3] = core::array::from_fn(|i| match i < epilogue.shared() {
        true => next(&mut shared),
        false => 0,
    });
    while weights != end {
        let mut sums: [u32; STARTS] = core::array::from_fn(|_| next(&mut weights));
        for i in 0..pairs {
            let x = pair(i);
            for sums in sums.chunks_exact_mut(2) {
                let lanes = next(&mut weights);
                let high = match input {
                    1 => lanes,
                    _ => sxtb16::<8>(lanes),
                };
                sums[0] = smlad(x, sxtb16::<0>(lanes), sums[0]);
                sums[1] = smlad(x, high, sums[1]);
            }
        }
        let mut constants = [0; 3];
        for (lane, sum) in sums.into_iter().enumerate() {
            let is_low = lane % 2 == 0;
            let sum = match is_low || input > 1 {
                true => sum,
                false => sum.wrapping_sub(sums[lane - 1]),
            };
            let constants = &mut constants[..epilogue.constants()];
            if lane < epilogue.channels() {
                constants.fill_with(|| next(&mut weights));
            }
            let output = match epilogue.shared() {
                0 => epilogue.finish(sum, is_low, constants),
                words => epilogue.finish(sum, is_low, &shared[..words]),
            };
            // SAFETY: there is an output for every channel (the caller).
            unsafe {
                match output_bytes {
                    1 => y.add(lane).write(output as i8),
                    _ => y.cast::<i16>().add(lane).write(output),
                }
            }
        }
        // SAFETY: the same; the last step is at most one behind.
        y = unsafe { y.add(LANES * output_bytes) };
    }
}
