castiron::include_model!("../../../examples/models/sine_int8.tflite", verify = 1);
castiron::include_model!("../../../examples/models/sine_int8.tflite", verify = "yes");
castiron::include_model!("../../../examples/models/sine_int8.tflite", verify = true, verify = true);
castiron::include_model!("../../../examples/models/sine_int8.tflite", verify = true, engine = "tflm");

fn main() {}
