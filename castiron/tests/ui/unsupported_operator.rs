castiron::include_model!("../../../tests/data/models/unsupported.tflite");

fn main() {}
