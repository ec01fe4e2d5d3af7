castiron::include_model!("../../../tests/data/models/multi_io_int8.tflite", optimize = "fast");

fn main() {}
