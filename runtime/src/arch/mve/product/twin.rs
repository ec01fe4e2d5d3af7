//! The loops in Rust, instruction by instruction.

use super::super::instructions::{finished, vldrb, vmladava};
use super::{
    BLOCK, LANES, PairsCall, PairsLoop, ROW_CHANNELS, RowCall, RowLoop, order, parts, rest_lanes,
};

pub(super) type PairsFunction = ();
pub(super) type RowFunction = ();

pub(super) fn pairs_function<
    const BLOCKS: usize,
    const REPEATS: bool,
    const ASIDE: bool,
    const SIGNED: bool,
    const GROUPS: usize,
    const REST: usize,
>() {
}

pub(super) fn row_function<const BLOCKS: usize, const SIGNED: bool>() {}

/// # Safety
/// As [`Product::pairs`](super::Product) has it.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn run_pairs(pairs: &PairsLoop, call: &PairsCall) {
    let channels = call.groups * super::GROUP + pairs.rest;
    debug_assert_eq!(
        parts(channels).map(|(_, size)| size).sum::<usize>(),
        call.groups * super::GROUP + rest_lanes(pairs.rest)
    );
    for pair in 0..call.pairs {
        let mut inputs = call.x.wrapping_add(2 * pair * call.pitch);
        if pairs.is_aside {
            // SAFETY: both have room for a pair (the caller); they may be the same.
            unsafe { core::ptr::copy(inputs, call.aside, 2 * call.pitch) }
            inputs = call.aside;
        }
        let mut weights = call.weights;
        for (first, size) in parts(channels) {
            for lanes in order(size) {
                // The second pixel's are written first.
                for pixel in [1, 0] {
                    let x = inputs.wrapping_add(pixel * call.pitch);
                    let y = call.y.wrapping_add((2 * pair + pixel) * call.second);
                    for (lane, channel) in lanes.iter().enumerate() {
                        let channel = first + channel;
                        // SAFETY: there are weights for all inputs, and an output for every channel (the caller).
                        unsafe {
                            let four = Channels::<LANES> {
                                weights,
                                inputs: call.pitch,
                            };
                            let sum = four.sum(lane, x);
                            let [multiplier, shift] = four.constants(lane);
                            let output =
                                finished(sum, multiplier, shift, pairs.signed, call.zero_point);
                            if channel < channels {
                                y.add(channel).write(output);
                            }
                        }
                    }
                }
                weights = weights.wrapping_add(super::words(LANES, call.pitch));
            }
        }
    }
}

/// # Safety
/// As [`Product::row`](super::Product::row) has it.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn run_row(row: &RowLoop, call: &RowCall) {
    let inputs = call.rounds * row.blocks * BLOCK;
    let mut weights = call.weights;
    for first in (0..call.channels).step_by(ROW_CHANNELS) {
        let eight = Channels::<ROW_CHANNELS> { weights, inputs };
        for (lane, channel) in order(ROW_CHANNELS).iter().flatten().enumerate() {
            let channel = first + channel;
            // SAFETY: as above.
            unsafe {
                let sum = eight.sum(lane, call.x);
                let [multiplier, shift] = eight.constants(lane);
                let output = finished(sum, multiplier, shift, row.signed, call.zero_point);
                if channel < call.channels {
                    call.y.add(channel).write(output);
                }
            }
        }
        weights = weights.wrapping_add(super::words(ROW_CHANNELS, inputs));
    }
}

/// Weights of channels that are computed at once, of so many inputs.
struct Channels<const COUNT: usize> {
    weights: *const u32,
    inputs: usize,
}

impl<const COUNT: usize> Channels<COUNT> {
    /// A channel's sum.
    ///
    /// # Safety
    /// There are as many inputs, and weights for each.
    unsafe fn sum(&self, lane: usize, x: *const i8) -> i32 {
        // SAFETY: as the caller has it.
        unsafe {
            let start = self.weights.add(lane).read() as i32;
            let weights = self.weights.add(COUNT).cast::<i8>();
            (0..self.inputs / BLOCK).fold(start, |sum, block| {
                let weights = vldrb(weights.add((block * COUNT + lane) * BLOCK));
                vmladava(sum, weights, vldrb(x.add(block * BLOCK)))
            })
        }
    }

    /// A channel's multiplier and shift.
    ///
    /// # Safety
    /// They are behind the weights.
    unsafe fn constants(&self, lane: usize) -> [i32; 2] {
        let behind = COUNT + COUNT * self.inputs / 4;
        let first = behind + lane / LANES * 2 * LANES + lane % LANES;
        // SAFETY: as the caller has it.
        [0, LANES].map(|at| unsafe { self.weights.add(first + at).read() as i32 })
    }
}
