castiron::include_model!("../../../tests/data/models/multi_io_int8.tflite", memories = { dtcm = 64 fast, sram = 128 });

fn main() {}
