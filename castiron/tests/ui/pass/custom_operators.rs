//! Custom operators in a crate that refuses nearly everything.
#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, missing_docs, dead_code, unused, unreachable_pub, clippy::all)]

use castiron::{Tensor, TensorMut};

castiron::include_model!(mod delay = "../../../../tests/data/custom/delay_i16.tflite", ops = crate::Ops,
    scratch = "acme/delay=i16x6", state = "acme/delay=i16x6");
castiron::include_model!(mod relu = "../../../../tests/data/custom/relu_i8.tflite", ops = crate::Ops);

/// What the models lack.
#[derive(Debug)]
pub struct Ops;

impl delay::ops::AcmeDelay for Ops {
    fn run(
        _options: &[u8],
        input: Tensor<'_, i16>,
        output: TensorMut<'_, i16>,
        scratch: &mut [i16],
        state: &mut [i16],
    ) {
        scratch.copy_from_slice(state);
        state.copy_from_slice(input.values);
        output.values.copy_from_slice(scratch);
    }
}

impl relu::ops::MyRelu for Ops {
    fn run(_options: &[u8], input: Tensor<'_, i8>, output: TensorMut<'_, i8>) {
        for (x, y) in input.values.iter().zip(output.values) {
            *y = (*x).max(output.spec.zero_point as i8);
        }
    }
}

fn main() {
    let mut model = delay::Model::new();
    let _ = model.predict(&[7; 6]);
    assert_eq!(model.predict(&[8; 6]), &[7; 6]);
    let _ = relu::Model::new().predict(&[0; 36]);
}
