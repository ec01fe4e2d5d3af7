castiron::include_model!("../data/models/unsupported.tflite");

fn main() {}
