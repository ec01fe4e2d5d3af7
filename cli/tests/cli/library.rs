//! `castiron lib`.

use crate::support::{Ends as _, Folder, castiron, custom, failure, json, sine};

/// A folder to compile in that outlives the test: what it holds is the same every time.
const BUILD_DIR: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/castiron");

#[test]
fn a_library_comes_with_all_that_belongs_to_it() {
    let folder = Folder::new();
    let arguments = [
        "lib",
        &sine(),
        "--out-dir",
        &folder.path("sine"),
        "--depfile",
        &folder.path("sine.d"),
        "--build-dir",
        BUILD_DIR,
        "--name",
        "wave",
        "--json",
        "--sbom",
        &folder.path("bom.json"),
    ];
    let answer = json(&arguments);
    let files: Vec<&str> = (answer["files"].as_array().unwrap().iter())
        .map(|f| f["path"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(
        files,
        [
            "libwave.a",
            "wave.h",
            "wave_self_test.h",
            "wave_self_test.c",
            "main.c",
            "Makefile",
            "CMakeLists.txt",
            "bom.json",
            "sine.d",
        ]
    );
    assert_eq!(answer["arena_bytes"], 32);
    assert_eq!(answer["instance_bytes"], 48);
    assert_eq!(answer["cases"]["baked"], 3);
    for size in ["text", "rodata"] {
        assert!(answer["sizes"][size].as_u64() > Some(100), "{answer}");
    }
    assert!(folder.read("sine.d").contains("sine_int8.tflite"));
    let bom = serde_json::from_str(&folder.read("bom.json")).expect("JSON");
    super::sbom::check(&bom);
    let linked: Vec<&str> = (bom["components"].as_array().unwrap().iter())
        .map(|component| component["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        linked,
        ["sine_int8.tflite", "castiron-runtime", "libm", "core"]
    );
    assert_eq!(
        bom["metadata"]["component"]["components"][0]["name"],
        "libwave.a"
    );
    insta::assert_snapshot!(folder.read("sine/wave.h"));
    insta::assert_snapshot!(folder.read("sine/wave_self_test.c"));

    // Somebody else's files stay, of which castiron would not know if it did not mark its own.
    for name in ["main.c", "Makefile", "wave.h"] {
        let made = folder.read(&format!("sine/{name}"));
        folder.write(&format!("sine/{name}"), "mine");
        let (code, text) = failure(&arguments[..10]);
        assert_eq!(code, 3, "{text}");
        assert!(
            text.contains(&format!(
                "{name}: castiron would replace a file that it did not make"
            )),
            "{text}"
        );
        assert_eq!(folder.read(&format!("sine/{name}")), "mine");
        folder.write(&format!("sine/{name}"), made);
    }

    let again = json(&arguments);
    let changed = |file: &serde_json::Value| file["changed"].as_bool();
    let files = again["files"].as_array().unwrap();
    assert!(files.iter().all(|f| changed(f) == Some(false)), "{again}");
}

#[test]
fn what_cannot_be_a_library_is_an_error_with_the_remedy() {
    let folder = Folder::new();
    let file = folder.write("file", "");
    let lib = |model: &str, rest: &[&str]| {
        let out = folder.path("out");
        let mut arguments = vec!["lib", model, "--out-dir", &out, "--build-dir", BUILD_DIR];
        arguments.extend(rest);
        failure(&arguments)
    };
    let (code, text) = failure(&["lib", &sine(), "--out-dir", &file]);
    assert_eq!(code, 3);
    assert!(text.contains("this is a file, not a folder"), "{text}");
    let (code, text) = lib(&custom(), &[]);
    assert_eq!(code, 1);
    assert!(text.contains("does not support this operator"), "{text}");
    let (code, text) = lib(&sine(), &["--target", "z80-unknown-none"]);
    assert_eq!(code, 1);
    assert!(text.contains("rustc --print target-list"), "{text}");
    let (code, text) = lib(&sine(), &["--cases", "no/such"]);
    assert_eq!(code, 1);
    assert!(text.contains("no/such"), "{text}");
    castiron(&["lib", &sine(), "--out-dir", &folder.path("out")])
        .args(["--engine", "other"])
        .fails(2);
    assert_eq!(folder.files(), ["file"]);
}
