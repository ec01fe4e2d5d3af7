//! FULLY_CONNECTED, and convolutions of 1×1 windows: rows of inputs times a matrix.
//!
//! A block's constants are loaded once for all rows.

use core::cell::Cell;

use super::{Block, Dot, Numbers, Rows, multiply_accumulate, parameters, split};

parameters! {
    /// Sizes of a matrix product.
    pub struct FullyConnectedSizes {
        /// Rows of inputs: the batch, or pixels.
        pub rows: usize,
        /// Inputs of a row.
        pub inputs: usize,
        /// Outputs of a row.
        pub outputs: usize,
    }

    /// Matrix product.
    pub struct FullyConnected<N, D> {
        /// Sizes.
        pub sizes: FullyConnectedSizes,
        /// The number format.
        pub numbers: N,
        /// The micro-kernel.
        pub dot: D,
    }
}

multiply_accumulate!(FullyConnected<N, D>);

impl<N: Numbers, D: Dot<N>> FullyConnected<N, D> {
    /// Computes the whole output from an input and packed weights.
    #[inline(always)]
    pub fn compute(
        &self,
        x: &[Cell<N::X>],
        mut weights: &[D::Packed],
        operands: D::Operands<'_>,
        y: &[Cell<N::Y>],
    ) {
        let FullyConnectedSizes {
            rows,
            inputs,
            outputs,
        } = self.sizes;
        let rows = Rows {
            count: rows,
            inputs,
            outputs,
        };
        let mut channel = 0;
        while channel < outputs {
            let (packed, rest) = split(weights, D::packed_len(inputs));
            weights = rest;
            let channels = D::channels::<false>(&self.numbers, &operands, channel);
            let block = Block {
                weights: packed,
                channels: &channels,
                stored: D::CHANNELS.min(outputs - channel),
            };
            let y = y.get(channel..).unwrap_or(&[]);
            D::rows(&self.numbers, block, rows, x, y);
            channel += D::CHANNELS;
        }
    }
}

#[cfg(feature = "host")]
impl FullyConnectedSizes {
    /// Packs weights as the kernel of a micro-kernel wants them: block by block. `weight(output, i)` gives them.
    pub fn pack<N: Numbers, D: Dot<N>>(
        &self,
        weight: &dyn Fn(usize, usize) -> N::W,
    ) -> alloc::vec::Vec<D::Packed> {
        let mut packed = alloc::vec::Vec::new();
        for first in (0..self.outputs).step_by(D::CHANNELS) {
            let channels = first..self.outputs.min(first + D::CHANNELS);
            D::pack(channels, self.inputs, weight, &mut packed);
        }
        packed
    }
}
