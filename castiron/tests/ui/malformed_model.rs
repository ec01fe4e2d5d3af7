castiron::include_model!("../../../codegen/tests/data/bad/shape_vs_buffer.tflite");

fn main() {}
