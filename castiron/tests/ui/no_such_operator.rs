castiron::include_model!("../../../tests/data/custom/relu_i8.tflite", ops = crate::Ops, state = "MyRule=7");

fn main() {}
