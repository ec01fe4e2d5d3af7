//! Generates the model's module, and a model for `include_model!` to read.

use castiron_build::OrExit as _;

const MODEL: &str = "../../examples/models/sine_int8.tflite";

fn main() {
    castiron_build::Model::new("sine").compile().or_exit();
    let made = std::path::Path::new(&std::env::var_os("OUT_DIR").unwrap()).join("made.tflite");
    std::fs::copy(MODEL, made).unwrap();
}
