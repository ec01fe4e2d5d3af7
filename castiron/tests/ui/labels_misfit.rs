castiron::include_model!("../../../tests/data/models/multi_io_int8.tflite", labels = "../../../tests/data/labels.txt");

fn main() {}
