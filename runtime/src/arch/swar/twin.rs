//! The loops in Rust.

use super::super::requantize;
use super::{Call, MOST_WINDOWS, SEGMENT, SEGMENT_START, SMLAL_LANE};

/// Adds up the lanes of windows: the first window's is the lowest.
fn join(lower: i8, upper: i8, bits: u32) -> u32 {
    i32::from(lower).wrapping_add(i32::from(upper) << bits) as u32
}

/// # Safety
/// As [`Swar::pack`](super::Swar::pack) has it.
pub(super) unsafe fn pack_long<const WORDS: usize>(
    x: &[*const i8; MOST_WINDOWS],
    to: *mut u32,
    len: usize,
) {
    for i in 0..len {
        // SAFETY: as the caller has it.
        let x = x.map(|x| unsafe { x.add(i).read() });
        for (pair, word) in x.chunks_exact(2).zip(0..) {
            let &[lower, upper] = pair else { return };
            // SAFETY: as the caller has it.
            unsafe {
                to.add(WORDS * i + word)
                    .write(join(lower, upper, SMLAL_LANE))
            }
        }
    }
}

/// # Safety
/// As [`Swar::outputs`](super::Swar::outputs) has it.
pub(super) unsafe fn outputs_long<const SIGNED: bool>(call: &Call) {
    // SAFETY: as the caller has it.
    let read = |from: *const u32, i: usize| unsafe { from.add(i).read() };
    // SAFETY: both are of one slice.
    let words = unsafe { call.x_end.offset_from(call.x) } as usize;
    let inputs = words / 2;
    let (mut weights, mut channel) = (call.weights, 0);
    while weights != call.end {
        let start = |n: usize| {
            let [low, high] = [0, 1].map(|half| u64::from(read(weights, 2 * n + half)));
            (low | high << 32) as i64
        };
        let mut sums = [0, 1].map(|n| [start(n); 2]);
        let first = weights.wrapping_add(4).cast::<i8>();
        for i in 0..inputs {
            let x = [0, 1].map(|pair| i64::from(read(call.x, 2 * i + pair) as i32));
            for (n, sums) in sums.iter_mut().enumerate() {
                // SAFETY: as the caller has it.
                let weight = i64::from(unsafe { first.add(2 * i + n).read() });
                for (sum, x) in sums.iter_mut().zip(x) {
                    *sum = sum.wrapping_add(x.wrapping_mul(weight));
                }
            }
        }
        weights = first.wrapping_add(2 * inputs).cast();
        for sums in sums {
            let constants = [0, 1, 2].map(|i| match SIGNED || i < 2 {
                true => read(weights, i) as i32,
                false => 0,
            });
            weights = weights.wrapping_add(if SIGNED { 3 } else { 2 });
            for (window, sum) in sums.into_iter().flat_map(lanes).enumerate() {
                let y = call.y.wrapping_add(window * call.step + channel);
                // SAFETY: as the caller has it.
                unsafe { y.write(requantize::long(sum, constants, call.shift)) }
            }
            channel += 1;
        }
    }
}

/// The sums in both lanes.
fn lanes(sum: i64) -> [i32; 2] {
    let unused = 64 - SMLAL_LANE;
    let lower = sum << unused >> unused;
    [lower as i32, ((sum - lower) >> SMLAL_LANE) as i32]
}

/// # Safety
/// As [`Swar::pack`](super::Swar::pack) has it.
pub(super) unsafe fn pack_short<const WORDS: usize>(
    x: &[*const i8; MOST_WINDOWS],
    to: *mut u32,
    len: usize,
) {
    let (pairs, _) = x.as_chunks();
    for i in 0..len {
        for (word, [lower, upper]) in pairs.iter().enumerate().take(WORDS) {
            // SAFETY: as the caller has it.
            unsafe {
                let word = to.add(WORDS * i + word);
                word.write(join(lower.add(i).read(), upper.add(i).read(), 16));
            }
        }
    }
}

/// # Safety
/// As [`Swar::outputs`](super::Swar::outputs) has it.
pub(super) unsafe fn outputs_short<const SIGNED: bool>(call: &Call) {
    let requantize = |sum, constants| requantize::nested(sum, constants, [call.fine, call.shift]);
    // SAFETY: as the caller has it.
    unsafe { segments::<1, 4, 5>(call, if SIGNED { 5 } else { 4 }, requantize) }
}

/// # Safety
/// As [`Swar::outputs`](super::Swar::outputs) has it.
pub(super) unsafe fn outputs_pairs<const SIGNED: bool>(call: &Call) {
    let requantize = |sum, constants| requantize::long(sum, constants, call.shift);
    // SAFETY: as the caller has it.
    unsafe { segments::<2, 2, 3>(call, if SIGNED { 3 } else { 2 }, requantize) }
}

/// # Safety
/// As [`Swar::outputs`](super::Swar::outputs) has it, of so many words for an input, channels of a block and constants of a channel.
unsafe fn segments<const WORDS: usize, const CHANNELS: usize, const MOST: usize>(
    call: &Call,
    words: usize,
    requantize: impl Fn(i32, [i32; MOST]) -> i8,
) {
    // SAFETY: as the caller has it.
    let read = |from: *const u32, i: usize| unsafe { from.add(i).read() as i32 };
    // SAFETY: both are of one slice.
    let inputs = unsafe { call.x_end.offset_from(call.x) } as usize / WORDS;
    let mut block = call.weights;
    for first in (0..).step_by(CHANNELS) {
        if block == call.end {
            return;
        }
        let weights = block.wrapping_add(2 * CHANNELS);
        let constants = weights.wrapping_byte_add(inputs * CHANNELS);
        for channel in 0..CHANNELS {
            let mut of_channel = [0; MOST];
            for (i, to) in of_channel.iter_mut().enumerate().take(words) {
                *to = read(constants, words * channel + i);
            }
            for word in 0..WORDS {
                let [mut both, mut upper] = [0, 1].map(|half| read(block, 2 * channel + half));
                for from in (0..inputs).step_by(SEGMENT) {
                    let mut sum = SEGMENT_START;
                    for i in from..from + SEGMENT {
                        // SAFETY: as the caller has it.
                        let weight =
                            unsafe { weights.cast::<i8>().add(CHANNELS * i + channel).read() };
                        let x = read(call.x, WORDS * i + word);
                        sum = sum.wrapping_add(x.wrapping_mul(weight.into()));
                    }
                    both = both.wrapping_add(sum);
                    upper = upper.wrapping_add(sum >> 16);
                }
                let lower = both.wrapping_sub(upper.wrapping_shl(16));
                for (lane, sum) in [lower, upper].into_iter().enumerate() {
                    let window = 2 * word + lane;
                    let to = call.y.wrapping_add(window * call.step + first + channel);
                    // SAFETY: as the caller has it.
                    unsafe { to.write(requantize(sum, of_channel)) }
                }
            }
        }
        block = constants.wrapping_add(words * CHANNELS);
    }
}
