//! Errors: codes, text, JSON, and nothing left behind.

use crate::support::{Folder, castiron, failure, repository, sine, vae};

fn broken() -> String {
    repository("codegen/tests/data/bad/no_buffers.tflite")
}

#[test]
fn every_problem_is_shown_plainly() {
    let (code, text) = failure(&["inspect", &broken()]);
    assert_eq!(code, 1);
    let text = text.replace(&broken(), "no_buffers.tflite");
    assert!(text.matches("error: ").count() > 5, "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn errors_are_json_on_demand() {
    let (code, text) = failure(&["inspect", "--json", &broken()]);
    assert_eq!(code, 1);
    let error: serde_json::Value = serde_json::from_str(&text).unwrap();
    let first = &error["error"]["diagnostics"][0];
    assert_eq!(error["error"]["kind"], "model");
    assert_eq!(first["place"]["file"], broken());
    assert_eq!(first["place"]["tensor"]["index"], 0);
    assert!(first["expected"].is_string());
}

#[test]
fn colour_brings_the_graphical_form() {
    let output = castiron(&["inspect", "--color", "always", &broken()])
        .assert()
        .code(1);
    let text = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(text.contains('×') && text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_missing_file_is_code_3() {
    let (code, text) = failure(&["inspect", "no/such.tflite"]);
    assert_eq!(code, 3);
    assert!(
        text.starts_with("error: no/such.tflite: cannot read: "),
        "{text}"
    );
    let (code, _) = failure(&[
        "gen-header",
        &sine(),
        "-o",
        "x.h",
        "--labels",
        "no/such.txt",
    ]);
    assert_eq!(code, 3);
}

#[test]
fn an_output_that_cannot_be_written_is_code_3() {
    let folder = Folder::new();
    let file = folder.write("file", "");
    let (code, _) = failure(&["gen-header", &sine(), "-o", &format!("{file}/model.h")]);
    assert_eq!(code, 3);
    let (code, _) = failure(&["gen-resolver", &sine(), "-o", &folder.path("")]);
    assert_eq!(code, 3);
    assert_eq!(folder.files(), ["file"]);
}

#[test]
fn a_malformed_model_leaves_nothing() {
    let folder = Folder::new();
    for command in [
        &["gen-header", "-o", &folder.path("new/model.h")][..],
        &["gen-resolver", "-o", &folder.path("new/resolver.h")],
        &["generate", "--out-dir", &folder.path("new")],
        &["plan", "--svg", &folder.path("new/plan.svg")],
        &["run", "--output-dir", &folder.path("new")],
    ] {
        let mut arguments = command.to_vec();
        let (model, depfile) = (broken(), folder.path("depfile"));
        arguments.extend([model.as_str(), "--depfile", &depfile]);
        let (code, _) = failure(&arguments);
        assert_eq!(code, 1, "{command:?}");
        assert!(folder.files().is_empty(), "{command:?}");
    }
}

#[test]
fn options_that_exclude_each_other_are_code_2() {
    let folder = Folder::new();
    let file = folder.path("d");
    for arguments in [
        &["gen-header", &vae(), "-o", "-"][..],
        &["gen-resolver", &vae(), "-o", "-", "--json"],
        &["gen-resolver", &vae(), "-o", "-", "--depfile", &file],
        &["gen-resolver", &vae(), "-o", &file, "--depfile", &file],
        &["inspect", &vae(), "--depfile", &file],
        &["plan", &vae(), "--json", "--svg", "-"],
    ] {
        let (code, text) = failure(arguments);
        assert_eq!(code, 2, "{arguments:?}: {text}");
        assert!(
            text.contains("help: ") || text.contains("\"help\""),
            "{text}"
        );
    }
    assert!(folder.files().is_empty());
}
