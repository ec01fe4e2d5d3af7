//! castiron in the place of Python in Kenning Zephyr Runtime's build.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::support::{
    Ends as _, Folder, castiron, custom, failure, sine, stdout, two_signatures, vae,
};

const BUILD: &str = "/kzr/scripts/build_tflite.py";
const TO_STRUCT: &str = "/kzr/scripts/io_spec_to_struct.py";

/// What Kenning Zephyr Runtime runs for a model, and where the results are.
struct Build {
    folder: Folder,
}

impl Build {
    fn new() -> Self {
        Self {
            folder: Folder::new(),
        }
    }

    fn arguments(&self, model: &str) -> Vec<String> {
        let out = |name: &str| self.folder.path(&format!("generated/{name}"));
        [
            BUILD,
            "--model-path",
            model,
            "--ops-list",
            "",
            "--output-resolver-path",
            &out("ops_resolver.h"),
            "--output-model-path",
            &out("model.tflite"),
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn model(&self, model: &str) {
        castiron(&self.arguments(model)).quietly();
    }

    /// The header that comes of the specification.
    fn header(&self) -> String {
        let spec = self.folder.path("generated/model.tflite.json");
        let header = self.folder.path("model_data_struct.h");
        castiron(&[TO_STRUCT, "--input-path", &spec, "--output-path", &header]).quietly();
        self.folder.read("model_data_struct.h")
    }

    fn generated(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.folder.path("generated")) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn read(&self, name: &str) -> String {
        self.folder.read(&format!("generated/{name}"))
    }

    /// A copy of a model with a specification beside it.
    fn with_spec(&self, model: &str, spec: &str) -> String {
        let path = self.folder.path("in.tflite");
        fs::copy(model, &path).unwrap();
        self.folder.write("in.tflite.json", spec);
        path
    }
}

#[test]
fn a_model_becomes_what_kenning_builds_of_it() {
    let build = Build::new();
    build.model(&sine());
    assert_eq!(
        build.generated(),
        ["model.tflite", "model.tflite.json", "ops_resolver.h"]
    );
    let copy = fs::read(build.folder.path("generated/model.tflite")).unwrap();
    assert_eq!(copy, fs::read(sine()).unwrap());
    insta::assert_snapshot!("kenning_resolver", build.read("ops_resolver.h"));
    insta::assert_snapshot!("kenning_io_spec", build.read("model.tflite.json"));
    insta::assert_snapshot!("kenning_struct", build.header());
}

#[test]
fn the_struct_is_that_of_the_kenning_header() {
    for model in [sine(), vae(), two_signatures()] {
        let build = Build::new();
        build.model(&model);
        let (_, made) = build
            .header()
            .split_once("*/\n")
            .map(|(a, b)| (a.to_owned(), b.trim().to_owned()))
            .unwrap();
        assert!(made.starts_with("#ifndef ENCODE_TYPE") && made.ends_with("};"));
        let header = stdout(&["gen-header", &model, "--style", "kenning", "-o", "-"]);
        assert!(header.contains(&made), "{model}\n{made}\n{header}");
    }
}

const FULL: &str = r#"{
  "input": [{ "name": "raw", "shape": [[5, 17], [1, 5, 17]], "dtype": "float32" }],
  "processed_input": [{ "name": "window", "shape": [1, 5, 17], "dtype": "float32", "order": 0 }],
  "output": [{ "name": "joints", "shape": [1, 17], "dtype": "float32", "order": 0 }]
}"#;

#[test]
fn a_specification_that_says_all_is_copied() {
    let build = Build::new();
    build.model(&build.with_spec(&vae(), FULL));
    assert_eq!(build.read("model.tflite.json"), FULL);
    assert!(
        build
            .header()
            .contains("input 0 \"window\": float32 [1, 5, 17]")
    );
}

#[test]
fn a_specification_that_leaves_something_open_is_completed() {
    let open = r#"{
      "input": [{ "name": "window", "shape": [[5, 17], [-1, 5, 17]], "mean": [0.5] }],
      "output": [{ "name": "joints", "shape": [1, 17] }],
      "entry_func": "main"
    }"#;
    let build = Build::new();
    build.model(&build.with_spec(&vae(), open));
    let spec: serde_json::Value = serde_json::from_str(&build.read("model.tflite.json")).unwrap();
    // What the application does before the model stays as it is.
    assert_eq!(spec["input"][0]["shape"][1][0], -1);
    assert_eq!(
        spec["processed_input"][0],
        serde_json::json!({
            "name": "window", "shape": [1, 5, 17], "dtype": "float32", "order": 0, "mean": [0.5],
        })
    );
    assert_eq!(spec["output"][0]["dtype"], "float32");
    let header = build.header();
    assert!(header.contains(".input_shape = {{1, 5, 17}}"), "{header}");
    assert!(header.contains(".entry_func = \"main\""), "{header}");
}

#[test]
fn a_specification_that_contradicts_the_model_is_refused() {
    let build = Build::new();
    let model = build.with_spec(&vae(), &FULL.replace("[1, 17]", "[1, 18]"));
    let (code, text) = failure(&build.arguments(&model));
    assert_eq!(code, 1);
    assert!(
        text.contains("the shape of output 0 differs from the model's"),
        "{text}"
    );
    assert!(text.contains("help: correct "), "{text}");
    assert!(build.generated().is_empty());
}

#[test]
fn a_model_tflm_cannot_run_leaves_nothing_behind() {
    let build = Build::new();
    let (code, text) = failure(&build.arguments(&custom()));
    assert_eq!(code, 1);
    assert!(text.contains("TFLM has no kernel"), "{text}");
    assert!(build.generated().is_empty());
}

#[test]
fn operators_may_be_listed() {
    let build = Build::new();
    let resolver = build.folder.path("generated/ops_resolver.h");
    for list in [
        "Conv2D,SPLIT_V",
        " CONV_2D, SplitV,",
        "Conv2D,CONV_2D,SplitV",
    ] {
        let arguments = [
            BUILD,
            "--ops-list",
            list,
            "--output-resolver-path",
            &resolver,
        ];
        castiron(&arguments).success();
        let text = build.read("ops_resolver.h");
        assert!(text.contains("TFLITE_RESOLVER_SIZE 2\n"), "{text}");
        assert!(
            text.contains("AddConv2D()") && text.contains("AddSplitV()"),
            "{text}"
        );
        // There is no model that could be copied.
        assert_eq!(build.generated(), ["ops_resolver.h"]);
    }
    let mut with_model = build.arguments(&sine());
    with_model[4] = "Softmax".to_owned();
    castiron(&with_model).success();
    let text = build.read("ops_resolver.h");
    assert!(
        text.contains("AddSoftmax()") && text.contains("AddFullyConnected()"),
        "{text}"
    );

    // As it arrives where quoting got lost.
    let mut without_value = build.arguments(&sine());
    without_value.remove(4);
    castiron(&without_value).success();
    assert!(!build.read("ops_resolver.h").contains("AddSoftmax()"));

    let arguments = [
        BUILD,
        "--ops-list",
        "Softmux",
        "--output-resolver-path",
        &resolver,
    ];
    let (code, text) = failure(&arguments);
    assert_eq!(code, 1);
    assert!(text.contains("did you mean Softmax"), "{text}");
}

#[test]
fn what_cannot_be_done_is_refused_with_a_remedy() {
    let folder = Folder::new();
    let keras = folder.write("magic_wand.h5", "");
    let out = folder.path("model.tflite");
    let with_model = |model| [BUILD, "--model-path", model, "--output-model-path", &out];
    let text = |arguments: &[&str]| {
        let (code, text) = failure(arguments);
        assert_eq!(code, 2, "{arguments:?}: {text}");
        assert!(!fs::exists(&out).unwrap());
        text.replace(&folder.path(""), "")
    };
    let all = [
        text(&[BUILD]),
        text(&[BUILD, "--ops-list", "", "--output-model-path", &out]),
        text(&[BUILD, "--ops-list", "Add"]),
        text(&[BUILD, "--model-path", &vae()]),
        text(&with_model(&keras)),
        text(&with_model(
            "kenning:///models/classification/magic_wand.tflite",
        )),
        text(&[TO_STRUCT, "-i", "https://example.com/m.json", "-o", &out]),
        text(&["/kzr/scripts/build_tvm.py", "--input-path", "m.onnx"]),
    ];
    insta::assert_snapshot!("kenning_refusals", all.join("\n"));
    assert_eq!(failure(&[TO_STRUCT, "-o", &out]).0, 2);
    assert_eq!(
        failure(&[TO_STRUCT, "-i", &folder.path("none"), "-o", &out]).0,
        3
    );
}

#[test]
fn a_model_is_not_its_own_copy() {
    let folder = Folder::new();
    let model = folder.path("m.tflite");
    fs::copy(sine(), &model).unwrap();
    let (code, text) = failure(&[BUILD, "--model-path", &model, "--output-model-path", &model]);
    assert_eq!(code, 2, "{text}");
    assert_eq!(folder.files(), ["m.tflite"]);
}

/// A specification of another runtime's model, with all that castiron does not know itself.
const FOREIGN: &str = r#"{
  "input": [{ "name": "ignored", "shape": [7], "dtype": "float32" }],
  "processed_input": [
    { "name": "b", "shape": [2, 3], "dtype": "opaque_handle64", "order": 1 },
    { "name": "a", "shape": [[1, 4], [4, 1]], "dtype": "uint8", "order": 0,
      "scale": 0.1, "zero_point": 3.0, "prequantized_dtype": "float32" }
  ],
  "output": [{ "name": "*/ y", "shape": [], "dtype": "e4m3b11fnuz_float8", "class_names": ["no", "yes"] }],
  "entry_func": "module.main"
}"#;

#[test]
fn a_struct_needs_no_model() {
    let folder = Folder::new();
    let spec = folder.write("model.vmfb.json", FOREIGN);
    let header = folder.path("model_data_struct.h");
    castiron(&[TO_STRUCT, "--input-path", &spec, "--output-path", &header]).success();
    insta::assert_snapshot!("kenning_struct_alone", folder.read("model_data_struct.h"));
}

#[test]
fn bad_specifications_are_errors_with_a_place() {
    let folder = Folder::new();
    let header = folder.path("h");
    let spec = folder.path("m.json");
    let tensor = r#"{"name": "t", "shape": [1, 4], "dtype": "int8"}"#;
    let of = |input: &str| format!(r#"{{"input": [{input}], "output": [{tensor}]}}"#);
    let changed = |from: &str, to: &str| of(&tensor.replace(from, to));
    let mut all = String::new();
    for bad in [
        "{".to_owned(),
        "[]".to_owned(),
        format!(r#"{{"input": [{tensor}]}}"#),
        of(""),
        of(&[tensor; 3].join(",")),
        changed("[1, 4]", "[1, 1, 1, 1, 4]"),
        changed("[1, 4]", "[-1, 4]"),
        changed("[1, 4]", "[[1, 4], [1, 5]]"),
        changed("[1, 4]", "[0]"),
        changed("[1, 4]", "[4294967296]"),
        changed("[1, 4]", "\"1x4\""),
        changed("\"shape\"", "\"shap\""),
        changed("\"dtype\"", "\"type\""),
        changed("int8", "bool"),
        changed("int8", "int4"),
        changed("int8", "int256"),
        changed("int8", "string8"),
        changed("}", r#", "zero_point": 4294967296}"#),
        changed("}", r#", "class_names": ["a", "b"]}"#),
        of(tensor).replace(
            "\"input\"",
            r#""entry_func": "a_name_of_20_letters", "input""#,
        ),
    ] {
        fs::write(&spec, &bad).unwrap();
        let (code, text) = failure(&[TO_STRUCT, "-i", &spec, "-o", &header]);
        assert_eq!(code, 1, "{bad}");
        assert!(!fs::exists(&header).unwrap(), "{bad}");
        all += &text.replace(&spec, "m.json");
    }
    insta::assert_snapshot!("kenning_bad_specifications", all);
}

#[test]
fn unchanged_outputs_are_untouched() {
    let build = Build::new();
    let names = [
        "generated/model.tflite",
        "generated/model.tflite.json",
        "generated/ops_resolver.h",
        "model_data_struct.h",
    ];
    build.model(&sine());
    build.header();
    let old = SystemTime::now() - Duration::from_secs(1000);
    for name in names {
        let file = fs::File::options()
            .write(true)
            .open(build.folder.path(name));
        file.unwrap().set_modified(old).unwrap();
    }
    let time = |name: &str| {
        let metadata = fs::metadata(build.folder.path(name)).unwrap();
        metadata.modified().unwrap()
    };
    let before = names.map(time);
    build.model(&sine());
    build.header();
    assert_eq!(names.map(time), before);

    // Only what changes is written: the other files are the same for another list.
    let mut more = build.arguments(&sine());
    more[4] = "Softmax".to_owned();
    castiron(&more).success();
    build.header();
    let after = names.map(time);
    assert_eq!(
        after.map(|t| before.contains(&t)),
        [true, true, false, true]
    );
}

#[test]
fn scripts_have_help() {
    for script in [BUILD, TO_STRUCT] {
        let help = stdout(&[script, "--help"]);
        assert!(help.contains("Example:"), "{help}");
        let name = script.rsplit('/').next().unwrap();
        insta::assert_snapshot!(name, help);
    }
}
