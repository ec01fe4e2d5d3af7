//! Sums and maxima over strided parts of a tensor, for pooling and reductions.
//!
//! Outputs that lie side by side in memory read inputs that lie side by side, so accumulators
//! of [`CHANNELS`] neighbours stay in registers while the elements that fold into them are
//! walked once.

use core::cell::Cell;

use super::dot::CHANNELS;

/// `count` places that lie `step` elements apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct Axis {
    /// Number of places.
    pub count: usize,
    /// Distance of neighbouring places in elements.
    pub step: usize,
}

/// What is done with the elements.
pub(super) trait Fold {
    type X: Copy;
    type Acc: Copy;
    const START: Self::Acc;
    fn fold(acc: Self::Acc, x: Self::X) -> Self::Acc;
}

pub(super) struct SumI8;
pub(super) struct SumF32;
pub(super) struct MaxI8;
pub(super) struct MaxF32;

impl Fold for SumI8 {
    type X = i8;
    type Acc = i32;
    const START: i32 = 0;

    #[inline(always)]
    fn fold(acc: i32, x: i8) -> i32 {
        acc.wrapping_add(i32::from(x))
    }
}

impl Fold for SumF32 {
    type X = f32;
    type Acc = f32;
    const START: f32 = 0.0;

    #[inline(always)]
    fn fold(acc: f32, x: f32) -> f32 {
        acc + x
    }
}

impl Fold for MaxI8 {
    type X = i8;
    type Acc = i32;
    const START: i32 = i8::MIN as i32;

    #[inline(always)]
    fn fold(acc: i32, x: i8) -> i32 {
        acc.max(i32::from(x))
    }
}

impl Fold for MaxF32 {
    type X = f32;
    type Acc = f32;
    const START: f32 = f32::MIN;

    #[inline(always)]
    fn fold(acc: f32, x: f32) -> f32 {
        greater(acc, x)
    }
}

/// The greater of two numbers; the first where the second is not one.
///
/// `f32::max` is a library call on processors without an instruction for it.
#[inline(always)]
pub(super) fn greater(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// The lesser of two numbers; the first where the second is not one.
#[inline(always)]
pub(super) fn lesser(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// Folds both axes of `x` for each of the outputs `y`, whose inputs begin side by side.
///#[inline(always)]
pub(super) fn channels<F: Fold, Y>(
    x: &[Cell<F::X>],
    axes: [Axis; 2],
    y: &[Cell<Y>],
    finish: impl Fn(F::Acc) -> Y,
) {
    let (blocks, rest) = y.as_chunks::<CHANNELS>();
    let mut channel = 0;
    for block in blocks {
        let folded = fold::<F, CHANNELS>(x, axes, channel);
        for (acc, y) in folded.into_iter().zip(block) {
            y.set(finish(acc));
        }
        channel += CHANNELS;
    }
    for y in rest {
        let [acc] = fold::<F, 1>(x, axes, channel);
        y.set(finish(acc));
        channel += 1;
    }
}

/// Not inlined: kernels that fold alike share this loop. It returns rather than goes on where
/// operands are too short, which also keeps the compiler from unrolling the outer loop.
#[inline(never)]
fn fold<F: Fold, const N: usize>(
    x: &[Cell<F::X>],
    [outer, inner]: [Axis; 2],
    channel: usize,
) -> [F::Acc; N] {
    let mut acc = [F::START; N];
    let mut start = channel;
    for _ in 0..outer.count {
        let Some(mut rest) = x.get(start..) else {
            return acc;
        };
        for _ in 0..inner.count {
            let Some(values) = rest.first_chunk::<N>() else {
                return acc;
            };
            for (acc, x) in acc.iter_mut().zip(values) {
                *acc = F::fold(*acc, x.get());
            }
            // The last place may be the last of the tensor.
            match rest.get(inner.step..) {
                Some(next) => rest = next,
                None => break,
            }
        }
        start += outer.step;
    }
    acc
}
