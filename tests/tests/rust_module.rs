//! The Rust module as people read it.

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::emit::rust::{self, RustOptions};
use castiron_codegen::program::Program;
use castiron_test_tools::rustc;
use castiron_tests::{goldens, workspace};

fn program(path: &str) -> Program {
    let model = goldens::read(&workspace().join(path)).expect("the model is well formed");
    compile::compile(&model, &CompileOptions::default()).expect("the model compiles")
}

fn module(path: &str) -> String {
    let mut options = RustOptions::default();
    options.constants_file = Some("weights.bin".to_owned());
    rust::file(&program(path), &options)
}

#[test]
fn one_entry_point() {
    insta::assert_snapshot!(module("examples/models/sine_int8.tflite"));
}

#[test]
fn two_signatures() {
    insta::assert_snapshot!(module("tests/data/models/two_signatures_int8.tflite"));
}

#[test]
fn a_module_of_another_version_is_refused() {
    let program = program("examples/models/sine_int8.tflite");
    let module = rust::file(&program, &RustOptions::default());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module.rs");
    let compile = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let mut command = rustc("castiron");
        let command = command.args(["--crate-type=lib", "--emit=metadata", "--out-dir"]);
        let output = command.arg(folder.path()).arg(&path).output().unwrap();
        String::from_utf8_lossy(&output.stderr).replace(&*path.to_string_lossy(), "module.rs")
    };
    assert_eq!(compile(&module), "");
    let other = module.replace(env!("CARGO_PKG_VERSION"), "0.0.0");
    insta::assert_snapshot!(compile(&other));
}
