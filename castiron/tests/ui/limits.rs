castiron::include_model!(mod macs = "../../../examples/models/sine_int8.tflite", max_macs = 64);
castiron::include_model!(mod flash = "../../../examples/models/sine_int8.tflite", max_flash = 100);
castiron::include_model!(mod arena = "../../../examples/models/sine_int8.tflite", max_arena = 16);
castiron::include_model!(mod no_size = "../../../examples/models/sine_int8.tflite", max_arena = 1.5);
castiron::include_model!(no_such_model, max_arena = 1k);

fn main() {}
