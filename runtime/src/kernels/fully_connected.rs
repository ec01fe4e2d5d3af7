//! FULLY_CONNECTED, and convolutions of 1×1 windows: rows of inputs times a matrix.
//!
//! Weights are packed in blocks of [`CHANNELS`] outputs with the output innermost; the last block
//! is filled up with zeros. A block's constants are loaded once for all rows.

use core::cell::Cell;

use super::dot::{CHANNELS, dot};
use super::stage::{Float, Int8, Stage};
use super::{host_kernel, parameters, part, split};

parameters! {
    /// Sizes of a matrix product.
    pub struct FullyConnected {
        /// Rows of inputs: the batch, or pixels.
        pub rows: usize,
        /// Inputs of a row.
        pub inputs: usize,
        /// Outputs of a row.
        pub outputs: usize,
    }

    /// Matrix product of int8 by int8.
    pub struct FullyConnectedI8 {
        /// Sizes.
        pub matrix: FullyConnected,
        /// Quantisation of input and output.
        pub int8: Int8,
    }

    /// Matrix product of float32.
    pub struct FullyConnectedF32 {
        /// Sizes.
        pub matrix: FullyConnected,
        /// Range of the output.
        pub float: Float,
    }
}

host_kernel! {
    FullyConnectedI8(x, weights, folded, multiplier, shift, y);
    FullyConnectedF32(x, weights, bias, y);
}

impl FullyConnectedI8 {
    /// Computes the whole output; operands as for [`Conv2dI8`](super::Conv2dI8).
    pub fn run(
        &self,
        x: &[Cell<i8>],
        weights: &[i8],
        folded: &[i32],
        multiplier: &[i32],
        shift: &[i8],
        y: &[Cell<i8>],
    ) {
        let stage = self.int8.stage(folded, &[], multiplier, shift);
        self.matrix.run(&stage, x, weights, y);
    }
}

impl FullyConnectedF32 {
    /// Computes the whole output; operands as for [`Conv2dF32`](super::Conv2dF32).
    pub fn run(&self, x: &[Cell<f32>], weights: &[f32], bias: &[f32], y: &[Cell<f32>]) {
        self.matrix.run(&self.float.stage(bias), x, weights, y);
    }
}

impl FullyConnected {
    #[inline(always)]
    fn run<S: Stage>(&self, stage: &S, x: &[Cell<S::X>], mut weights: &[S::W], y: &[Cell<S::Y>]) {
        let mut channel = 0;
        while channel < self.outputs {
            let (block, rest) = split(weights, self.inputs * CHANNELS);
            weights = rest;
            let (block, _) = block.as_chunks();
            let channels = stage.channels::<CHANNELS>(channel);
            let stored = CHANNELS.min(self.outputs - channel);
            let (mut x, mut y) = (x, y.get(channel..).unwrap_or(&[]));
            // Two rows at once share the weights' loads, where registers allow.
            for _ in 0..self.rows / 2 {
                let (first, rest) = split(x, self.inputs);
                let (second, rest) = split(rest, self.inputs);
                x = rest;
                let mut acc = [S::inside(&channels); 2];
                S::mac_pair([first, second], block, &mut acc);
                for acc in &acc {
                    stage.finish(&channels, acc, part(y, 0, stored));
                    y = y.get(self.outputs..).unwrap_or(&[]);
                }
            }
            if self.rows % 2 == 1 {
                let (row, _) = split(x, self.inputs);
                let mut acc = S::inside(&channels);
                dot::<S>(row, block, &mut acc);
                stage.finish(&channels, &acc, part(y, 0, stored));
            }
            channel += CHANNELS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_stays_so() {
        let kernel = FullyConnectedF32 {
            matrix: FullyConnected {
                rows: 1,
                inputs: 1,
                outputs: 1,
            },
            float: Float { min: 0.0, max: 6.0 },
        };
        let y = Cell::new(0.0);
        let x = [Cell::new(f32::NAN)];
        kernel.run(&x, &[1.0; CHANNELS], &[0.0], core::slice::from_ref(&y));
        assert!(y.get().is_nan());
    }
}
