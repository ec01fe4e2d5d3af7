castiron::include_model!("../data/models/multi_io_int8.tflite", engine = "torch");

fn main() {}
