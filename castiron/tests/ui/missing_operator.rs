castiron::include_model!(mod delay = "../../../tests/data/custom/delay_i16.tflite", ops = crate::Ops,
    scratch = "acme/delay=i16x6");

struct Ops;

fn main() {}
