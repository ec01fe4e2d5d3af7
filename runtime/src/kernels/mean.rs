//! MEAN over any axes.
//!
//! Neighbouring axes that are both reduced or both kept count as one, so that few loops serve
//! every rank.

use core::cell::Cell;

use super::fold::{Axis, Fold, SumF32, SumI8, channels};
use super::{host_kernel, parameters};
use crate::fixed::requantize;

parameters! {
    /// Which elements are averaged.
    pub struct Reduction {
        /// Kept axes but the last, if that is the tensor's last; outer ones first.
        pub kept: [Axis; 2],
        /// Reduced axes, outer ones first. The second steps over at least `run` elements.
        pub reduced: [Axis; 2],
        /// Elements of the last axis where it is kept; 1 where it is reduced.
        pub run: usize,
    }

    /// Mean of int8: the sum with the input's zero point taken off, times a factor that holds both
    /// scales and the count, as TensorFlow Lite's `QuantizedMeanOrSum` has it.
    pub struct MeanI8 {
        /// Which elements are averaged.
        pub reduction: Reduction,
        /// −(input's zero point) × count.
        pub bias: i32,
        /// Fixed-point factor.
        pub multiplier: i32,
        /// Exponent of the factor.
        pub shift: i32,
        /// The output's zero point.
        pub zero_point: i32,
    }

    /// Mean of float32: the sum in the order of memory, divided by the count.
    pub struct MeanF32 {
        /// Which elements are averaged.
        pub reduction: Reduction,
        /// Number of elements in one mean.
        pub count: f32,
    }
}

host_kernel! {
    MeanI8(x, y);
    MeanF32(x, y);
}

impl MeanI8 {
    /// Computes the whole output.
    pub fn run(&self, x: &[Cell<i8>], y: &[Cell<i8>]) {
        self.reduction.run::<SumI8, _>(x, y, |sum| self.finish(sum));
    }

    /// Not inlined into each of a block's channels: sums take the time, not this.
    #[inline(never)]
    fn finish(&self, sum: i32) -> i8 {
        requantize(sum.wrapping_add(self.bias), self.multiplier, self.shift)
            .wrapping_add(self.zero_point)
            .clamp(i32::from(i8::MIN), i32::from(i8::MAX)) as i8
    }
}

impl MeanF32 {
    /// Computes the whole output.
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<f32>]) {
        self.reduction
            .run::<SumF32, _>(x, y, |sum| sum / self.count);
    }
}

impl Reduction {
    #[inline(always)]
    fn run<F: Fold, Y>(&self, x: &[Cell<F::X>], mut y: &[Cell<Y>], finish: impl Fn(F::Acc) -> Y) {
        let [outer, inner] = self.kept;
        for i in 0..outer.count {
            for j in 0..inner.count {
                let x = x.get(i * outer.step + j * inner.step..).unwrap_or(&[]);
                let Some((now, later)) = y.split_at_checked(self.run) else {
                    return;
                };
                channels::<F, Y>(x, self.reduced, now, &finish);
                y = later;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;

    use super::*;
    use crate::testing::{Numbers, cells, times};

    /// `[outer, reduced, inner, reduced, run]`
    fn reduction([a, b, c, d, run]: [usize; 5]) -> Reduction {
        let axis = |count, step| Axis { count, step };
        Reduction {
            kept: [axis(a, b * c * d * run), axis(c, d * run)],
            reduced: [axis(b, c * d * run), axis(d, run)],
            run,
        }
    }

    #[test]
    fn means_follow_the_definition() {
        let mut n = Numbers::new(1);
        for _ in 0..times(200) {
            let sizes = [(); 5].map(|()| 1 + n.below(6));
            let [a, b, c, d, run] = sizes;
            let reduction = reduction(sizes);
            let mut x = n.bytes(a * b * c * d * run);
            let mut floats: vec::Vec<f32> = x.iter().map(|x| f32::from(*x)).collect();
            let mut sums = vec![0i32; a * c * run];
            for (i, x) in x.iter().enumerate() {
                let (k, j, h) = (i % run, i / run / d % c, i / run / d / c / b);
                sums[(h * c + j) * run + k] += i32::from(*x);
            }
            let count = (b * d) as i32;
            let kernel = MeanI8 {
                reduction,
                bias: 5 * count,
                multiplier: (((1i64 << 30) + 12345) / i64::from(count)) as i32,
                shift: 0,
                zero_point: 7,
            };
            let mut y = vec![0; sums.len()];
            kernel.run(cells(&mut x), cells(&mut y));
            for (y, sum) in y.iter().zip(&sums) {
                let scaled = requantize(sum + kernel.bias, kernel.multiplier, 0) + 7;
                assert_eq!(i32::from(*y), scaled.clamp(-128, 127), "{sizes:?}");
            }
            let count = count as f32;
            let mut y = vec![0.0; sums.len()];
            MeanF32 { reduction, count }.run(cells(&mut floats), cells(&mut y));
            for (y, sum) in y.iter().zip(&sums) {
                // Sums of small integers are exact in any order.
                assert_eq!(*y, *sum as f32 / count, "{sizes:?}");
            }
        }
    }

    #[test]
    fn short_operands_compute_less() {
        let kernel = MeanF32 {
            reduction: reduction([2, 3, 2, 3, 4]),
            count: 9.0,
        };
        kernel.run(cells(&mut [1.0; 5]), cells(&mut [0.0; 5]));
        kernel.run(&[], cells(&mut [0.0; 16]));
    }
}
