castiron::include_model!(concat!(option_env!("HOME"), "/kws.tflite"));

fn main() {}
