castiron::include_model!(
    pub mod kws = "../../../tests/data/models/multi_io_int8.tflite",
    section = ".a",
    section = ".b",
);

fn main() {}
