//! Generates the model's module.

use castiron_build::OrExit as _;

fn main() {
    castiron_build::Model::new("../../examples/models/sine_int8.tflite")
        .compile()
        .or_exit();
}
