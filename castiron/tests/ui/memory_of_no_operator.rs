castiron::include_model!("../../../tests/data/custom/relu_i8.tflite", scratch = "MyRelu=7");

fn main() {}
