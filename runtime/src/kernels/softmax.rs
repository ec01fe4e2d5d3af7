//! SOFTMAX along the last axis.
//!
//! Of int8, the exponential of a difference to the row's maximum takes at most 256 values, which
//! the generator tabulates; what is left at run time is a sum and one reciprocal per row.

use core::cell::Cell;

use super::fold::greater;
use super::host_kernel;
use crate::fixed::{doubling_high_mul, rounding_shift_right};
use crate::functions::reciprocal;

/// Integer bits of the sum of exponentials.
const SUM_BITS: u32 = 12;

/// Softmax of int8, to int8 of scale 1/256 and zero point −128.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct SoftmaxI8 {
    /// Elements of a row.
    pub depth: usize,
}

/// Softmax of int8, to int16 of scale 1/65536 and zero point −32768.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct SoftmaxI8I16 {
    /// Elements of a row.
    pub depth: usize,
}

/// Softmax of float32.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct SoftmaxF32 {
    /// Elements of a row.
    pub depth: usize,
    /// Factor on differences to the maximum.
    pub beta: f32,
}

host_kernel! {
    SoftmaxI8(x, exp, y);
    SoftmaxI8I16(x, exp, y);
    SoftmaxF32(x, y);
}

impl SoftmaxI8 {
    /// Computes the whole output; `y` may be `x`.
    ///
    /// `exp[d]` is the exponential of −`d` input steps with 31 fractional bits; 0 beyond its end.
    pub fn run(&self, x: &[Cell<i8>], exp: &[i32], y: &[Cell<i8>]) {
        rows::<i8>(self.depth, x, exp, y);
    }
}

impl SoftmaxI8I16 {
    /// Computes the whole output; operands as for [`SoftmaxI8`].
    pub fn run(&self, x: &[Cell<i8>], exp: &[i32], y: &[Cell<i16>]) {
        rows::<i16>(self.depth, x, exp, y);
    }
}

impl SoftmaxF32 {
    /// Computes the whole output; `y` may be `x`.
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
fn rows<Y: Probability>(depth: usize, x: &[Cell<i8>], exp: &[i32], y: &[Cell<Y>]) {
    let depth = depth.max(1);
    for (x, y) in x.chunks_exact(depth).zip(y.chunks_exact(depth)) {
        let max = x
            .iter()
            .fold(i32::from(i8::MIN), |max, x| max.max(i32::from(x.get())));
        let exp_of = |x: &Cell<i8>| {
            let below = max.wrapping_sub(i32::from(x.get()));
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
