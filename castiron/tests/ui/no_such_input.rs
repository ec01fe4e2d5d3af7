castiron::include_model!("../../../tests/data/tflm/any_size_input.tflite", shape = "image=1x8x8x3");

fn main() {}
