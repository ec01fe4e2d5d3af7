castiron::include_model!("../data/models/multi_io_int8.tflite", labels = "../data/labels.txt");

fn main() {}
