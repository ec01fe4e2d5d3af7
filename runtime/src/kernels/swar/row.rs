//! FULLY_CONNECTED of single rows.

use core::cell::Cell;

use super::{SwarOutput, parameters};
use crate::arch::row::row;
use crate::kernels::part;

parameters! {
    /// Sizes of a matrix product.
    pub struct ScalarRows {
        /// Rows of inputs.
        pub rows: usize,
        /// Inputs of a row.
        pub inputs: usize,
        /// What a row's outputs are.
        pub output: SwarOutput,
    }
}

/// Rows of inputs times a matrix, one at a time, by products of 32 bits.
#[derive(Clone, Copy)]
#[cfg_attr(any(test, feature = "host"), derive(Debug))]
pub struct ScalarFullyConnected<const SIGNED: bool> {
    /// Sizes.
    pub sizes: ScalarRows,
}

impl<const SIGNED: bool> ScalarFullyConnected<SIGNED> {
    /// Computes all outputs.
    #[inline(never)]
    pub fn run(&self, x: &[Cell<i8>], weights: &[u32], y: &[Cell<i8>]) {
        let ScalarRows {
            rows,
            inputs,
            output,
        } = self.sizes;
        for n in 0..rows {
            let x = part(x, n * inputs, inputs);
            let outputs = part(y, n * output.channels, output.channels);
            row::<SIGNED>(x, weights, [output.shift, output.fine], outputs);
        }
        output.clamp(y);
    }
}
