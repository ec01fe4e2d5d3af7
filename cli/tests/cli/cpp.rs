//! C++ on TFLM's kernels. What it computes is tested where a tree of tflite-micro is.

use std::fs;

use crate::support::{Ends as _, Folder, castiron, custom, failure, json, sine};

const FILES: [&str; 5] = [
    "castiron_tflm.cc",
    "castiron_tflm.h",
    "sine_int8_tflm.cc",
    "sine_int8_tflm.h",
    "sine_int8_tflm_weights.cc",
];

#[test]
fn a_model_is_readable() {
    let folder = Folder::new();
    castiron(&["gen-cpp", &sine(), "--out-dir", &folder.path("")]).success();
    for file in &FILES[2..] {
        let text = fs::read_to_string(folder.path(file)).unwrap();
        insta::assert_snapshot!(*file, text);
    }
}

#[test]
fn the_same_again_changes_nothing() {
    let folder = Folder::new();
    let arguments = ["gen-cpp", &sine(), "--json", "--out-dir", &folder.path("")];
    for changed in [true, false] {
        let answer = json(&arguments);
        let files = answer["files"].as_array().unwrap();
        assert_eq!(files.len(), FILES.len());
        assert!(files.iter().all(|file| file["changed"] == changed));
    }
}

#[test]
fn constants_go_where_they_are_wanted() {
    let folder = Folder::new();
    let out = folder.path("");
    let section = |name: &str| {
        [
            "gen-cpp",
            &sine(),
            "--out-dir",
            &out,
            "--name",
            "Sine Wave",
            "--section",
            name,
        ]
        .map(str::to_owned)
    };
    castiron(&section(".qspi")).success();
    let text = fs::read_to_string(folder.path("Sine_Wave_tflm_weights.cc")).unwrap();
    assert!(text.contains("namespace Sine_Wave {"), "{text}");
    assert!(text.contains("section(\".qspi\")"), "{text}");
    let (code, text) = failure(&section("a\"b"));
    assert_eq!(code, 1, "{text}");
}

#[test]
fn the_kernel_set_decides_what_kernels_keep() {
    let folder = Folder::new();
    let kept = |kernels: &str, target: &str| {
        let model = crate::support::repository("examples/models/kws_dscnn_int8.tflite");
        castiron(&[
            "gen-cpp",
            &model,
            "--name",
            "kws",
            "--kernels",
            kernels,
            "--cpu",
            target,
            "--out-dir",
            &folder.path(""),
        ])
        .success();
        let text = fs::read_to_string(folder.path("kws_tflm.h")).unwrap();
        let (_, after) = text.split_once("kKeptBytes = ").unwrap();
        after.split(';').next().unwrap().parse::<usize>().unwrap()
    };
    assert!(kept("cmsis-nn", "cortex-m4") > kept("reference", "cortex-m4"));
    assert_ne!(
        kept("cmsis-nn", "cortex-m4"),
        kept("cmsis-nn", "cortex-m55")
    );
    assert_eq!(
        kept("reference", "cortex-m0"),
        kept("reference", "cortex-m55")
    );
}

#[test]
fn what_tflm_cannot_run_leaves_nothing_behind() {
    let folder = Folder::new();
    let (code, text) = failure(&["gen-cpp", &custom(), "--out-dir", &folder.path("out")]);
    assert_eq!(code, 1);
    assert!(
        text.contains("operator 3 Erfinv: TFLM has no kernel for the operator"),
        "{text}"
    );
    assert!(fs::metadata(folder.path("out")).is_err());
}
