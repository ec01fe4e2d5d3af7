//! The programs of ten models as text: a change of choice, plan, packing or order shows here.

use std::fs;
use std::path::Path;

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::tflite;

const MODELS: [&str; 10] = [
    "examples/models/kws_dscnn_int8.tflite",
    "examples/models/sine_int8.tflite",
    "examples/models/vae_int8.tflite",
    "tests/data/models/conv1d_dynbatch_int8.tflite",
    "tests/data/models/conv1d_f32.tflite",
    "tests/data/models/kws_dscnn_f16.tflite",
    "tests/data/models/multi_io_int8.tflite",
    "tests/data/models/passthrough_edges_int8.tflite",
    "tests/data/models/resnet8_int8.tflite",
    "tests/data/models/two_signatures_int8.tflite",
];

#[test]
fn programs_are_what_they_were() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for path in MODELS {
        let bytes = fs::read(root.join(path)).expect("the model is shipped");
        let model = tflite::read(path, &bytes).expect("it is sound");
        let program = compile::compile(&model, &CompileOptions::default()).expect("it compiles");
        insta::assert_snapshot!(program.name.as_str(), program);
    }
}
