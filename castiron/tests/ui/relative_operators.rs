castiron::include_model!("../../../tests/data/custom/relu_i8.tflite", ops = MyOps);

struct MyOps;

fn main() {}
