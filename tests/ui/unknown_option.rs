castiron::include_model!("../data/models/multi_io_int8.tflite", lables = "labels.txt");

fn main() {}
