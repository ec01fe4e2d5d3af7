castiron::include_model!("../../../tests/data/models/multi_io_int8.tflite", without_pass = "fuse-paddings");

fn main() {}
