//! Bills of materials: what they say, by the rules of CycloneDX's schema, and that they are the same each time.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::{Ends as _, Folder, castiron, custom, failure, json, repository, sine, vae};

const KINDS: [&str; 4] = ["application", "library", "file", "machine-learning-model"];

fn texts<'v>(values: &'v Value, key: &str) -> Vec<&'v str> {
    let values = values.as_array().into_iter().flatten();
    values.filter_map(|value| value[key].as_str()).collect()
}

fn is_hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The rules of the schema for what castiron writes.
fn check_component(component: &Value, references: &mut BTreeSet<String>) {
    let known = [
        "type",
        "bom-ref",
        "name",
        "version",
        "description",
        "hashes",
        "licenses",
        "purl",
        "externalReferences",
        "components",
        "modelCard",
        "properties",
    ];
    for key in component.as_object().expect("an object").keys() {
        assert!(known.contains(&&**key), "{key}");
    }
    let kind = component["type"].as_str().expect("a type");
    assert!(KINDS.contains(&kind), "{kind}");
    assert!(
        component["name"]
            .as_str()
            .is_some_and(|name| !name.is_empty())
    );
    // Only models have one.
    assert_eq!(
        component.get("modelCard").is_some(),
        kind == "machine-learning-model"
    );
    for hash in component["hashes"].as_array().into_iter().flatten() {
        assert_eq!(hash["alg"], "SHA-256");
        assert!(is_hexadecimal(
            hash["content"].as_str().expect("digits"),
            64
        ));
    }
    for property in component["properties"].as_array().into_iter().flatten() {
        assert!(
            property["name"].is_string() && property["value"].is_string(),
            "{property}"
        );
    }
    if let Some(reference) = component["bom-ref"].as_str() {
        assert!(references.insert(reference.to_owned()), "{reference} twice");
    }
    for part in component["components"].as_array().into_iter().flatten() {
        check_component(part, references);
    }
}

pub(super) fn check(bom: &Value) {
    let keys: Vec<&String> = bom.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "$schema",
            "bomFormat",
            "components",
            "dependencies",
            "metadata",
            "serialNumber",
            "specVersion",
            "version"
        ]
    );
    assert_eq!(bom["bomFormat"], "CycloneDX");
    assert_eq!(bom["specVersion"], "1.6");
    let serial = bom["serialNumber"]
        .as_str()
        .and_then(|s| s.strip_prefix("urn:uuid:"));
    let parts: Vec<&str> = serial.expect("a serial number").split('-').collect();
    let lengths = [8, 4, 4, 4, 12];
    assert_eq!(parts.len(), lengths.len());
    assert!(
        parts
            .iter()
            .zip(lengths)
            .all(|(part, length)| is_hexadecimal(part, length))
    );
    assert!(parts[2].starts_with('8') && parts[3].starts_with(['8', '9', 'a', 'b']));
    let mut references = BTreeSet::new();
    let metadata = &bom["metadata"];
    check_component(&metadata["component"], &mut references);
    check_component(&metadata["tools"]["components"][0], &mut references);
    for component in bom["components"].as_array().expect("components") {
        check_component(component, &mut references);
    }
    for dependency in bom["dependencies"].as_array().expect("dependencies") {
        let on = dependency["dependsOn"].as_array().expect("references");
        for reference in on.iter().chain([&dependency["ref"]]) {
            assert!(
                references.contains(reference.as_str().expect("text")),
                "{reference}"
            );
        }
    }
}

/// What a command writes with `--sbom`.
fn bom(arguments: &[&str]) -> Value {
    let folder = Folder::new();
    let file = folder.path("bom.json");
    castiron(&[arguments, &["--sbom", &file, "-q"]].concat()).success();
    let bom = serde_json::from_str(&folder.read("bom.json")).expect("JSON");
    check(&bom);
    bom
}

fn component<'b>(bom: &'b Value, name: &str) -> &'b Value {
    let components = bom["components"].as_array().expect("components");
    let found = components
        .iter()
        .find(|component| component["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {bom:#}"))
}

fn kernels(component: &Value) -> Vec<&str> {
    let properties = component["properties"].as_array().into_iter().flatten();
    let kernels = properties.filter(|property| property["name"] == "castiron:kernel");
    kernels
        .filter_map(|kernel| kernel["value"].as_str())
        .collect()
}

#[test]
fn a_bill_has_model_generator_kernels_and_licences() {
    let out = Folder::new();
    let bom = bom(&[
        "generate",
        &vae(),
        "--isa",
        "dsp+fp",
        "--out-dir",
        &out.path(""),
    ]);
    let report = json(&["report", &vae(), "--isa", "dsp+fp", "--format", "json"]);
    let model = component(&bom, "vae.tflite");
    assert_eq!(model["type"], "machine-learning-model");
    assert_eq!(model["hashes"][0]["content"], report["models"][0]["sha256"]);
    let generator = &bom["metadata"]["tools"]["components"][0];
    assert_eq!(generator["name"], "castiron");
    assert_eq!(generator["version"], env!("CARGO_PKG_VERSION"));
    let runtime = component(&bom, "castiron-runtime");
    assert_eq!(runtime["licenses"][0]["expression"], "MIT OR Apache-2.0");
    // The kernels are those that operators have in the report.
    let operators = report["models"][0]["subgraphs"][0]["operators"].as_array();
    let of_operators: BTreeSet<&str> = operators
        .expect("operators")
        .iter()
        .flat_map(|operator| operator["kernels"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect();
    assert!(of_operators.len() > 1, "{of_operators:?}");
    assert_eq!(kernels(runtime), Vec::from_iter(of_operators));
    assert_eq!(component(&bom, "libm")["licenses"][0]["expression"], "MIT");
    let files = texts(&bom["metadata"]["component"]["components"], "name");
    assert!(
        files.contains(&"vae.rs") && files.contains(&"vae.weights.bin"),
        "{files:?}"
    );
    assert!(!files.contains(&"report.json"), "{files:?}");
}

#[test]
fn a_bill_is_the_same_each_time() {
    let [one, other] = [Folder::new(), Folder::new()];
    let written = |folder: &Folder, time: Option<&str>| {
        let model = folder.path("m.tflite");
        fs::copy(sine(), &model).expect("a copy");
        let mut command = castiron(&["generate", &model, "--out-dir", &folder.path("out"), "-q"]);
        command.args(["--sbom", &folder.path("bom.json")]);
        command.env_remove("SOURCE_DATE_EPOCH");
        command.envs(time.map(|time| ("SOURCE_DATE_EPOCH", time)));
        command.quietly();
        folder.read("bom.json")
    };
    let first = written(&one, None);
    assert_eq!(first, written(&other, None));
    assert!(!first.contains("timestamp"));
    let timed: Value = serde_json::from_str(&written(&one, Some("1700000000"))).expect("JSON");
    check(&timed);
    assert_eq!(timed["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
    assert_ne!(
        timed["serialNumber"],
        serde_json::from_str::<Value>(&first).expect("JSON")["serialNumber"]
    );
    for wrong in ["tomorrow", "-1", "253402300800", "", "+5"] {
        let mut command = castiron(&["generate", &sine(), "--out-dir", &one.path("x")]);
        command
            .args(["--sbom", &one.path("x.json")])
            .env("SOURCE_DATE_EPOCH", wrong);
        let output = command.fails(2);
        assert!(String::from_utf8_lossy(&output.stderr).contains("SOURCE_DATE_EPOCH"));
    }
}

#[test]
fn kernels_of_others_are_named_with_their_licences() {
    let out = Folder::new();
    let model = repository("examples/models/kws_dscnn_int8.tflite");
    let cpp = bom(&[
        "gen-cpp",
        &model,
        "--kernels",
        "cmsis-nn",
        "--out-dir",
        &out.path("cpp"),
    ]);
    let tflm = component(&cpp, "tflite-micro");
    assert_eq!(
        kernels(tflm),
        [
            "AveragePool2D",
            "Conv2D",
            "DepthwiseConv2D",
            "FullyConnected",
            "Softmax"
        ]
    );
    for name in ["tflite-micro", "cmsis-nn", "gemmlowp", "ruy", "flatbuffers"] {
        assert_eq!(
            component(&cpp, name)["licenses"][0]["expression"],
            "Apache-2.0"
        );
    }
    let reference = bom(&["gen-cpp", &model, "--out-dir", &out.path("other")]);
    assert!(!texts(&reference["components"], "name").contains(&"cmsis-nn"));
    // A header has the model alone.
    let header = bom(&["gen-header", &model, "-o", &out.path("kws.h")]);
    assert_eq!(
        texts(&header["components"], "name"),
        ["kws_dscnn_int8.tflite"]
    );
    // Without a Rust module there is TFLM's interpreter, as far as it has kernels.
    let unsupported = bom(&["generate", &custom(), "--out-dir", &out.path("unsupported")]);
    assert!(texts(&unsupported["components"], "name").contains(&"tflite-micro"));
}

#[test]
fn a_bill_takes_the_place_of_no_output() {
    let folder = Folder::new();
    let header = folder.path("m.h");
    let (code, text) = failure(&["gen-header", &sine(), "-o", &header, "--sbom", &header]);
    assert!(code == 2 && text.contains("two outputs"), "{text}");
    let (code, _) = failure(&["generate", &sine(), "--emit", "program", "--sbom", &header]);
    assert_eq!(code, 2);
}
