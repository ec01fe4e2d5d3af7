castiron::include_model!("../../../tests/data/models/multi_io_int8.tflite", input_by = "rows");
castiron::include_model!("../../../examples/models/sine_int8.tflite", input_by = "rows");
castiron::include_model!("../../../examples/models/sine_int8.tflite", input_by = "columns");

fn main() {}
