castiron::include_model!(mod relu = "../../../tests/data/custom/relu_i8.tflite", ops = crate::Ops);

struct Ops;

impl relu::ops::MyRelu for Ops {
    fn run(_options: &[u8], _input: castiron::Tensor<'_, u8>, _output: castiron::TensorMut<'_, i8>) {}
}

fn main() {}
