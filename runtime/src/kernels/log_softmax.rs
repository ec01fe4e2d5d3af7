//! LOG_SOFTMAX along the last axis. All may run in place.

use core::cell::Cell;

use super::convert::Stored;
use super::fold::greater;
use super::{host_kernel, parameters};
use crate::fixed::{requantize, rounding_shift_right};
use crate::functions::log_of_sum;

parameters! {
    /// Logarithm of the softmax of int8, to int8 of scale 1/16 and zero point 127.
    pub struct LogSoftmaxI8 {
        /// Elements of a row.
        pub depth: usize,
        /// What brings differences to five integer bits.
        pub multiplier: i32,
        /// Its shift.
        pub shift: i32,
        /// The way back.
        pub inverse_multiplier: i32,
        /// Its shift, at most 0.
        pub inverse_shift: i32,
        /// Differences from here on count as minus infinity.
        pub least: i32,
    }

    /// Logarithm of the softmax of uint8, as TensorFlow Lite has it: in float32, with exponentials by table.
    pub struct LogSoftmaxU8 {
        /// Elements of a row.
        pub depth: usize,
        /// The input's scale.
        pub scale: f32,
        /// The output's scale.
        pub out_scale: f32,
        /// The output's zero point.
        pub out_zero_point: i32,
    }

    /// Logarithm of the softmax of float32.
    pub struct LogSoftmaxF32 {
        /// Elements of a row.
        pub depth: usize,
    }
}

host_kernel! {
    LogSoftmaxI8(x, exp, y);
    LogSoftmaxU8(x, exp, y);
    LogSoftmaxF32(x, y);
}

impl LogSoftmaxI8 {
    /// Computes the whole output.
    ///
    /// `exp[d]` is the exponential of −`d` input steps with 31 fractional bits; 0 beyond its end.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<i8>], exp: &[i32], y: &[Cell<i8>]) {
        let depth = self.depth.max(1);
        for (x, y) in x.chunks_exact(depth).zip(y.chunks_exact(depth)) {
            let max = x.iter().fold(i8::MIN, |max, x| max.max(x.get()));
            let below = |x: &Cell<i8>| i32::from(x.get()) - i32::from(max);
            let sum = x.iter().fold(0i32, |sum, x| {
                let exp = exp.get(below(x).unsigned_abs() as usize);
                sum.wrapping_add(rounding_shift_right(exp.copied().unwrap_or(0), 12))
            });
            let log = log_of_sum(sum);
            let least = log.wrapping_add(i32::MIN);
            let least =
                requantize(least, self.inverse_multiplier, self.inverse_shift).max(self.least);
            for (x, y) in x.iter().zip(y) {
                let below = below(x);
                let value = if below > least {
                    let below = requantize(below, self.multiplier, self.shift);
                    rounding_shift_right(below.wrapping_sub(log), 22).wrapping_add(127)
                } else {
                    i8::MIN.into()
                };
                y.set(value.clamp(i8::MIN.into(), i8::MAX.into()) as i8);
            }
        }
    }
}

impl LogSoftmaxU8 {
    /// Computes the whole output.
    ///
    /// `exp[d]` is the exponential of −`d` input steps.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<u8>], exp: &[f32], y: &[Cell<u8>]) {
        let depth = self.depth.max(1);
        for (x, y) in x.chunks_exact(depth).zip(y.chunks_exact(depth)) {
            let max = x.iter().fold(0, |max, x| max.max(x.get()));
            let sum = x.iter().fold(0.0, |sum, x| {
                sum + exp.get(usize::from(max - x.get())).copied().unwrap_or(0.0)
            });
            let whole = (self.scale * f32::from(max) + libm::logf(sum)) / self.out_scale;
            let step = self.scale / self.out_scale;
            for (x, y) in x.iter().zip(y) {
                let log = libm::rintf(step * f32::from(x.get()) - whole);
                y.set(u8::saturate(
                    (log as i32).saturating_add(self.out_zero_point),
                ));
            }
        }
    }
}

impl LogSoftmaxF32 {
    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<f32>]) {
        let depth = self.depth.max(1);
        for (x, y) in x.chunks_exact(depth).zip(y.chunks_exact(depth)) {
            let max = x.iter().fold(f32::MIN, |max, x| greater(max, x.get()));
            let sum = x.iter().fold(0.0, |sum, x| sum + libm::expf(x.get() - max));
            let log = libm::logf(sum);
            for (x, y) in x.iter().zip(y) {
                y.set(x.get() - max - log);
            }
        }
    }
}
