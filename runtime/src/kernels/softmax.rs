//! SOFTMAX along the last axis.
//!
//! Of int8, the exponential of a difference to the row's maximum takes at most 256 values, which
//! the generator tabulates; what is left at run time is a sum and one reciprocal per row.

use core::cell::Cell;

use super::convert::Stored;
use super::curve::interpolate;
use super::fold::greater;
use super::{host_kernel, parameters};
use crate::fixed::{doubling_high_mul, requantize, rounding_shift_right};
use crate::functions::reciprocal;

/// Integer bits of the sum of exponentials.
const SUM_BITS: u32 = 12;

parameters! {
    /// Softmax of int8, to int8 of scale 1/256 and zero point −128.
    pub struct SoftmaxI8 {
        /// Elements of a row.
        pub depth: usize,
    }

    /// Softmax of int8, to int16 of scale 1/65536 and zero point −32768.
    pub struct SoftmaxI8I16 {
        /// Elements of a row.
        pub depth: usize,
    }

    /// Softmax of uint8, to uint8 of scale 1/256 and zero point 0.
    pub struct SoftmaxU8 {
        /// Elements of a row.
        pub depth: usize,
    }

    /// Softmax of int16, to int16 of scale 1/32768.
    pub struct SoftmaxI16 {
        /// Elements of a row.
        pub depth: usize,
        /// What brings differences to steps of 10 / 65535.
        pub multiplier: i32,
        /// Its shift.
        pub shift: i32,
    }

    /// Softmax of float32.
    pub struct SoftmaxF32 {
        /// Elements of a row.
        pub depth: usize,
        /// Factor on differences to the maximum.
        pub beta: f32,
    }
}

host_kernel! {
    SoftmaxI8(x, exp, y);
    SoftmaxI8I16(x, exp, y);
    SoftmaxU8(x, exp, y);
    SoftmaxI16(x, exp, inverse, y);
    SoftmaxF32(x, y);
}

impl SoftmaxI8 {
    /// Computes the whole output; `y` may be `x`.
    ///
    /// `exp[d]` is the exponential of −`d` input steps with 31 fractional bits; 0 beyond its end.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<i8>], exp: &[i32], y: &[Cell<i8>]) {
        rows::<i8, i8>(self.depth, x, exp, y);
    }
}

impl SoftmaxI8I16 {
    /// Computes the whole output; operands as for [`SoftmaxI8`].
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<i8>], exp: &[i32], y: &[Cell<i16>]) {
        rows::<i8, i16>(self.depth, x, exp, y);
    }
}

impl SoftmaxU8 {
    /// Computes the whole output; operands as for [`SoftmaxI8`].
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<u8>], exp: &[i32], y: &[Cell<u8>]) {
        rows::<u8, u8>(self.depth, x, exp, y);
    }
}

impl SoftmaxI16 {
    /// Computes the whole output; `y` may be `x`.
    ///
    /// Both tables are those of an [`Interpolate`](super::Interpolate), with 15 fractional bits: `exp` of an exponential
    /// from −10 to 0, and `inverse` of 1 / (1 + x) from 0 to 1.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    pub fn run(&self, x: &[Cell<i16>], exp: &[i16], inverse: &[i16], y: &[Cell<i16>]) {
        let (Some(exp), Some(inverse)) = (exp.first_chunk(), inverse.first_chunk()) else {
            return;
        };
        let depth = self.depth.max(1);
        for (x, y) in x.chunks_exact(depth).zip(y.chunks_exact(depth)) {
            let max = x.iter().fold(i16::MIN, |max, x| max.max(x.get()));
            let mut sum = 0u32;
            for (x, y) in x.iter().zip(y) {
                let below = i32::from(x.get()) - i32::from(max);
                let below = requantize(below, self.multiplier, self.shift);
                let power =
                    interpolate(exp, <i16 as Stored>::saturate(below.saturating_add(32767)));
                y.set(power);
                sum = sum.wrapping_add(power as u32);
            }
            // The sum as 1 + x with 16 fractional bits, and what that leaves out.
            let zeros = sum.leading_zeros().clamp(1, 31);
            let normal =
                (i64::from(sum).wrapping_shl(zeros - 1).wrapping_add(1 << 13) >> 14) as i32;
            let above = <i16 as Stored>::saturate(normal.wrapping_sub((1 << 15) + (1 << 16)));
            let factor = i64::from(interpolate(inverse, above));
            let right = 31 - zeros;
            let half = (1i64 << right) >> 1;
            for y in y {
                let quotient =
                    (i64::from(y.get()).wrapping_mul(factor).wrapping_add(half)) >> right;
                y.set((quotient as i32).clamp(0, 32767) as i16);
            }
        }
    }
}

impl SoftmaxF32 {
    /// Computes the whole output; `y` may be `x`.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<f32>]) {
        let depth = self.depth.max(1);
        for (x, y) in x.chunks_exact(depth).zip(y.chunks_exact(depth)) {
            let max = x.iter().fold(f32::MIN, |max, x| greater(max, x.get()));
            let mut sum = 0.0;
            for (x, y) in x.iter().zip(y) {
                let exp = libm::expf((x.get() - max) * self.beta);
                y.set(exp);
                sum += exp;
            }
            for y in y {
                y.set(y.get() / sum);
            }
        }
    }
}

/// An output type: probabilities as `BITS` fractional bits above its least value.
trait Probability: Copy {
    const BITS: u32;
    fn saturate(probability: i32) -> Self;
}

impl Probability for i8 {
    const BITS: u32 = 8;

    #[inline(always)]
    fn saturate(probability: i32) -> i8 {
        (probability - 128).min(127) as i8
    }
}

impl Probability for u8 {
    const BITS: u32 = 8;

    #[inline(always)]
    fn saturate(probability: i32) -> u8 {
        probability.min(255) as u8
    }
}

impl Probability for i16 {
    const BITS: u32 = 16;

    #[inline(always)]
    fn saturate(probability: i32) -> i16 {
        (probability - 32768).min(32767) as i16
    }
}

/// As TensorFlow Lite's reference kernel, except that rows whose sum that one refuses (of more
/// than 511 elements near the maximum, to int8) give zeros, to which the exact quotients round.
#[inline(always)]
fn rows<X: Stored, Y: Probability>(depth: usize, x: &[Cell<X>], exp: &[i32], y: &[Cell<Y>]) {
    let depth = depth.max(1);
    for (x, y) in x.chunks_exact(depth).zip(y.chunks_exact(depth)) {
        let max = x.iter().fold(i32::MIN, |max, x| max.max(x.get().wide()));
        let exp_of = |x: &Cell<X>| {
            let below = max.wrapping_sub(x.get().wide());
            exp.get(below as usize).copied().unwrap_or(0)
        };
        let sum = x.iter().fold(0u32, |sum, x| {
            sum.saturating_add((exp_of(x) as u32 + (1 << (SUM_BITS - 1))) >> SUM_BITS)
        });
        let (mut factor, bits) = reciprocal(sum, SUM_BITS);
        let mut exponent = bits.wrapping_add(31 - Y::BITS);
        if exponent > 31 {
            (factor, exponent) = (0, 31);
        }
        for (x, y) in x.iter().zip(y) {
            let product = doubling_high_mul(factor, exp_of(x));
            y.set(Y::saturate(rounding_shift_right(product, exponent)));
        }
    }
}
