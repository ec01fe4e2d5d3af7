//! SVDF: what is left of it behind the product of inputs and feature weights.
//!
//! A filter remembers its last features. They move on by one, the newest comes last, and the time weights make one
//! number of them; a unit adds those of its filters.

use core::cell::Cell;

use super::{Float, host_kernel, parameters, split};
use crate::fixed::requantize;

parameters! {
    /// Sizes of an SVDF.
    pub struct SvdfSizes {
        /// Outputs of a row.
        pub units: usize,
        /// Filters of a unit.
        pub rank: usize,
        /// Features that a filter remembers.
        pub memory: usize,
    }

    /// SVDF of float32.
    pub struct SvdfF32 {
        /// Sizes.
        pub sizes: SvdfSizes,
        /// The activation.
        pub range: Float,
    }

    /// Quantisation of an SVDF of int8.
    pub struct SvdfQuantization {
        /// Zero point of what is remembered.
        pub state_zero_point: i32,
        /// Fixed-point factor from sums to outputs.
        pub multiplier: i32,
        /// Exponent of the factor.
        pub shift: i32,
        /// The output's zero point.
        pub out_zero_point: i32,
    }

    /// SVDF of int8 that remembers int8.
    pub struct SvdfI8 {
        /// Sizes.
        pub sizes: SvdfSizes,
        /// Quantisation.
        pub quantization: SvdfQuantization,
    }

    /// SVDF of int8 that remembers int16.
    pub struct SvdfI16 {
        /// Sizes.
        pub sizes: SvdfSizes,
        /// Quantisation.
        pub quantization: SvdfQuantization,
    }
}

host_kernel! {
    SvdfF32(features, time, bias, state, y);
    SvdfI8(features, time, bias, state, y);
    SvdfI16(features, time, bias, state, y);
}

impl SvdfF32 {
    /// Computes the whole output. A bias of no elements is none.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(
        &self,
        features: &[Cell<f32>],
        time: &[f32],
        bias: &[f32],
        state: &[Cell<f32>],
        y: &[Cell<f32>],
    ) {
        let filter = |state: &[Cell<f32>], time: &[f32], newest: f32| {
            remember(state, time, newest, 0.0, |sum, x, w| sum + x * w)
        };
        let finish = |sum: f32, y: &Cell<f32>| y.set(self.range.clamp(sum));
        (self.sizes).run(
            [features, state],
            time,
            bias,
            y,
            filter,
            |a, b| a + b,
            finish,
        );
    }
}

macro_rules! integers {
    ($($kernel:ident: $t:ty;)*) => {$(
        impl $kernel {
            /// Computes the whole output. A bias of no elements is none.
            #[cfg_attr(debug_assertions, inline)]
            pub fn run(
                &self,
                features: &[Cell<$t>],
                time: &[$t],
                bias: &[i32],
                state: &[Cell<$t>],
                y: &[Cell<i8>],
            ) {
                let zero_point = self.quantization.state_zero_point;
                let filter = |state: &[Cell<$t>], time: &[$t], newest: $t| {
                    let newest = newest.wrapping_add(zero_point as $t);
                    remember(state, time, newest, 0, |sum: i32, x, w| {
                        let x = i32::from(x).wrapping_sub(zero_point);
                        sum.wrapping_add(x.wrapping_mul(i32::from(w)))
                    })
                };
                let finish = |sum, y: &Cell<i8>| y.set(self.quantization.output(sum));
                (self.sizes).run([features, state], time, bias, y, filter, i32::wrapping_add, finish);
            }
        }
    )*};
}
integers! {
    SvdfI8: i8;
    SvdfI16: i16;
}

impl SvdfQuantization {
    #[cfg_attr(debug_assertions, inline)]
    fn output(&self, sum: i32) -> i8 {
        requantize(sum, self.multiplier, self.shift)
            .wrapping_add(self.out_zero_point)
            .clamp(i32::from(i8::MIN), i32::from(i8::MAX)) as i8
    }
}

impl SvdfSizes {
    /// `filter` gives what a filter makes of its state, its time weights and its newest feature.
    #[inline(always)]
    fn run<T: Copy, A: Copy + Default, Y>(
        &self,
        [mut features, mut state]: [&[Cell<T>]; 2],
        time: &[T],
        bias: &[A],
        mut y: &[Cell<Y>],
        filter: impl Fn(&[Cell<T>], &[T], T) -> A,
        add: impl Fn(A, A) -> A,
        finish: impl Fn(A, &Cell<Y>),
    ) {
        while !y.is_empty() && self.units > 0 {
            let mut time = time;
            let (now, later) = split(y, self.units);
            for (unit, y) in now.iter().enumerate() {
                let mut sum = bias.get(unit).copied().unwrap_or_default();
                for _ in 0..self.rank {
                    let Some((newest, others)) = features.split_first() else {
                        return;
                    };
                    let (kept, states) = split(state, self.memory);
                    let (weights, times) = split(time, self.memory);
                    sum = add(sum, filter(kept, weights, newest.get()));
                    (features, state, time) = (others, states, times);
                }
                finish(sum, y);
            }
            y = later;
        }
    }
}

/// Moves a filter's features on by one, the newest behind them, and folds them with its weights, oldest first.
#[inline(always)]
fn remember<T: Copy, A>(
    state: &[Cell<T>],
    weights: &[T],
    newest: T,
    start: A,
    fold: impl Fn(A, T, T) -> A,
) -> A {
    let Some((last, _)) = state.split_last() else {
        return start;
    };
    let mut sum = start;
    let pairs = state.iter().zip(state.get(1..).unwrap_or(&[]));
    for ((now, later), weight) in pairs.zip(weights) {
        let x = later.get();
        now.set(x);
        sum = fold(sum, x, *weight);
    }
    last.set(newest);
    match weights.last() {
        Some(weight) => fold(sum, newest, *weight),
        None => sum,
    }
}
