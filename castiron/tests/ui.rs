//! `include_model!` in crates with other lints, and what a user sees when it refuses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use castiron_test_tools::rustc;

/// Compiles a program of one file that knows this crate by this name.
fn compile(source: &Path, name: &str, program: &Path) -> Output {
    rustc(name)
        .arg("-o")
        .args([program, source])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("rustc runs")
}

fn cases(folder: &str) -> impl Iterator<Item = PathBuf> {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = fs::read_dir(files).expect("readable");
    let names = files.map(|file| file.expect("readable").file_name());
    let cases = names.map(move |name| Path::new(folder).join(name));
    cases.filter(|path| path.extension().is_some_and(|e| e == "rs"))
}

/// The compiler's errors without what it adds itself: their number, and where to read more.
fn errors(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).replace(env!("CARGO_MANIFEST_DIR"), "$DIR");
    let ends = text.find("\nerror: aborting due to").unwrap_or(text.len());
    text[..ends].to_owned()
}

#[test]
fn errors_read_well() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut tried = 0;
    for case in cases("tests/ui") {
        let output = compile(&case, "castiron", &folder.path().join("program"));
        assert!(!output.status.success(), "{} compiles", case.display());
        let name = case.file_stem().expect("a name").to_string_lossy();
        insta::with_settings!({ snapshot_path => "ui", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name.as_ref(), errors(&output));
        });
        tried += 1;
    }
    assert!(tried > 10, "{tried} cases");
}

/// Compiles and runs the programs of a folder.
fn run_all(folder: &str, name: &str) {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let mut ran = 0;
    for case in cases(folder) {
        let program = temporary.path().join("program");
        let output = compile(&case, name, &program);
        assert!(output.status.success(), "{}", errors(&output));
        let status = Command::new(&program).status().expect("it runs");
        assert!(status.success(), "{}", case.display());
        ran += 1;
    }
    assert!(ran > 0, "{folder} is empty");
}

#[test]
fn strict_crates_accept_it() {
    run_all("tests/ui/pass", "castiron");
}

#[test]
fn a_dependency_of_another_name_is_named() {
    run_all("tests/ui/renamed", "caster");
}

/// What is wrong in the file beside the manifest is said at the model, with its own place.
#[test]
fn the_file_of_the_project_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (source, program) = (folder.path().join("main.rs"), folder.path().join("program"));
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/models/sine_int8.tflite");
    let text = format!(
        "castiron::include_model!(pub mod sine = {model:?});
        castiron::include_model!(pub mod own = {model:?}, memories = {{ all = 1k }});
        fn main() {{
            assert!(sine::TCM_BYTES == 16 && sine::RAM_BYTES > 0);
            assert_eq!(own::ALL_BYTES, own::ARENA_BYTES);
        }}"
    );
    fs::write(&source, text).expect("writable");
    let compiled = |config: &str| {
        fs::write(folder.path().join("castiron.toml"), config).expect("writable");
        let mut command = rustc("castiron");
        command.env("CARGO_MANIFEST_DIR", folder.path());
        let output = command.arg("-o").args([&program, &source]).output();
        output.expect("rustc runs")
    };
    let output = compiled("[memories]\ntcm = \"16 fast\"\nram = \"1k\"\n");
    // By itself, this package is built without the feature that reads the file; with the whole workspace, it has it.
    let text = errors(&output);
    if text.contains("this build of castiron does not read it") {
        assert!(
            !output.status.success() && text.contains("features = [\"config\"]"),
            "{text}"
        );
        eprintln!("skipped: what the file says; --features config reads it");
        return;
    }
    assert!(output.status.success(), "{text}");
    let status = Command::new(&program).status().expect("it runs");
    assert!(status.success());

    // A model that the file names, in the call's own memories.
    let named = "castiron::include_model!(sine); castiron::include_model!(pub mod other = \"sine\", max_arena = 1k);
        fn main() { assert_eq!(sine::Model::new().predict(&[0]), other::Model::new().predict(&[0])); }";
    fs::write(&source, named).expect("writable");
    let entry = format!("[model.sine]\nfile = {model:?}\n");
    let output = compiled(&entry);
    assert!(output.status.success(), "{}", errors(&output));
    let status = Command::new(&program).status().expect("it runs");
    assert!(status.success());
    for (key, found) in [
        ("max-macs = 8", "found: 152, 144 too many"),
        ("max-flash = 64", "the code is estimated"),
        ("max-arena = 16", "the nearest possible"),
    ] {
        let output = compiled(&format!("{entry}{key}\n"));
        let text = errors(&output);
        assert!(!output.status.success(), "{key}");
        let line = key.find('=').expect("a value") + 3;
        for part in [
            found,
            &format!("castiron.toml, line 3, column {line} says"),
            "main.rs:1:",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    let text = errors(&compiled("[model.sin]\nfile = \"sine.tflite\"\n"));
    assert!(
        text.contains("the file has no model \"sine\"") && text.contains("write sin"),
        "{text}"
    );

    let output = compiled("[memories]\ntcm = \"16 quick\"\n");
    let text = errors(&output);
    for part in [
        "castiron.toml, line 2, column 1: this is no memory",
        "a speed is fast",
        "main.rs:1:",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
