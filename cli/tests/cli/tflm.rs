//! What is done for firmware on TensorFlow Lite Micro: arenas, plans and alignment.

use std::fs;

use crate::support::{Folder, castiron, custom, failure, json, repository, sine, stdout, vae};

fn kws() -> String {
    repository("examples/models/kws_dscnn_int8.tflite")
}

#[test]
fn an_arena_is_explained() {
    let text = stdout(&["arena", &sine()]);
    let (_, table) = text.split_once('\n').unwrap();
    insta::assert_snapshot!(table);
}

#[test]
fn several_arenas_are_an_array() {
    let arguments = ["arena", "--json", "--kernels", "cmsis-nn", &sine(), &kws()];
    let arenas = json(&arguments);
    let bytes = |n: usize| {
        (
            &arenas[n]["min_arena_bytes"],
            &arenas[n]["arena_used_bytes"],
        )
    };
    assert_eq!(bytes(0), (&1424.into(), &1028.into()));
    assert_eq!(bytes(1), (&22832.into(), &22820.into()));
    assert_eq!(arenas[1]["kernels"], "cmsis-nn");
    assert_eq!(arenas[1]["exact"], true);
}

#[test]
fn what_cannot_be_sized_does_not_hide_the_rest() {
    let arguments = ["arena", "--json", &custom(), &sine(), "no such file"];
    let output = castiron(&arguments).assert().failure().code(1);
    let arenas: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    let problem = &arenas[0]["error"]["diagnostics"][0];
    assert!(problem["place"]["operator"]["name"].is_string());
    assert_eq!(arenas[1]["min_arena_bytes"], 1328);
    assert_eq!(arenas[2]["error"]["kind"], "io");
    let (code, text) = failure(&["arena", &custom()]);
    assert_eq!(code, 1);
    assert!(text.contains("--allow-estimate"), "{text}");
}

#[test]
fn assumptions_are_stated() {
    let text = stdout(&["arena", &custom(), "--allow-estimate"]);
    assert!(text.contains("assumed: "), "{text}");
    let arenas = json(&["arena", &custom(), "--allow-estimate", "--json"]);
    assert_eq!(arenas[0]["exact"], false);
}

#[test]
fn a_processor_decides_only_cmsis_nn() {
    let arena = |target: &str, kernels: &str| {
        let model = kws();
        json(&[
            "arena",
            "--json",
            &model,
            "--target",
            target,
            "--kernels",
            kernels,
        ])[0]["min_arena_bytes"]
            .clone()
    };
    assert_eq!(
        arena("cortex-m0", "reference"),
        arena("cortex-m55", "reference")
    );
    assert_ne!(
        arena("cortex-m4", "cmsis-nn"),
        arena("cortex-m55", "cmsis-nn")
    );
    let (code, text) = failure(&["arena", &kws(), "--target", "riscv32"]);
    assert_eq!(code, 2);
    assert!(text.contains("cortex-m55"), "{text}");
}

#[test]
fn an_embedded_plan_is_followed() {
    let folder = Folder::new();
    let planned = folder.path("planned.tflite");
    let text = stdout(&["plan", &vae(), "--embed", "-o", &planned]);
    assert!(text.contains("Head "), "{text}");
    let arenas = json(&["arena", "--json", &planned, &vae()]);
    assert_eq!(arenas[0]["offline_plan"], true);
    let head = |n: usize| arenas[n]["head_bytes"].as_u64().unwrap();
    assert!(head(0) <= head(1));
    // The same plan again gives the same file.
    let first = fs::read(&planned).unwrap();
    castiron(&["plan", &vae(), "--embed", "-o", &planned])
        .assert()
        .success();
    assert_eq!(fs::read(&planned).unwrap(), first);
    assert_eq!(failure(&["plan", &vae(), "--embed"]).0, 2);
}

#[test]
fn aligned_models_run_as_before() {
    let folder = Folder::new();
    let aligned = folder.path("aligned.tflite");
    castiron(&["align", &kws(), "-o", &aligned])
        .assert()
        .success();
    let before = json(&["inspect", "--json", &kws()]);
    let after = json(&["inspect", "--json", &aligned]);
    assert_eq!(before["subgraphs"], after["subgraphs"]);
    let again = folder.path("again.tflite");
    castiron(&["align", &aligned, "-o", &again])
        .assert()
        .success();
    assert_eq!(fs::read(&aligned).unwrap(), fs::read(&again).unwrap());
}
