castiron::include_model!("../../../tests/data/models/multi_io_int8.tflite", max_arena = "1.5k");

fn main() {}
