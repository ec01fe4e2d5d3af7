castiron::include_model!("../../../tests/data/models/multi_io_int8.tflite", labels = "no_such_labels.txt");

fn main() {}
