//! BATCH_MATMUL: products of matrices of which both may be computed at run time.

use core::cell::Cell;

use super::broadcast::{OUTER_DIMS, OuterDim, next};
use super::place::Source;
use super::{host_kernel, parameters};
use crate::fixed::{requantize, requantize_wide};

parameters! {
    /// Where the elements of the matrices lie.
    pub struct BatchMatmulSizes {
        /// Batches, the fastest dimension first; unused ones count 1.
        pub batches: [OuterDim; OUTER_DIMS],
        /// Rows of the first matrix.
        pub rows: usize,
        /// Columns of the second one.
        pub columns: usize,
        /// Products in a sum.
        pub depth: usize,
        /// Elements of the first matrix from row to row, and from product to product.
        pub first: [usize; 2],
        /// Elements of the second matrix from column to column, and from product to product.
        pub second: [usize; 2],
        /// Elements of the output from row to row, and from column to column.
        pub y: [usize; 2],
    }

    /// Product of float32.
    pub struct BatchMatmulF32 {
        /// Where the elements lie.
        pub sizes: BatchMatmulSizes,
    }

    /// Product of int8, with sums of 32 bits.
    pub struct BatchMatmulI8 {
        /// Where the elements lie.
        pub sizes: BatchMatmulSizes,
        /// The first matrix's zero point.
        pub first_zero_point: i32,
        /// The second one's.
        pub second_zero_point: i32,
        /// The output's zero point.
        pub out_zero_point: i32,
        /// What brings sums to the output's scale.
        pub multiplier: i32,
        /// Its shift.
        pub shift: i32,
    }

    /// Product of int16 without zero points, with sums of 64 bits.
    pub struct BatchMatmulI16 {
        /// Where the elements lie.
        pub sizes: BatchMatmulSizes,
        /// What brings sums to the output's scale.
        pub multiplier: i32,
        /// Its shift, at most 7.
        pub shift: i32,
    }

    /// Product of int8 by float32 that became integers at run time, each column of the second matrix by what is in it. Those columns
    /// lie one behind the other.
    pub struct BatchMatmulHybrid {
        /// Where the elements lie.
        pub sizes: BatchMatmulSizes,
    }
}

host_kernel! {
    BatchMatmulF32(first: f32, second, y);
    BatchMatmulI8(first: i8, second, y);
    BatchMatmulI16(first: i16, second, y);
    BatchMatmulHybrid(first: i8, first_scales, second, second_scales, y);
}

impl BatchMatmulF32 {
    /// Computes the whole output.
    pub fn run<S: Source<f32>>(&self, first: &[S], second: &[Cell<f32>], y: &[Cell<f32>]) {
        self.sizes
            .run(first, second, y, 0.0, |sum, a, b| sum + a * b, |sum, _| sum);
    }
}

impl BatchMatmulI8 {
    /// Computes the whole output.
    pub fn run<S: Source<i8>>(&self, first: &[S], second: &[Cell<i8>], y: &[Cell<i8>]) {
        let mac = |sum: i32, a: i8, b: i8| {
            let a = i32::from(a).wrapping_sub(self.first_zero_point);
            let b = i32::from(b).wrapping_sub(self.second_zero_point);
            sum.wrapping_add(a.wrapping_mul(b))
        };
        self.sizes.run(first, second, y, 0, mac, |sum, _| {
            let y = requantize(sum, self.multiplier, self.shift).wrapping_add(self.out_zero_point);
            y.clamp(i8::MIN.into(), i8::MAX.into()) as i8
        });
    }
}

impl BatchMatmulI16 {
    /// Computes the whole output.
    pub fn run<S: Source<i16>>(&self, first: &[S], second: &[Cell<i16>], y: &[Cell<i16>]) {
        let mac = |sum: i64, a: i16, b: i16| {
            sum.wrapping_add(i64::from(i32::from(a).wrapping_mul(i32::from(b))))
        };
        self.sizes.run(first, second, y, 0, mac, |sum, _| {
            let y = requantize_wide(sum, self.multiplier, self.shift);
            y.clamp(i16::MIN.into(), i16::MAX.into()) as i16
        });
    }
}

impl BatchMatmulHybrid {
    /// Computes the whole output. The first matrix has a scale for each row or one for all, the second one for each column.
    pub fn run<S: Source<i8>>(
        &self,
        first: &[S],
        first_scales: &[f32],
        second: &[Cell<i16>],
        second_scales: &[Cell<f32>],
        y: &[Cell<f32>],
    ) {
        let depth = self.sizes.depth.max(1);
        let mac =
            |sum: i32, a: i8, b: i16| sum.wrapping_add(i32::from(a).wrapping_mul(i32::from(b)));
        self.sizes.run(first, second, y, 0, mac, |sum, at: Place| {
            let first = match first_scales {
                [one] => *one,
                _ => first_scales.get(at.row).copied().unwrap_or(0.0),
            };
            let second = second_scales.get(at.second / depth);
            second.map_or(0.0, Cell::get) * first * sum as f32
        });
    }
}

/// Which sum it is.
struct Place {
    /// The first matrix's row.
    row: usize,
    /// Where the second matrix's column begins.
    second: usize,
}

/// Columns that share the loads of the first matrix.
const COLUMNS: usize = 4;

impl BatchMatmulSizes {
    #[inline(always)]
    fn run<T: Copy, S: Source<T>, U: Copy, Y: Copy, A: Copy>(
        &self,
        first: &[S],
        second: &[Cell<U>],
        y: &[Cell<Y>],
        zero: A,
        mac: impl Fn(A, T, U) -> A,
        finish: impl Fn(A, Place) -> Y,
    ) {
        let mut position = [0usize; OUTER_DIMS];
        let (mut first_at, mut second_at) = (0usize, 0usize);
        for y in y.chunks((self.rows * self.columns).max(1)) {
            for row in 0..self.rows {
                let first = first.get(first_at + row * self.first[0]..).unwrap_or(&[]);
                let mut column = 0;
                while column < self.columns {
                    let start = second_at + column * self.second[0];
                    let second = second.get(start..).unwrap_or(&[]);
                    let sums = self.sums(first, second, zero, &mac);
                    let mut at = row * self.y[0] + column * self.y[1];
                    let mut second = start;
                    for sum in sums.into_iter().take(self.columns - column) {
                        if let Some(y) = y.get(at) {
                            y.set(finish(sum, Place { row, second }));
                        }
                        at += self.y[1];
                        second += self.second[0];
                    }
                    column += COLUMNS;
                }
            }
            next(&self.batches, &mut position, &mut first_at, &mut second_at);
        }
    }

    /// Sums of a row and some columns; those that are not there are of whatever there is.
    #[inline(always)]
    fn sums<T: Copy, S: Source<T>, U: Copy, A: Copy>(
        &self,
        first: &[S],
        second: &[Cell<U>],
        zero: A,
        mac: impl Fn(A, T, U) -> A,
    ) -> [A; COLUMNS] {
        let mut sums = [zero; COLUMNS];
        let (mut a_at, mut b_at) = (0, 0);
        for _ in 0..self.depth {
            let Some(a) = first.get(a_at) else { break };
            let a = a.read();
            let mut at = b_at;
            for sum in &mut sums {
                let Some(b) = second.get(at) else { break };
                *sum = mac(*sum, a, b.get());
                at += self.second[0];
            }
            a_at += self.first[1];
            b_at += self.second[1];
        }
        sums
    }
}
