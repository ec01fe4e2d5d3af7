//! FULLY_CONNECTED, and convolutions of single pixels.

use core::cell::Cell;

use super::{DspOutput, parameters};
use crate::arch::armv7em::{Epilogue, Loops, Matrix, Runs};
use crate::arch::memory::{as_bytes, copy};
use crate::kernels::{part, split};

parameters! {
    /// One row of inputs times a matrix.
    pub struct DspFullyConnected<E> {
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
    pub fn run(&self, x: &[Cell<i8>], weights: &[u32], y: &[Cell<i8>]) {
        one(&self.output, self.epilogue.loops(), x, weights, y);
    }
}

impl<E> DspPointwise<E> {
    /// The least number of bytes by which the output may begin before the input. A pair of rows is widened before its outputs are written, so
    /// that *n* pairs of outputs may reach the end of *n* pairs of inputs, as long as there are inputs behind it.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn distance(&self) -> usize {
        let pairs = self.rows.saturating_sub(1) / 2;
        2 * pairs * self.output.channels.saturating_sub(self.inputs)
    }
}

impl<E: Epilogue> DspPointwise<E> {
    /// Computes all outputs; `pairs` has a word for each input of a row. The output may begin [`distance`](Self::distance) bytes before the
    /// input, or more.
    #[inline(always)]
    pub fn run(&self, x: &[Cell<i8>], weights: &[u32], pairs: &[Cell<u32>], y: &[Cell<i8>]) {
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

/// Functions of their own, whatever the epilogue: firmware has them once.
#[inline(never)]
fn one(output: &DspOutput, loops: Loops, x: &[Cell<i8>], weights: &[u32], y: &[Cell<i8>]) {
    if let Some(matrix) = Matrix::new(loops, weights, x.len(), output.channels) {
        matrix.row(x, y);
        output.clamp(y);
    }
}

#[inline(never)]
fn several(
    (rows, inputs): (usize, usize),
    output: &DspOutput,
    loops: Loops,
    mut x: &[Cell<i8>],
    weights: &[u32],
    pairs: &[Cell<u32>],
    y: &[Cell<i8>],
) {
    let Some(matrix) = Matrix::new(loops, weights, inputs, output.channels) else {
        return;
    };
    let runs = Runs {
        count: 1,
        len: inputs,
        step: inputs,
    };
    let mut left = y;
    for _ in 0..rows / 2 {
        let (pair, rest) = split(x, 2 * inputs);
        x = rest;
        matrix.widen_pair(pair, inputs, runs, pairs);
        let (y, rest) = split(left, 2 * output.channels);
        left = rest;
        matrix.pair(pairs, y);
    }
    if rows % 2 == 1 {
        let (row, _) = split(as_bytes(pairs), inputs);
        copy(x, row);
        matrix.row(row, part(left, 0, output.channels));
    }
    output.clamp(y);
}
