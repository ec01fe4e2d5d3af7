//! castiron's verdict on what TFLM takes, against that of TFLM's own interpreter.
//!
//! Recorded verdicts of the repository's models are in `tests/data/tflm_verdicts.json`, with the
//! version that gave them. Where a Python with `tflite_micro` is there, it is asked about the models
//! of `CASTIRON_SHARED`, too; `CASTIRON_PYTHON` names it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use castiron_codegen::tflm::arena::Kernels;
use castiron_codegen::tflm::{TflmOp, verdict};
use castiron_tests::goldens::read;
use castiron_tests::{reference_folder, workspace};
use serde_json::Value;

/// What someone makes of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Says {
    Runs,
    Differs,
    /// It is refused, or the interpreter's checks end the process.
    Refuses,
}

/// TFLM reads or writes beside what it has, and nobody notices in these models.
const LUCK: &str = "TFLM looks beside its list of sizes, which ends well here";

/// Models on which the two differ for a reason.
const REASONS: &[(&str, &str)] = &[
    (
        "cast_f32_bool_0.tflite",
        "the wheel's CAST writes BOOL; that of the table's revision, which is older, does not",
    ),
    (
        "ethos_u_i8.tflite",
        "the interpreter for hosts has no accelerator to hand the operator to",
    ),
    (
        "relu_of_unequal_sizes.tflite",
        "TFLM ends the process where it checks, and writes beyond the tensor where it does not",
    ),
    ("concatenation_of_fewer_dimensions.tflite", LUCK),
    ("gather_nd_of_fewer_dimensions.tflite", LUCK),
    ("gather_of_fewer_dimensions.tflite", LUCK),
    ("pack_into_fewer_dimensions.tflite", LUCK),
    ("split_of_fewer_dimensions.tflite", LUCK),
    ("split_v_of_fewer_dimensions.tflite", LUCK),
    (
        "strided_slice_beyond.tflite",
        "TFLM and LiteRT read behind their input; TensorFlow refuses the index",
    ),
    (
        "transpose_twice.tflite",
        "TFLM and LiteRT do something with an order that names a dimension twice; TensorFlow refuses it",
    ),
];

/// castiron's verdict; `None` where it does not read the file.
fn castiron(path: &Path) -> Option<(Says, String)> {
    let model = read(path).ok()?;
    let mut operators = model.graphs.iter().flat_map(|graph| &graph.operators);
    if let Some(operator) = operators.find(|o| TflmOp::for_kind(&o.kind).is_none()) {
        let why = format!("no kernel for {}", operator.kind);
        return Some((Says::Refuses, why));
    }
    let verdict = verdict(&model, Kernels::Reference);
    let first =
        |list: &[castiron_codegen::error::Diagnostic]| list.first().map(ToString::to_string);
    Some(match (first(&verdict.refused), first(&verdict.differs)) {
        (Some(why), _) => (Says::Refuses, why),
        (None, Some(why)) => (Says::Differs, why),
        (None, None) => (Says::Runs, String::new()),
    })
}

fn says(verdict: &str) -> Says {
    match verdict {
        "runs" => Says::Runs,
        "differs" => Says::Differs,
        "refuses" | "crashes" => Says::Refuses,
        other => panic!("no verdict: {other}"),
    }
}

/// Whether someone else has something against a model that castiron does not read: TFLM, LiteRT's reference kernels, or the model's
/// goldens. `None` where LiteRT was not asked.
fn is_faulty(found: &Value, tflm: Says) -> Option<bool> {
    match (tflm, &found["reference"]) {
        (Says::Refuses | Says::Differs, _) => Some(true),
        (Says::Runs, Value::String(reference)) => Some(!reference.is_empty()),
        (Says::Runs, _) => None,
    }
}

/// Compares with the interpreter's verdicts, by file; `root` is what paths begin at.
fn compare(root: &Path, verdicts: &Value, what: &str) {
    let mut counts: BTreeMap<Says, usize> = BTreeMap::new();
    let mut unread = 0;
    let mut wrong = Vec::new();
    for (path, found) in verdicts.as_object().expect("verdicts by path") {
        let expected = says(found["verdict"].as_str().expect("a verdict"));
        let reason = REASONS.iter().find(|(name, _)| path.ends_with(name));
        let Some((ours, why)) = castiron(&root.join(path)) else {
            unread += 1;
            match (is_faulty(found, expected), reason) {
                (Some(true), _) => {}
                (_, Some((_, reason))) => println!("{what}: {path}: {reason}"),
                (None, None) => println!("{what}: {path}: castiron does not read it, TFLM runs it"),
                (Some(false), None) => wrong.push(format!(
                    "{path}: castiron does not read it, and the others have nothing against it"
                )),
            }
            continue;
        };
        if let Some((_, reason)) = reason.filter(|_| ours != expected) {
            println!("{what}: {path}: {reason}");
        } else if ours == expected {
            *counts.entry(ours).or_default() += 1;
        } else {
            let theirs = found["message"].as_str().unwrap_or_default();
            wrong.push(format!(
                "{path}: castiron {ours:?} ({why}), TFLM {expected:?} ({theirs})"
            ));
        }
    }
    println!("{what}: verdicts equal: {counts:?}; {unread} files that castiron does not read");
    assert!(!counts.is_empty(), "nothing to compare in {what}");
    assert!(
        wrong.is_empty(),
        "{} of {what} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn recorded_verdicts_are_castirons() {
    let path = workspace().join("tests/data/tflm_verdicts.json");
    let text = fs::read_to_string(&path).expect("recorded verdicts");
    let recorded: Value = serde_json::from_str(&text).expect("JSON");
    println!("recorded with tflite_micro {}", recorded["tflite_micro"]);
    compare(&workspace(), &recorded["models"], "recorded models");
}

/// A Python that has TFLM's interpreter.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("CASTIRON_PYTHON").unwrap_or_else(|| "python3".into());
    let version = Command::new(&python)
        .arg(script())
        .arg("--version")
        .output();
    let has_it = version.is_ok_and(|output| output.status.success());
    has_it.then(|| python.into())
}

fn script() -> PathBuf {
    workspace().join("tests/model-scripts/tflm_verdicts.py")
}

#[test]
fn the_interpreter_says_the_same() {
    let Some(root) = reference_folder() else {
        return;
    };
    let Some(python) = python() else {
        castiron_test_tools::skipped(
            "no Python with tflite_micro, which CASTIRON_PYTHON may name",
            false,
        );
        return;
    };
    let mut models = Vec::new();
    for folder in [
        "ops",
        "models",
        "models/self",
        "models/public",
        "findings",
        "cases",
    ] {
        let entries = fs::read_dir(root.join(folder))
            .into_iter()
            .flatten()
            .flatten();
        for path in entries.map(|entry| entry.path()) {
            let nested = path.join("model.tflite");
            match path.extension().is_some_and(|e| e == "tflite") {
                true => models.push(path),
                false => models.extend(nested.is_file().then_some(nested)),
            }
        }
    }
    models.sort();
    // It has no end for a test to wait for.
    models.retain(|path| !path.ends_with("if_chain_40.tflite"));
    assert!(!models.is_empty(), "no models in {}", root.display());
    let output = Command::new(python).arg(script()).args(&models).output();
    let output = output.expect("the script starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let verdicts = serde_json::from_slice(&output.stdout).expect("JSON");
    compare(&root, &verdicts, "models of CASTIRON_SHARED");
}

/// What castiron says of constants, options, sizes and scales that an operator does not take.
#[test]
fn operands_that_are_not_right_are_named() {
    let folder = workspace().join("tests/data/operands");
    let entries = fs::read_dir(&folder).expect("the folder");
    let mut models: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    models.retain(|path| path.extension().is_some_and(|e| e == "tflite"));
    models.sort();
    let said = models.iter().map(|path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let verdict = match (read(path), castiron(path)) {
            (Err(error), _) => {
                let first = error.diagnostics().first().cloned();
                let mut first = first.expect("an error says something");
                assert!(first.help.take().is_some(), "{name}: no help");
                let at = (&first.place.operator, &first.place.tensor);
                assert!(at != (&None, &None), "{name}: no place");
                first.place.file = None;
                format!("malformed: {first}")
            }
            (Ok(_), Some((says, why))) => {
                let why = why.split_once(".tflite, ").map_or("", |(_, why)| why);
                format!("TFLM {says:?} {why}").trim_end().to_owned()
            }
            (Ok(_), None) => String::new(),
        };
        format!("{name}\n  {}\n", verdict.replace('\n', "\n  "))
    });
    insta::assert_snapshot!(said.collect::<String>());
}
