//! The I/O specification beside a model.

use castiron_codegen::emit::IoSpecFile;
use castiron_codegen::emit::facts::GraphFacts;
use castiron_codegen::graph::DType;

use crate::models::{gestures, model, tensor};

const GOOD: &str = r#"{
  "input": [{"name": "raw", "shape": [[1, 128, 3], [1, 128, 3, 1]], "dtype": "float32"}],
  "processed_input": [{"name": "input_1", "shape": [1, 128, 3, 1], "dtype": "int8", "order": 0,
    "scale": 16.0, "zero_point": -1, "prequantized_dtype": "float32"}],
  "output": [{"name": "scores", "shape": [1, 4], "dtype": "int8", "scale": 0.00390625,
    "zero_point": -128.0, "class_names": ["wing", "ring", "slope", "negative"]}],
  "processed_output": [{"name": "classes", "type": "List[Class]"}],
  "entry_func": "main"
}"#;

fn facts(text: &str) -> Result<GraphFacts, String> {
    let file = IoSpecFile {
        file: "m.tflite.json",
        text,
    };
    GraphFacts::of_model(&gestures(), Some(file), None).map_err(|e| e.to_string())
}

#[test]
fn names_labels_and_types_are_taken_over() {
    let got = facts(GOOD).unwrap();
    assert_eq!(got.inputs[0].name, "input_1");
    assert_eq!(got.inputs[0].prequantized_dtype.as_deref(), Some("float32"));
    assert_eq!(got.outputs[0].name, "scores");
    assert_eq!(got.outputs[0].labels, ["wing", "ring", "slope", "negative"]);
    assert_eq!(got.entry_func, "main");
}

#[test]
fn labels_given_win() {
    let file = IoSpecFile {
        file: "m.tflite.json",
        text: GOOD,
    };
    let labels = ["a", "b", "c", "d"].map(str::to_owned);
    let got = GraphFacts::of_model(&gestures(), Some(file), Some(&labels)).unwrap();
    assert_eq!(got.outputs[0].labels, labels);
}

#[test]
fn alternatives_and_silence_agree_with_the_model() {
    let text = r#"{"input": [{"name": "x", "shape": [[1, 128, 3], [-1, 128, 3, 1]]}],
        "output": [{"class_name": 4}], "processed_output": [{"class_names": ["a","b","c","d"]}]}"#;
    let got = facts(text).unwrap();
    assert_eq!(got.inputs[0].name, "x");
    assert_eq!(got.outputs[0].name, "StatefulPartitionedCall:0");
    assert_eq!(got.outputs[0].labels.len(), 4);
}

#[test]
fn order_numbers_the_tensors() {
    let two = || {
        vec![
            tensor("a", DType::Float32, &[1]),
            tensor("b", DType::Float32, &[2]),
        ]
    };
    let text = r#"{"input": [{"name": "second", "shape": [2], "order": 1},
        {"name": "first", "shape": [1], "order": 0}], "output": [{}, {}]}"#;
    let file = IoSpecFile {
        file: "s.json",
        text,
    };
    let got = GraphFacts::of_model(&model("m.tflite", two(), two()), Some(file), None).unwrap();
    assert_eq!(
        [&got.inputs[0].name, &got.inputs[1].name],
        ["first", "second"]
    );
}

#[test]
fn contradictions_name_both() {
    let mut all = String::new();
    for (from, to) in [
        (
            "[1, 128, 3, 1], \"dtype\": \"int8\"",
            "[1, 64], \"dtype\": \"uint8\"",
        ),
        ("16.0", "16.5"),
        ("0.00390625", "0"),
        ("-128.0", "127"),
        (", \"negative\"", ""),
        ("\"output\": [", "\"output\": [{}, "),
    ] {
        assert!(GOOD.contains(from));
        let error = facts(&GOOD.replace(from, to)).unwrap_err();
        assert!(
            error.contains("m.tflite.json") && error.contains("magic_wand_int8"),
            "{error}"
        );
        all += &format!("== {to}\n{error}\n");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_rounded_scale_is_no_contradiction() {
    facts(&GOOD.replace("0.00390625", "0.00390626")).unwrap();
}

#[test]
fn malformed_specifications_are_errors_with_a_place() {
    let mut all = String::new();
    for text in [
        "",
        "[]",
        "{}",
        r#"{"input": 1, "output": []}"#,
        r#"{"input": [], "output": [1]}"#,
        r#"{"input": [{"shape": "x"}], "output": []}"#,
        r#"{"input": [{"shape": [1.5]}], "output": []}"#,
        r#"{"input": [{"scale": "x"}], "output": []}"#,
        r#"{"input": [{}], "output": [{"class_names": [1]}]}"#,
        r#"{"input": [{}], "output": [{}], "entry_func": 3}"#,
    ] {
        all += &format!("== {text}\n{}\n", facts(text).unwrap_err());
    }
    insta::assert_snapshot!(all);
}
