//! Errors: codes, text, JSON, and nothing left behind.

use crate::support::{Ends as _, Folder, castiron, failure, repository, sine, vae};

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
    let output = castiron(&["inspect", "--color", "always", &broken()]).fails(1);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
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
        &["run", "--out-dir", &folder.path("new")],
    ] {
        let mut arguments = command.to_vec();
        let (model, depfile) = (broken(), folder.path("depfile"));
        arguments.extend([model.as_str(), "--depfile", &depfile]);
        let (code, _) = failure(&arguments);
        assert_eq!(code, 1, "{command:?}");
        assert!(folder.files().is_empty(), "{command:?}");
    }
}

/// Malformed is not unsupported: no artefact is made of such a model, whoever would run it.
#[test]
fn a_malformed_operator_is_an_error_for_every_artefact() {
    let folder = Folder::new();
    let out = folder.path("new");
    for model in [
        "op_without_input",
        "fc_sizes_do_not_fit",
        "int8_without_scale",
    ] {
        let model = repository(&format!("codegen/tests/data/bad/{model}.tflite"));
        for command in [
            &["inspect"][..],
            &["plan"],
            &["arena"],
            &["run", "--out-dir", &out],
            &["generate", "--out-dir", &out],
            &["gen-header", "-o", &out],
            &["gen-resolver", "-o", &out],
            &["gen-cpp", "--out-dir", &out],
            &["lib", "--out-dir", &out],
        ] {
            let (code, text) = failure(&[command, &[model.as_str()]].concat());
            assert_eq!(code, 1, "{command:?}: {text}");
            assert_eq!(text.matches("error: ").count(), 1, "{text}");
        }
    }
    assert!(folder.files().is_empty());
}

/// An NPU's operator, with its working memory: for TFLM alone, and that works.
#[test]
fn a_model_for_an_npu_has_header_and_resolver() {
    let folder = Folder::new();
    let model = repository("codegen/tests/data/bad/npu_scratch.tflite");
    castiron(&["gen-header", &model, "-o", &folder.path("npu.h")]).success();
    castiron(&["gen-resolver", &model, "-o", &folder.path("ops.h")]).success();
    assert!(folder.read("ops.h").contains("AddEthosU"));
}

#[test]
fn an_operator_of_tflm_alone_has_a_way_out() {
    let folder = Folder::new();
    let model = repository("tests/data/arena/ethos_u_i8.tflite");
    let (code, text) = failure(&["run", &model, "--out-dir", &folder.path("out")]);
    assert_eq!(code, 1);
    assert!(text.contains("castiron lib --engine tflm"), "{text}");
}

#[test]
fn files_that_are_no_models_are_named_for_what_they_are() {
    let folder = Folder::new();
    for (name, bytes, what) in [
        (
            "kws.cc",
            &b"const unsigned char g_kws[] = {0x1c, 0x00};"[..],
            "C source with the array g_kws",
        ),
        (
            "m.keras",
            b"PK\x03\x04metadata.json model.weights.h5",
            "a Keras model",
        ),
        ("m.onnx", b"\x08\x08\x12\x07pytorch", "an ONNX model"),
    ] {
        let (code, text) = failure(&["inspect", &folder.write(name, bytes)]);
        assert_eq!(code, 1);
        assert!(text.contains(what) && text.contains("help: "), "{text}");
    }
    std::fs::create_dir(folder.path("saved")).expect("a folder");
    folder.write("saved/saved_model.pb", "");
    let (code, text) = failure(&["inspect", &folder.path("saved")]);
    assert_eq!(code, 3);
    assert!(
        text.contains("SavedModel") && text.contains("from_saved_model"),
        "{text}"
    );
}

#[test]
fn the_exit_code_of_several_inputs_is_a_models_before_a_missing_files() {
    assert_eq!(failure(&["arena", "no/such.tflite"]).0, 3);
    assert_eq!(failure(&["arena", &sine(), "no/such.tflite"]).0, 3);
    assert_eq!(failure(&["arena", &broken(), &sine()]).0, 1);
    assert_eq!(failure(&["arena", &broken(), "no/such.tflite"]).0, 1);
}

#[test]
fn usage_errors_are_json_on_demand() {
    let sine = sine();
    for arguments in [
        &["inspect", "--json"][..],
        &["inspect", &sine, "--json=1"],
        &["--json", "no-such-command"],
        &["gen-header", &sine, "--json", "--no-such-option"],
    ] {
        let (code, text) = failure(arguments);
        assert_eq!(code, 2);
        let error: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(error["error"]["kind"], "usage");
        assert_eq!(error["error"]["exit_code"], 2);
        assert!(error["error"]["diagnostics"][0]["message"].is_string());
    }
    let (code, text) = failure(&["inspect"]);
    assert_eq!(code, 2);
    assert!(text.starts_with("error: "), "{text}");
}

#[test]
fn a_target_that_rust_cannot_compile_for_has_another_way() {
    let folder = Folder::new();
    let target = "xtensa-esp32s3-none-elf";
    let (code, text) = failure(&[
        "lib",
        &sine(),
        "--target",
        target,
        "--out-dir",
        &folder.path("x"),
    ]);
    assert_eq!(code, 1);
    assert!(text.contains("castiron gen-cpp"), "{text}");
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
