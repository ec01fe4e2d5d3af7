//! The inner loop of convolutions: sums of products of runs of values with packed weights.

use core::cell::Cell;

use super::part;
use super::stage::Stage;

/// Output channels of a block of packed weights.
pub const CHANNELS: usize = 4;

/// Runs of input values and the weights they meet: `count` runs of `len` elements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runs {
    pub(super) count: usize,
    pub(super) len: usize,
    /// Where the first run begins in the input, and how far from one run to the next it is.
    pub(super) x: usize,
    pub(super) x_step: usize,
    /// The same for the weights.
    pub(super) w: usize,
    pub(super) w_step: usize,
    /// How often all of this is to be done, a filter row further each time.
    pub(super) times: usize,
}

/// Steps of the inner loop between two tests for its end.
const UNROLL: usize = 4;

/// Adds `Σ x·w` to a block's accumulators, where all windows are inside the input.
///
/// A function of its own, so that sums and pointers have registers.
#[inline(never)]
pub(super) fn dot<S: Stage>(
    x: &[Cell<S::X>],
    weights: &[[S::W; CHANNELS]],
    acc: &mut [S::Acc; CHANNELS],
) {
    let mut sums = *acc;
    add_run::<S>(x, weights, &mut sums, S::mac);
    *acc = sums;
}

/// Adds the products of all runs; values have `zero` subtracted if `BORDER`.
#[inline(never)]
pub(super) fn dot_runs<S: Stage, const BORDER: bool>(
    runs: &Runs,
    x: &[Cell<S::X>],
    weights: &[[S::W; CHANNELS]],
    zero: S::Zero,
    acc: &mut [S::Acc; CHANNELS],
) {
    let mut sums = *acc;
    let (mut from, mut tap) = (runs.x, runs.w);
    for _ in 0..runs.count {
        let (x, weights) = (part(x, from, runs.len), part(weights, tap, runs.len));
        add_run::<S>(x, weights, &mut sums, |sum, x, w| match BORDER {
            true => S::mac_zero(sum, x, w, zero),
            false => S::mac(sum, x, w),
        });
        from += runs.x_step;
        tap += runs.w_step;
    }
    *acc = sums;
}

/// Unrolled by hand: the compiler's own unrolling keeps more pointers than there are registers.
#[inline(always)]
fn add_run<S: Stage>(
    mut x: &[Cell<S::X>],
    weights: &[[S::W; CHANNELS]],
    sums: &mut [S::Acc; CHANNELS],
    mac: impl Fn(S::Acc, S::X, S::W) -> S::Acc,
) {
    let mut step = |x: &Cell<S::X>, weights: &[S::W; CHANNELS]| {
        for (sum, w) in sums.iter_mut().zip(weights) {
            *sum = mac(*sum, x.get(), *w);
        }
    };
    let (chunks, last) = weights.as_chunks::<UNROLL>();
    for weights in chunks {
        let Some((now, rest)) = x.split_first_chunk::<UNROLL>() else {
            return;
        };
        x = rest;
        for (x, weights) in now.iter().zip(weights) {
            step(x, weights);
        }
    }
    for (x, weights) in x.iter().zip(last) {
        step(x, weights);
    }
}
