//! The Rust module as people read it.

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::emit::rust::{self, RustOptions};
use castiron_tests::{goldens, workspace};

fn module(path: &str) -> String {
    let model = goldens::read(&workspace().join(path)).expect("the model is well formed");
    let program = compile::compile(&model, &CompileOptions::default()).expect("the model compiles");
    let options = RustOptions {
        constants_file: Some("weights.bin".to_owned()),
        ..RustOptions::default()
    };
    rust::file(&program, &options)
}

#[test]
fn one_entry_point() {
    insta::assert_snapshot!(module("examples/models/sine_int8.tflite"));
}

#[test]
fn two_signatures() {
    insta::assert_snapshot!(module("tests/data/models/two_signatures_int8.tflite"));
}
