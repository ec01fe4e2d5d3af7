//! Files written: content, names, times, depfiles.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::support::{
    Ends as _, Folder, castiron, failure, json, sine, stdout, two_signatures, vae,
};

#[test]
fn a_header_and_its_source_fit_together() {
    let folder = Folder::new();
    let header = folder.path("deep/er/model-data.h");
    castiron(&["gen-header", &vae(), "-o", &header]).success();
    let source = folder.read("deep/er/model-data.c");
    assert!(source.contains("#include \"model-data.h\""));
    assert!(source.contains("vae_model_data"));
    assert!(
        folder
            .read("deep/er/model-data.h")
            .contains("VAE_MODEL_LEN")
    );
}

#[test]
fn kenning_headers_may_go_to_standard_output() {
    let header = stdout(&["gen-header", &vae(), "--style", "kenning", "-o", "-"]);
    assert!(header.contains("model_spec"));
    assert!(header.contains("0x1c, 0x00, 0x00, 0x00, 0x54, 0x46, 0x4c, 0x33"));
}

#[test]
fn options_reach_the_header() {
    let folder = Folder::new();
    let labels = folder.write("labels.txt", "sine\n");
    let header = folder.path("s.h");
    castiron(&[
        "gen-header",
        &sine(),
        "-o",
        &header,
        "--name",
        "wave",
        "--section",
        ".ext_flash",
        "--align",
        "64",
        "--labels",
        &labels,
    ])
    .success();
    let header = folder.read("s.h");
    assert!(header.contains("WAVE_MODEL_ALIGNMENT 64"), "{header}");
    let source = folder.read("s.c");
    assert!(source.contains("\".ext_flash\"") && source.contains("\"sine\""));
    let (code, text) = failure(&["gen-header", &sine(), "-o", "x.h", "--align", "3"]);
    assert_eq!(code, 1);
    assert!(text.contains("power of two"), "{text}");
}

const SPECIFICATION: &str = r#"{
  "input": [{ "name": "window", "shape": [1, 5, 17], "dtype": "float32" }],
  "output": [{ "name": "joints", "shape": [1, 17], "dtype": "float32" }]
}"#;

#[test]
fn a_specification_beside_the_model_is_found() {
    let folder = Folder::new();
    let model = folder.path("vae.tflite");
    fs::copy(vae(), &model).unwrap();
    let header = folder.path("vae.h");
    let depfile = folder.path("vae.h.d");
    let arguments = ["gen-header", &model, "-o", &header, "--depfile", &depfile];
    let spec = folder.write("vae.tflite.json", "not JSON");
    assert_eq!(failure(&arguments).0, 1);
    let mut without = arguments.to_vec();
    without.push("--no-io-spec");
    castiron(&without).success();
    assert!(!folder.read("vae.h.d").contains(".json"));

    folder.write("vae.tflite.json", SPECIFICATION);
    castiron(&arguments).success();
    let source = folder.path("vae.c");
    assert_eq!(
        folder.read("vae.h.d"),
        format!("{header} {source}: \\\n  {model} \\\n  {spec}\n")
    );

    let mut stamped = arguments.to_vec();
    stamped.extend(["--depfile-target", "vae.stamp"]);
    castiron(&stamped).success();
    assert_eq!(
        folder.read("vae.h.d"),
        format!("vae.stamp: \\\n  {model} \\\n  {spec}\n")
    );
}

#[test]
fn unchanged_files_are_untouched() {
    let folder = Folder::new();
    let file = folder.path("ops_resolver.h");
    let depfile = folder.path("ops_resolver.h.d");
    let arguments = [
        "gen-resolver",
        &vae(),
        "-o",
        &file,
        "--depfile",
        &depfile,
        "--json",
    ];
    let changed = || {
        let files = json(&arguments)["files"].as_array().unwrap().clone();
        files
            .iter()
            .map(|f| f["changed"] == true)
            .collect::<Vec<_>>()
    };
    assert_eq!(changed(), [true, true]);
    let old = SystemTime::now() - Duration::from_secs(1000);
    let handle = fs::File::options().write(true).open(&file).unwrap();
    handle.set_modified(old).unwrap();
    drop(handle);
    let time = || fs::metadata(&file).unwrap().modified().unwrap();
    let before = time();
    assert_eq!(changed(), [false, false]);
    assert_eq!(time(), before);

    folder.write("ops_resolver.h", "something else");
    assert_eq!(changed(), [true, false]);
    assert_eq!(folder.files(), ["ops_resolver.h", "ops_resolver.h.d"]);
}

#[test]
fn a_resolver_may_serve_several_models() {
    let header = stdout(&[
        "gen-resolver",
        &vae(),
        &two_signatures(),
        "--ops",
        "Softmax,CONV_2D",
        "-o",
        "-",
    ]);
    for operator in [
        "AddFullyConnected",
        "AddTanh",
        "AddSoftmax",
        "AddConv2D",
        "AddMul",
    ] {
        assert_eq!(
            header.matches(&format!("{operator}()")).count(),
            1,
            "{operator}"
        );
    }
    let only = stdout(&["gen-resolver", "--ops", "Softmax", "-o", "-"]);
    assert!(only.contains("AddSoftmax") && !only.contains("AddTanh"));
    let (code, text) = failure(&["gen-resolver", "--ops", "Softmux", "-o", "-"]);
    assert_eq!(code, 1);
    assert!(text.contains("did you mean Softmax"), "{text}");
}

#[test]
fn quiet_is_quiet() {
    let folder = Folder::new();
    for arguments in [
        &["gen-header", &vae(), "-q", "-o", &folder.path("a.h")][..],
        &["gen-resolver", &vae(), "-q", "-o", &folder.path("r.h")],
        &["generate", &vae(), "-q", "--out-dir", &folder.path("all")],
    ] {
        castiron(arguments).quietly();
    }
}
