castiron::include_model!("../../../tests/data/models/multi_io_int8.tflite", lables = "labels.txt");

fn main() {}
