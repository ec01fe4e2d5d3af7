//! TensorFlow Lite Micro's own integration tests: each operator of SEANet as a model, with inputs and outputs as text.
//!
//! They lie in the tree of its sources that `CASTIRON_TFLM` names.

use std::fs;
use std::path::{Path, PathBuf};

use castiron_test_tools::{folder, say};
use castiron_tests::goldens::{Golden, Outcome};

const MODELS: &str = "tensorflow/lite/micro/integration_tests";

#[test]
fn tflms_integration_tests_pass() {
    let Some(tree) = folder("CASTIRON_TFLM") else {
        return;
    };
    let mut models = Vec::new();
    find(&tree.join(MODELS), &mut models);
    models.sort();
    assert!(!models.is_empty(), "no models in {MODELS}");
    let mut wrong = Vec::new();
    for model in &models {
        let cases = tempfile::tempdir().expect("a folder");
        let name = model.file_stem().expect("a name").to_string_lossy();
        unpack(model, &name, cases.path());
        let golden = Golden {
            name: name.clone().into_owned(),
            model: model.clone(),
            cases: cases.path().to_owned(),
        };
        match golden.check(u64::MAX) {
            Outcome::Passed { cases: 1, .. } => {}
            other => wrong.push(format!("{name}: {other:?}")),
        }
    }
    say(format!(
        "{} of {} models of TensorFlow Lite Micro's integration tests agree, bit for bit",
        models.len() - wrong.len(),
        models.len()
    ));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn find(folder: &Path, models: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            find(&path, models);
        } else if path.extension().is_some_and(|e| e == "tflite") {
            models.push(path);
        }
    }
}

/// Writes `NAME_input0_int16.csv` as `in_0_0.bin`, and `NAME_golden_int16.csv` as `out_0_0.bin`.
fn unpack(model: &Path, name: &str, cases: &Path) {
    let beside = fs::read_dir(model.with_file_name(".")).expect("readable");
    for entry in beside {
        let path = entry.expect("readable").path();
        let file = path.file_name().expect("a name").to_string_lossy();
        let rest = file.strip_prefix(name).and_then(|f| f.strip_suffix(".csv"));
        let Some((role, dtype)) = rest.and_then(|r| r.strip_prefix('_')?.split_once('_')) else {
            continue;
        };
        let to = match role.strip_prefix("input") {
            Some(position) => format!("in_0_{position}.bin"),
            None => "out_0_0.bin".to_owned(),
        };
        let text = fs::read_to_string(&path).expect("text");
        let values = text.split([',', '\n']).map(str::trim);
        let values = values.filter(|value| !value.is_empty());
        let bytes: Vec<u8> = values.flat_map(|value| stored(value, dtype)).collect();
        fs::write(cases.join(to), bytes).expect("the folder is writable");
    }
}

fn stored(value: &str, dtype: &str) -> Vec<u8> {
    let number: i64 = value.parse().unwrap_or_else(|e| panic!("{value}: {e}"));
    match dtype {
        "int8" => (number as i8).to_le_bytes().to_vec(),
        "int16" => (number as i16).to_le_bytes().to_vec(),
        "int32" => (number as i32).to_le_bytes().to_vec(),
        other => panic!("values of {other}"),
    }
}
