//! UNIDIRECTIONAL_SEQUENCE_LSTM of float32 with weights of int8: what a step multiplies is quantised in front of it, by what is in it.

use core::cell::Cell;

use super::lstm::{CANDIDATE, step};
use super::{
    Dot, Float, FullyConnected, FullyConnectedSizes, Hybrid, LstmCells as _, LstmF32, LstmSizes,
    Portable, QuantizeRows, QuantizeRowsAsymmetric, parameters, part, split,
};

parameters! {
    /// An LSTM of float32 with weights of int8.
    pub struct LstmHybrid<D> {
        /// Sizes.
        pub sizes: LstmSizes,
        /// What is computed between products.
        pub cells: LstmF32,
        /// Whether what is quantised becomes 256 steps from the least to the greatest value, and not −127 to 127.
        pub asymmetric: bool,
        /// The micro-kernel.
        pub dot: D,
    }
}

/// Constants of an LSTM.
struct Constants<'a, P> {
    /// Packed weights, by gate: those for the input, those for what is hidden.
    weights: &'a [P],
    /// Their scales, in the same order.
    scales: &'a [f32],
    /// Biases by gate.
    bias: &'a [f32],
}

/// Memory to work in.
struct Room<'a> {
    /// A step's inputs, and then what is hidden, as integers.
    quantized: &'a [Cell<i16>],
    /// Their scales.
    scales: &'a [Cell<f32>],
    /// Sums of a product.
    sums: &'a [Cell<i32>],
    /// Two gates.
    gates: &'a [Cell<f32>],
}

impl<D: for<'a> Dot<Hybrid, Operands<'a> = ()>> LstmHybrid<D> {
    #[inline(always)]
    fn compute(
        &self,
        x: &[Cell<f32>],
        constants: &Constants<'_, D::Packed>,
        [hidden, y, cells]: [&[Cell<f32>]; 3],
        room: &Room<'_>,
    ) {
        let LstmSizes { inputs, units, .. } = self.sizes;
        let (first, second) = split(room.gates, units);
        let (of_input, of_hidden) = split(room.quantized, inputs);
        let (input_scale, hidden_scale) = split(room.scales, 1);
        self.sizes.walk(|batch, at| {
            let hidden = part(hidden, batch * units, units);
            self.quantize(part(x, at * inputs, inputs), of_input, input_scale);
            self.quantize(hidden, of_hidden, hidden_scale);
            step::<Float, LstmF32>(
                &self.cells,
                &[],
                [hidden, part(y, at * units, units)],
                part(cells, batch * units, units),
                [first, second],
                |gate, y| self.gate(gate, [of_input, of_hidden], constants, room, y),
            );
        });
    }

    #[inline(never)]
    fn quantize(&self, x: &[Cell<f32>], y: &[Cell<i16>], scale: &[Cell<f32>]) {
        let row = x.len();
        match self.asymmetric {
            true => QuantizeRowsAsymmetric { row }.run(x, y, scale),
            false => QuantizeRows { row }.run(x, y, scale),
        }
    }

    /// One gate of a step: the bias, then the two products.
    #[inline(always)]
    fn gate(
        &self,
        gate: usize,
        x: [&[Cell<i16>]; 2],
        constants: &Constants<'_, D::Packed>,
        room: &Room<'_>,
        y: &[Cell<f32>],
    ) {
        let LstmSizes { inputs, units, .. } = self.sizes;
        let weights = self.sizes.of_gate::<Hybrid, D>(gate, constants.weights);
        for (y, bias) in y.iter().zip(part(constants.bias, gate * units, units)) {
            y.set(*bias);
        }
        let scales = part(constants.scales, 2 * gate, 2).iter().zip(room.scales);
        let products = x.into_iter().zip([inputs, units]).zip(weights);
        for (((x, inputs), weights), (scale, row_scale)) in products.zip(scales) {
            let product = FullyConnected {
                sizes: FullyConnectedSizes {
                    rows: 1,
                    inputs,
                    outputs: units,
                },
                numbers: Hybrid,
                dot: self.dot,
            };
            product.compute(x, weights, (), room.sums);
            let scale = scale * row_scale.get();
            for (y, sum) in y.iter().zip(room.sums) {
                y.set(y.get() + sum.get() as f32 * scale);
            }
        }
        for y in y {
            y.set(LstmF32::gate(&[], y.get(), 0.0, gate == CANDIDATE));
        }
    }
}

/// Declares the methods that firmware calls, compiled here: see [`Numbers`](super::Numbers).
macro_rules! compiled {
    ($($steps:literal)*) => {$(
        impl LstmHybrid<Portable<$steps>> {
            /// Computes the whole output from the input and what was kept. The four operands before the last are memory to work in.
            #[cfg_attr(debug_assertions, inline)]
            #[allow(clippy::too_many_arguments, reason = "a kernel's operands are its arguments")]
            pub fn run(
                &self,
                x: &[Cell<f32>],
                weights: &[i8],
                weight_scales: &[f32],
                bias: &[f32],
                hidden: &[Cell<f32>],
                cells: &[Cell<f32>],
                quantized: &[Cell<i16>],
                scales: &[Cell<f32>],
                sums: &[Cell<i32>],
                gates: &[Cell<f32>],
                y: &[Cell<f32>],
            ) {
                let constants = Constants {
                    weights,
                    scales: weight_scales,
                    bias,
                };
                let room = Room {
                    quantized,
                    scales,
                    sums,
                    gates,
                };
                self.compute(x, &constants, [hidden, y, cells], &room);
            }
        }
    )*};
}
compiled! { 1 4 8 }

#[cfg(feature = "host")]
mod host {
    use alloc::string::String;

    use super::{Constants, Dot, Hybrid, LstmHybrid, Room};
    use crate::host::{HostKernel, Operand, Refused, kind, name, run_in_model, take};

    impl<D: for<'a> Dot<Hybrid, Operands<'a> = ()>> HostKernel for LstmHybrid<D> {
        fn name(&self) -> String {
            name("LstmHybrid", &[])
        }

        fn kind(&self) -> proc_macro2::TokenStream {
            kind("LstmHybrid", &[self.dot.kind()])
        }

        fn folds(&self) -> bool {
            false
        }

        fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused> {
            let mismatch = Refused::Operands {
                kernel: "LstmHybrid",
                takes: 11,
            };
            let &[
                x,
                weights,
                weight_scales,
                bias,
                hidden,
                cells,
                quantized,
                scales,
                sums,
                gates,
                y,
            ] = operands
            else {
                return Err(mismatch);
            };
            let constants = Constants {
                weights: take(weights, mismatch)?,
                scales: take(weight_scales, mismatch)?,
                bias: take(bias, mismatch)?,
            };
            let room = Room {
                quantized: take(quantized, mismatch)?,
                scales: take(scales, mismatch)?,
                sums: take(sums, mismatch)?,
                gates: take(gates, mismatch)?,
            };
            let kept = [
                take(hidden, mismatch)?,
                take(y, mismatch)?,
                take(cells, mismatch)?,
            ];
            let x = take(x, mismatch)?;
            run_in_model("LstmHybrid", || self.compute(x, &constants, kept, &room))
        }
    }
}
