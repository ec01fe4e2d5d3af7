castiron::include_model!("../../../tests/data/custom/same_words_i8.tflite", ops = crate::Ops);

struct Ops;

fn main() {}
