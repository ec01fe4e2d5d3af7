castiron::include_model!("../../../examples/models/sine_int8.tflite", buffers = "mine");
castiron::include_model!("../../../examples/models/sine_int8.tflite", buffers = "caller", input_by = "rows");
castiron::include_model!("../../../examples/models/sine_int8.tflite", buffers = "caller", engine = "tflm");

fn main() {}
