//! Libraries and the example on TFLM's kernels, built with the sources that `CASTIRON_TFLM` names.

use std::path::Path;
use std::process::Command;

use castiron_build::library::{Cases, Options};
use castiron_build::{Tflm, tflm};
use castiron_codegen::tflite;
use castiron_test_tools::{folder, skipped};

/// The library's self-test compares with the reference's outputs: castiron's own engine has no WHILE.
#[test]
fn a_library_has_the_kernels_of_called_subgraphs() {
    let Some(tree) = folder("CASTIRON_TFLM") else {
        return;
    };
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/calls");
    let bytes = std::fs::read(data.join("while_loop_f32.tflite")).unwrap();
    let model = tflite::read("while_loop_f32.tflite", &bytes).unwrap();
    let mut options = Options::default();
    options.cases = Cases::Recorded(data.join("golden/while_loop_f32.safetensors"));
    let tree = Tflm::new(tree).check().unwrap();
    let library = tflm::build(&model, &tree, &tflm::Settings::default(), &options).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for file in &library.files {
        std::fs::write(folder.path().join(&file.name), &file.bytes).unwrap();
    }
    let output = Command::new("make")
        .arg("run")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("case 3: ok"), "{text}");
    assert!(text.contains("self-test passed"), "{text}");
}

#[test]
fn both_engines_compute_the_same() {
    if folder("CASTIRON_TFLM").is_none() {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--manifest-path"])
        .arg(root.join("examples/tflm/Cargo.toml"))
        .arg("--target-dir")
        .arg(root.join("target/tflm-example"))
        .output()
        .unwrap();
    let [text, errors] = [&output.stdout, &output.stderr].map(|b| String::from_utf8_lossy(b));
    if errors.contains("needs libclang") {
        skipped("no libclang on this machine", false);
        return;
    }
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.starts_with("0 of 96 values differ"), "{text}");
    println!("{text}");
}
