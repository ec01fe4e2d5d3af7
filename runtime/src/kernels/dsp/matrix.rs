//! FULLY_CONNECTED, and convolutions of single pixels.

use core::cell::Cell;

use super::{DspOutput, parameters};
use crate::arch::armv7em::{Epilogue, Loops, Matrix, Value, Windows};
use crate::arch::memory::{copy, within};
use crate::kernels::part;

parameters! {
    /// One row of inputs times a matrix.
    pub struct DspFullyConnected<E> {
        /// What its outputs are.
        pub output: DspOutput,
        /// How sums become outputs.
        pub epilogue: E,
    }

    /// The same of inputs that are widened first, all of them or some.
    pub struct DspWideFullyConnected<E> {
        /// What its outputs are.
        pub output: DspOutput,
        /// How sums become outputs.
        pub epilogue: E,
    }

    /// Rows of inputs times a matrix, two at a time.
    pub struct DspPointwise<E> {
        /// Rows of inputs: the batch, or pixels.
        pub rows: usize,
        /// Inputs of a row, a multiple of four.
        pub inputs: usize,
        /// What a row's outputs are.
        pub output: DspOutput,
        /// How sums become outputs.
        pub epilogue: E,
    }
}

impl<E: Epilogue> DspFullyConnected<E> {
    /// Computes all outputs. The output may not overwrite the input.
    #[inline(always)]
    pub fn run(&self, x: &[Cell<E::X>], weights: &[u32], y: &[Cell<E::Y>]) {
        one(&self.output, self.epilogue.loops(), x, weights, y);
    }
}

impl<E: Epilogue> DspWideFullyConnected<E> {
    /// Computes all outputs; `wide` has a word for each two inputs of the first so many, a multiple of eight. The output may begin where the input
    /// does, or before it, if it ends before an input that is not widened.
    #[inline(always)]
    pub fn run(&self, x: &[Cell<i8>], weights: &[u32], wide: &[Cell<u32>], y: &[Cell<i8>]) {
        one_wide(&self.output, self.epilogue.loops(), x, weights, wide, y);
    }
}

impl<E> DspPointwise<E> {
    /// The least number of elements by which the output may begin before the input. A pair of rows is widened before its outputs are written, so
    /// that *n* pairs of outputs may reach the end of *n* pairs of inputs, as long as there are inputs behind it.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn distance(&self) -> usize {
        let pairs = self.rows.saturating_sub(1) / 2;
        2 * pairs * self.output.channels.saturating_sub(self.inputs)
    }
}

impl<E: Epilogue> DspPointwise<E> {
    /// Computes all outputs; `pairs` has a word for each input of a row. The output may begin [`distance`](Self::distance) elements before the
    /// input, or more.
    #[inline(always)]
    pub fn run(&self, x: &[Cell<E::X>], weights: &[u32], pairs: &[Cell<u32>], y: &[Cell<E::Y>]) {
        let sizes = (self.rows, self.inputs);
        several(
            sizes,
            &self.output,
            self.epilogue.loops(),
            x,
            weights,
            pairs,
            y,
        );
    }
}

/// Functions of their own, whatever the epilogue: firmware has them once for each type.
#[inline(never)]
fn one<X: Value, Y: Value>(
    output: &DspOutput,
    loops: Loops,
    x: &[Cell<X>],
    weights: &[u32],
    y: &[Cell<Y>],
) {
    if let Some(matrix) = Matrix::new(loops, weights, x.len(), output.channels) {
        matrix.row(x, y);
        output.clamp(y);
    }
}

#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(never))]
fn one_wide(
    output: &DspOutput,
    loops: Loops,
    x: &[Cell<i8>],
    weights: &[u32],
    wide: &[Cell<u32>],
    y: &[Cell<i8>],
) {
    if let Some(matrix) = Matrix::of_wide_rows(loops, weights, x.len(), output.channels) {
        matrix.wide_row(x, wide, y);
        output.clamp(y);
    }
}

#[inline(never)]
fn several<X: Value, Y: Value>(
    (rows, inputs): (usize, usize),
    output: &DspOutput,
    loops: Loops,
    x: &[Cell<X>],
    weights: &[u32],
    pairs: &[Cell<u32>],
    y: &[Cell<Y>],
) {
    let Some(matrix) = Matrix::new(loops, weights, inputs, output.channels) else {
        return;
    };
    let (even, odd) = (rows / 2 * 2, rows % 2);
    let windows = Windows {
        count: rows / 2,
        pixel: inputs,
        parts: [(0, 1), (0, 0)],
        len: inputs,
        step: inputs,
    };
    matrix.pairs(x, &windows, pairs, part(y, 0, even * output.channels));
    if odd == 1 {
        let row = part(within(pairs), 0, inputs);
        copy(part(x, even * inputs, inputs), row);
        matrix.row(row, part(y, even * output.channels, output.channels));
    }
    output.clamp(y);
}
