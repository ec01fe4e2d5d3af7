//! L2_NORMALIZATION along the last axis. All may run in place.

use core::cell::Cell;

use super::convert::Stored;
use super::{host_kernel, parameters};
use crate::fixed::requantize;
use crate::functions::inverse_root;

parameters! {
    /// Rows of int8 by their length, to int8 of scale 1/128.
    pub struct L2NormI8 {
        /// Elements of a row.
        pub depth: usize,
        /// The input's zero point.
        pub zero_point: i32,
    }

    /// Rows of uint8 by their length, to uint8 of scale 1/128 and zero point 128.
    pub struct L2NormU8 {
        /// Elements of a row.
        pub depth: usize,
        /// The input's zero point.
        pub zero_point: i32,
    }

    /// Rows of float32 by their length, or by 10⁻⁶ if that is greater.
    pub struct L2NormF32 {
        /// Elements of a row.
        pub depth: usize,
    }
}

host_kernel! {
    L2NormI8(x, y);
    L2NormU8(x, y);
    L2NormF32(x, y);
}

impl L2NormI8 {
    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<i8>], y: &[Cell<i8>]) {
        rows(
            self.depth,
            self.zero_point,
            x,
            y,
            |x, (multiplier, shift)| requantize(x, multiplier, shift.wrapping_add(7)),
        );
    }
}

impl L2NormU8 {
    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<u8>], y: &[Cell<u8>]) {
        rows(
            self.depth,
            self.zero_point,
            x,
            y,
            |x, (multiplier, shift)| requantize(x << 7, multiplier, shift).wrapping_add(128),
        );
    }
}

impl L2NormF32 {
    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<f32>]) {
        let depth = self.depth.max(1);
        for (x, y) in x.chunks_exact(depth).zip(y.chunks_exact(depth)) {
            let squares = x.iter().fold(0.0, |sum, x| sum + x.get() * x.get());
            let norm = libm::sqrtf(squares);
            let norm = if norm < 1e-6 { 1e-6 } else { norm };
            for (x, y) in x.iter().zip(y) {
                y.set(x.get() / norm);
            }
        }
    }
}

#[inline(always)]
fn rows<T: Stored>(
    depth: usize,
    zero_point: i32,
    x: &[Cell<T>],
    y: &[Cell<T>],
    finish: impl Fn(i32, (i32, i32)) -> i32,
) {
    let depth = depth.max(1);
    for (x, y) in x.chunks_exact(depth).zip(y.chunks_exact(depth)) {
        let value = |x: &Cell<T>| x.get().wide().wrapping_sub(zero_point);
        let squares = x.iter().fold(0i32, |sum, x| {
            sum.wrapping_add(value(x).wrapping_mul(value(x)))
        });
        let factor = inverse_root(squares);
        for (x, y) in x.iter().zip(y) {
            y.set(T::saturate(finish(value(x), factor)));
        }
    }
}
