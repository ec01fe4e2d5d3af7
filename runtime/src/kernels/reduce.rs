//! Reductions over any axes, and running results along one: what a [`Reducing`] makes of elements.
//!
//! Neighbouring axes that are both reduced or both kept count as one, so that few loops serve
//! every rank.

use core::cell::Cell;

use super::convert::Stored;
use super::fold::{self, Axis, Folding};
use super::{host_kernel, parameters};
use crate::fixed::{requantize, requantize_wide};

/// What is made of elements: one result of all that it takes in.
pub trait Reducing<X, Y>: Folding<X> {
    /// The result.
    fn finish(&self, acc: Self::Acc) -> Y;
}

parameters! {
    /// Which elements are reduced to one.
    pub struct Reduction {
        /// Kept axes but the last, if that is the tensor's last; outer ones first.
        pub kept: [Axis; 3],
        /// Reduced axes, outer ones first. The last steps over at least `run` elements.
        pub reduced: [Axis; 3],
        /// Elements of the last axis where it is kept; 1 where it is reduced.
        pub run: usize,
    }

    /// One result for each place along the kept axes.
    pub struct Reduce<F> {
        /// What is made of the elements.
        pub function: F,
        /// Which elements.
        pub reduction: Reduction,
    }

    /// A result for every element along an axis: of all up to it.
    pub struct Scan<F> {
        /// What is made of the elements.
        pub function: F,
        /// The axis.
        pub axis: Axis,
        /// Whether an element takes no part in its own result.
        pub exclusive: bool,
        /// Whether it begins with the last element.
        pub reverse: bool,
    }

    /// Mean of float32: the sum in the order of memory, divided by the count.
    pub struct Mean {
        /// Number of elements in one mean.
        pub count: f32,
    }

    /// Mean of integers without a scale, towards zero.
    pub struct WholeMean {
        /// Number of elements in one mean, at least 1.
        pub count: i32,
    }

    /// Sum or mean of quantised integers: the sum with the input's zero point taken off, times a factor that holds both
    /// scales and, of a mean, the count, as TensorFlow Lite's `QuantizedMeanOrSum` has it.
    pub struct ScaledSum {
        /// −(input's zero point) × count.
        pub bias: i32,
        /// Fixed-point factor.
        pub multiplier: i32,
        /// Exponent of the factor.
        pub shift: i32,
        /// The output's zero point.
        pub zero_point: i32,
    }

    /// The same from sums of int8 that are there.
    pub struct ScaleSum {
        /// What is made of each.
        pub function: ScaledSum,
    }

    /// Product of quantised integers, scaled at every step, as TensorFlow Lite's `QuantizedReduceProd` has it.
    pub struct ScaledProduct {
        /// The input's zero point.
        pub in_zero_point: i32,
        /// Fixed-point factor of each step.
        pub multiplier: i32,
        /// Exponent of the factor, at most 7.
        pub shift: i32,
        /// The output's zero point.
        pub zero_point: i32,
    }

    /// Sum of int8 in steps of a fine scale, as TensorFlow Lite Micro's CUMSUM and ADD_N have it.
    pub struct FineSum {
        /// What the sum begins with.
        pub start: i32,
        /// The input's zero point.
        pub in_zero_point: i32,
        /// Fixed-point factor.
        pub multiplier: i32,
        /// Exponent of the factor, at most 0.
        pub shift: i32,
        /// The output's zero point.
        pub zero_point: i32,
    }

    /// The position of the first of the greatest elements.
    pub struct ArgMax;

    /// The position of the first of the least elements.
    pub struct ArgMin;
}

host_kernel! {
    ScaleSum(sums, y);
}

impl ScaleSum {
    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, sums: &[Cell<i32>], y: &[Cell<i8>]) {
        for (sum, y) in sums.iter().zip(y) {
            y.set(self.function.finish(sum.get()));
        }
    }
}

impl<F> Reduce<F> {
    /// Computes the whole output.
    pub fn run<X: Copy, Y>(&self, x: &[Cell<X>], mut y: &[Cell<Y>])
    where
        F: Reducing<X, Y>,
    {
        let Reduction { kept, reduced, run } = self.reduction;
        let [outer, middle, inner] = kept;
        let [first, rest @ ..] = reduced;
        for i in 0..outer.count {
            for j in 0..middle.count {
                for k in 0..inner.count {
                    let start = i * outer.step + j * middle.step + k * inner.step;
                    let x = x.get(start..).unwrap_or(&[]);
                    let Some((now, later)) = y.split_at_checked(run) else {
                        return;
                    };
                    let function = &self.function;
                    fold::all(function, x, first, rest, now, |acc| function.finish(acc));
                    y = later;
                }
            }
        }
    }
}

impl<F> Scan<F> {
    /// Computes the whole output, which may lie where the input does.
    #[inline(never)]
    pub fn run<X: Copy, Y>(&self, x: &[Cell<X>], y: &[Cell<Y>])
    where
        F: Reducing<X, Y>,
    {
        let Axis { count, step } = self.axis;
        let whole = (count * step).max(1);
        for (x, y) in x.chunks(whole).zip(y.chunks(whole)) {
            for inner in 0..step {
                let mut acc = self.function.start();
                for place in 0..count {
                    let place = if self.reverse {
                        count - 1 - place
                    } else {
                        place
                    };
                    let at = place * step + inner;
                    let (Some(x), Some(y)) = (x.get(at), y.get(at)) else {
                        break;
                    };
                    let with = self.function.fold(acc, x.get());
                    let result = if self.exclusive { acc } else { with };
                    y.set(self.function.finish(result));
                    acc = with;
                }
            }
        }
    }
}

impl Folding<f32> for Mean {
    type Acc = f32;

    #[inline(always)]
    fn start(&self) -> f32 {
        0.0
    }

    #[inline(always)]
    fn fold(&self, acc: f32, x: f32) -> f32 {
        acc + x
    }
}

impl Reducing<f32, f32> for Mean {
    #[inline(always)]
    fn finish(&self, sum: f32) -> f32 {
        sum / self.count
    }
}

macro_rules! whole_means {
    ($($t:ty)*) => {$(
        impl Folding<$t> for WholeMean {
            type Acc = i64;

            #[inline(always)]
            fn start(&self) -> i64 {
                0
            }

            #[inline(always)]
            fn fold(&self, acc: i64, x: $t) -> i64 {
                acc.wrapping_add(i64::from(x))
            }
        }

        impl Reducing<$t, $t> for WholeMean {
            #[inline(always)]
            fn finish(&self, sum: i64) -> $t {
                sum.wrapping_div(i64::from(self.count.max(1))) as $t
            }
        }
    )*};
}
whole_means! { i32 i64 }

impl<X: Stored> Folding<X> for ScaledSum {
    type Acc = i32;

    #[inline(always)]
    fn start(&self) -> i32 {
        0
    }

    #[inline(always)]
    fn fold(&self, acc: i32, x: X) -> i32 {
        acc.wrapping_add(x.wide())
    }
}

impl<X: Stored> Reducing<X, X> for ScaledSum {
    /// Not inlined into each of a block's channels: sums take the time, not this.
    #[inline(never)]
    fn finish(&self, sum: i32) -> X {
        let sum = sum.wrapping_add(self.bias);
        X::saturate(requantize(sum, self.multiplier, self.shift).wrapping_add(self.zero_point))
    }
}

impl<X: Stored> Folding<X> for ScaledProduct {
    /// `None` before the first element, which is not scaled.
    type Acc = Option<i32>;

    #[inline(always)]
    fn start(&self) -> Option<i32> {
        None
    }

    #[inline(always)]
    fn fold(&self, acc: Option<i32>, x: X) -> Option<i32> {
        let x = x.wide().wrapping_sub(self.in_zero_point);
        Some(match acc {
            None => x,
            Some(acc) => self.scaled(i64::from(acc) * i64::from(x)),
        })
    }
}

impl<X: Stored> Reducing<X, X> for ScaledProduct {
    #[inline(never)]
    fn finish(&self, product: Option<i32>) -> X {
        let product = i64::from(product.unwrap_or(0));
        X::saturate(self.scaled(product).wrapping_add(self.zero_point))
    }
}

impl ScaledProduct {
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    fn scaled(&self, product: i64) -> i32 {
        requantize_wide(product, self.multiplier, self.shift)
    }
}

/// Half of 20 bits to spare: what a whole step of the input's scale counts in a [`FineSum`].
pub const FINE_STEP: u32 = 19;

impl Folding<i8> for FineSum {
    type Acc = i32;

    #[inline(always)]
    fn start(&self) -> i32 {
        self.start
    }

    #[inline(always)]
    fn fold(&self, acc: i32, x: i8) -> i32 {
        acc.wrapping_add(x.wide().wrapping_sub(self.in_zero_point) << FINE_STEP)
    }
}

impl Reducing<i8, i8> for FineSum {
    #[inline(always)]
    fn finish(&self, sum: i32) -> i8 {
        i8::saturate(requantize(sum, self.multiplier, self.shift).wrapping_add(self.zero_point))
    }
}

/// The best element so far, where it is, and where the next one will be.
#[derive(Debug, Clone, Copy)]
pub struct Best<X> {
    value: X,
    at: i32,
    next: i32,
}

macro_rules! positions {
    ($($name:ident($x:ident, $best:ident) $is_better:expr;)*) => {$(
        impl<X: Copy + Default + PartialOrd + 'static> Folding<X> for $name {
            type Acc = Best<X>;

            #[inline(always)]
            fn start(&self) -> Best<X> {
                Best { value: X::default(), at: 0, next: 0 }
            }

            #[inline(always)]
            fn fold(&self, best: Best<X>, $x: X) -> Best<X> {
                let $best = best.value;
                let next = best.next.wrapping_add(1);
                if best.next == 0 || $is_better {
                    Best { value: $x, at: best.next, next }
                } else {
                    Best { next, ..best }
                }
            }
        }

        impl<X: Copy + Default + PartialOrd + 'static, Y: From<i32>> Reducing<X, Y> for $name {
            #[inline(always)]
            fn finish(&self, best: Best<X>) -> Y {
                best.at.into()
            }
        }
    )*};
}
positions! {
    ArgMax(x, best) x > best;
    ArgMin(x, best) x < best;
}

/// Declares reductions whose results are of the elements' type, a line each: see `elementwise.rs`.
macro_rules! reductions {
    ($($name:ident = $operator:literal($a:ident, $x:ident) from $start:expr,
        $([$($t:ident)+] $value:expr),+;)+) => {
        parameters! {$(
            #[doc = concat!("The function of ", $operator, ".")]
            pub struct $name;
        )+}

        $(reductions! { @functions $name ($a, $x) $start, $([$($t)+] $value),+ })+

        /// The reductions.
        #[cfg(feature = "host")]
        pub const REDUCTIONS: &[crate::rows::Reduction] = &[$(crate::rows::Reduction {
            operator: $operator,
            kernels: &[$($((stringify!($t), |reduction| {
                crate::host::reduce::<<$t as Value>::Stored, <$t as Value>::Stored>(
                    super::reduce::Reduce { function: $name {}, reduction },
                )
            })),+),+],
        }),+];
    };
    (@functions $name:ident $ax:tt $start:expr, $([$($t:ident)+] $value:expr),+) => {
        $(reductions! { @values $name $ax $start, [$($t)+] $value })+
    };
    (@values $name:ident $ax:tt $start:expr, [$($t:ident)+] $value:expr) => {
        $(reductions! { @function $name $ax $start, $t $value })+
    };
    (@function $name:ident ($a:ident, $x:ident) $start:expr, $t:ident $value:expr) => {
        impl Folding<<$t as Value>::Stored> for $name {
            type Acc = $t;

            #[inline(always)]
            fn start(&self) -> $t {
                $start
            }

            #[inline(always)]
            fn fold(&self, $a: $t, x: <$t as Value>::Stored) -> $t {
                let $x = <$t as Value>::of(x);
                $value
            }
        }

        impl Reducing<<$t as Value>::Stored, <$t as Value>::Stored> for $name {
            #[inline(always)]
            fn finish(&self, acc: $t) -> <$t as Value>::Stored {
                acc.stored()
            }
        }
    };
}
pub(super) use reductions;
