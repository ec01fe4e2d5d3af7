//! `castiron generate`.

use std::fs;

use crate::support::{
    Ends as _, Folder, castiron, custom, failure, json, stdout, two_signatures, vae,
};

#[test]
fn everything_comes_at_once() {
    let folder = Folder::new();
    let answer = json(&["generate", &vae(), "--out-dir", &folder.path(""), "--json"]);
    assert_eq!(answer["skipped"].as_array().map(Vec::len), Some(0));
    assert_eq!(
        folder.files(),
        [
            "model_data.h",
            "ops_resolver.h",
            "plan.json",
            "plan.svg",
            "report.json",
            "vae.rs",
            "vae.weights.bin",
            "vae_model.c",
            "vae_model.h",
        ]
    );
    assert!(
        folder
            .read("vae.rs")
            .contains("include_bytes!(\"vae.weights.bin\")")
    );
    let report: serde_json::Value = serde_json::from_str(&folder.read("report.json")).unwrap();
    assert_eq!(report, answer["report"]);
    let plan = stdout(&["plan", "--json", &vae()]);
    assert_eq!(folder.read("plan.json"), plan);
    let again = json(&["generate", &vae(), "--out-dir", &folder.path(""), "--json"]);
    let files = again["files"].as_array().unwrap();
    assert!(files.iter().all(|f| f["changed"] == false));
}

#[test]
fn a_name_names_everything() {
    let folder = Folder::new();
    let depfile = folder.path("all.d");
    let text = stdout(&[
        "generate",
        &two_signatures(),
        "--name",
        "My Model",
        "--out-dir",
        &folder.path("out"),
        "--depfile",
        &depfile,
    ]);
    for file in [
        "my_model.rs",
        "my_model.weights.bin",
        "plan_1.svg",
        "plan_1.json",
    ] {
        assert!(
            fs::exists(folder.path(&format!("out/{file}"))).unwrap(),
            "{file}"
        );
        assert!(text.contains(file), "{file}");
        assert!(folder.read("all.d").contains(file), "{file}");
    }
    assert!(
        folder
            .read("all.d")
            .ends_with(&format!("  {}\n", two_signatures()))
    );
}

#[test]
fn of_a_model_that_runs_nowhere_comes_what_can_be_made() {
    let folder = Folder::new();
    let strict = [
        "generate",
        &custom(),
        "--strict",
        "--out-dir",
        &folder.path("out"),
    ];
    let (code, text) = failure(&strict);
    assert_eq!(code, 1);
    assert!(
        text.contains("compiled engine") && text.contains("--custom Erfinv=FUNCTION"),
        "{text}"
    );
    assert!(folder.files().is_empty());

    let arguments = ["generate", &custom(), "--out-dir", &folder.path("")];
    let text = stdout(&arguments);
    assert!(text.contains("Not made: Rust module"), "{text}");
    assert!(text.contains("Not made: TFLM resolver"), "{text}");
    let files = folder.files();
    assert!(
        files.contains(&"unsupported_model.c".to_owned()),
        "{files:?}"
    );
    assert!(!files.contains(&"ops_resolver.h".to_owned()), "{files:?}");

    stdout(&[&arguments[..], &["--custom", "Erfinv=register_erfinv"]].concat());
    assert!(folder.read("ops_resolver.h").contains("register_erfinv"));
}

#[test]
fn labels_have_to_fit() {
    let folder = Folder::new();
    let labels = folder.write("labels.txt", "one\ntwo\nthree\n");
    let out = folder.path("out");
    let arguments = ["generate", &vae(), "--labels", &labels, "--out-dir", &out];
    let (code, text) = failure(&arguments);
    assert_eq!(code, 1);
    assert!(text.contains("17 labels"), "{text}");

    let names: Vec<String> = (0..17).map(|i| format!("joint {i}")).collect();
    folder.write("labels.txt", names.join("\r\n"));
    castiron(&arguments).success();
    assert!(folder.read("out/vae.rs").contains("\"joint 16\""));
    assert!(folder.read("out/vae_model.c").contains("\"joint 16\""));
}
