castiron::include_model!(concat!(env!("CASTIRON_HAS_NO_SUCH_VARIABLE"), "/kws.tflite"));

fn main() {}
