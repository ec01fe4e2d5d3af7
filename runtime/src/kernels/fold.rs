//! Sums and maxima over strided parts of a tensor, for pooling and reductions.
//!
//! Outputs that lie side by side in memory read inputs that lie side by side, so accumulators
//! of [`CHANNELS`] neighbours stay in registers while the elements that fold into them are
//! walked once.

use core::cell::Cell;
use core::marker::PhantomData;

use super::dot::CHANNELS;
use super::{FOR_SPEED, parameters, part};

parameters! {
    /// `count` places that lie `step` elements apart.
    #[derive(PartialEq)]
    pub struct Axis {
        /// Number of places.
        pub count: usize,
        /// Distance of neighbouring places in elements.
        pub step: usize,
    }
}

/// What is done with the elements.
pub(super) trait Fold {
    type X: Copy;
    type Acc: Copy + 'static;
    const START: Self::Acc;
    fn fold(acc: Self::Acc, x: Self::X) -> Self::Acc;
}

pub(super) struct SumF32;
pub(super) struct MaxF32;

macro_rules! of_integers {
    ($($sum:ident $max:ident $t:ty;)*) => {$(
        pub(super) struct $sum;
        pub(super) struct $max;

        impl Fold for $sum {
            type X = $t;
            type Acc = i32;
            const START: i32 = 0;

            #[inline(always)]
            fn fold(acc: i32, x: $t) -> i32 {
                acc.wrapping_add(i32::from(x))
            }
        }

        impl Fold for $max {
            type X = $t;
            type Acc = i32;
            const START: i32 = <$t>::MIN as i32;

            #[inline(always)]
            fn fold(acc: i32, x: $t) -> i32 {
                acc.max(i32::from(x))
            }
        }
    )*};
}
of_integers! {
    SumI8 MaxI8 i8;
    SumU8 MaxU8 u8;
    SumI16 MaxI16 i16;
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

/// What is done with elements, and with which parameters.
pub trait Folding<X> {
    /// What there is of the elements so far.
    type Acc: Copy + 'static;
    /// What there is before the first.
    fn start(&self) -> Self::Acc;
    /// Takes in an element.
    fn fold(&self, acc: Self::Acc, x: X) -> Self::Acc;
}

/// A fold without parameters.
struct Plain<F>(PhantomData<F>);

impl<F: Fold> Folding<F::X> for Plain<F> {
    type Acc = F::Acc;

    #[inline(always)]
    fn start(&self) -> F::Acc {
        F::START
    }

    #[inline(always)]
    fn fold(&self, acc: F::Acc, x: F::X) -> F::Acc {
        F::fold(acc, x)
    }
}

/// Folds both axes of `x` for each of the outputs `y`, whose inputs begin side by side: each
/// place of the second axis holds one element for every output.
#[inline(always)]
pub(super) fn channels<F: Fold, Y>(
    x: &[Cell<F::X>],
    axes: [Axis; 2],
    y: &[Cell<Y>],
    finish: impl Fn(F::Acc) -> Y,
) {
    let once = Axis { count: 1, step: 0 };
    all(&Plain::<F>(PhantomData), x, once, axes, y, finish);
}

/// [`channels`] of three axes.
#[inline(always)]
pub(super) fn all<X: Copy, Y, F: Folding<X>>(
    function: &F,
    x: &[Cell<X>],
    outer: Axis,
    axes: [Axis; 2],
    y: &[Cell<Y>],
    finish: impl Fn(F::Acc) -> Y,
) {
    if !FOR_SPEED {
        return blocks::<X, Y, F, 1>(function, x, outer, axes, y, finish);
    }
    match y.len() {
        0 | 1 => blocks::<X, Y, F, 1>(function, x, outer, axes, y, finish),
        2 | 3 => blocks::<X, Y, F, 2>(function, x, outer, axes, y, finish),
        _ => blocks::<X, Y, F, CHANNELS>(function, x, outer, axes, y, finish),
    }
}

/// [`all`], `N` at a time; the last ones may be computed twice.
#[inline(always)]
fn blocks<X: Copy, Y, F: Folding<X>, const N: usize>(
    function: &F,
    x: &[Cell<X>],
    outer: Axis,
    axes: [Axis; 2],
    y: &[Cell<Y>],
    finish: impl Fn(F::Acc) -> Y,
) {
    let Some(last) = y.len().checked_sub(N) else {
        return;
    };
    let mut channel = 0;
    while channel < y.len() {
        let first = channel.min(last);
        let folded = fold::<X, F, N>(function, x, outer, axes, first);
        for (acc, y) in folded.into_iter().zip(part(y, first, N)) {
            y.set(finish(acc));
        }
        channel += N;
    }
}

/// It returns rather than goes on where operands are too short, which also keeps the compiler
/// from unrolling the loops to several times their size.
///
/// The outermost axis is an argument of its own, so that its loop vanishes where all callers have one round of it.
fn fold<X: Copy, F: Folding<X>, const N: usize>(
    function: &F,
    x: &[Cell<X>],
    outermost: Axis,
    [outer, inner]: [Axis; 2],
    channel: usize,
) -> [F::Acc; N] {
    let mut acc = [function.start(); N];
    let step = inner.step.max(1);
    let mut first = 0;
    for _ in 0..outermost.count {
        let mut start = first;
        for _ in 0..outer.count {
            let mut places = part(x, start, inner.count * step);
            // The place alone is checked in each round: `channel` is the same in all.
            while let Some((place, rest)) = places.split_at_checked(step) {
                let Some(values) = place.get(channel..).and_then(|p| p.first_chunk::<N>()) else {
                    return acc;
                };
                for (acc, x) in acc.iter_mut().zip(values) {
                    *acc = function.fold(*acc, x.get());
                }
                places = rest;
            }
            start += outer.step;
        }
        first += outermost.step;
    }
    acc
}
