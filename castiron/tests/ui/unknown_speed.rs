castiron::include_model!("../../../tests/data/models/multi_io_int8.tflite", memories = { dtcm = 64k quick });

fn main() {}
