//! The example that runs a model by both engines, built with the sources that `CASTIRON_TFLM` names.

use std::path::Path;
use std::process::Command;

#[test]
fn both_engines_compute_the_same() {
    if std::env::var_os("CASTIRON_TFLM").is_none() {
        println!("skipped: CASTIRON_TFLM names no tree of TFLM");
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
        println!("skipped: no libclang here\n{errors}");
        return;
    }
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.starts_with("0 of 96 values differ"), "{text}");
    println!("{text}");
}
