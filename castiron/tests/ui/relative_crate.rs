castiron::include_model!("../../../examples/models/sine_int8.tflite", crate = self::castiron);

fn main() {}
