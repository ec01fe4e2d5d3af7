castiron::include_model!("no_such_model.tflite");

fn main() {}
