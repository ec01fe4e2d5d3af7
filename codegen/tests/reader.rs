//! The reader over whole files: malformed ones kept here, and a larger set if there is one.

use std::fs;
use std::path::{Path, PathBuf};

use castiron_codegen::tflite;
use proptest::prelude::*;
use serde::Deserialize;

/// A file and what has to come of it.
#[derive(Deserialize)]
struct Entry {
    file: String,
    what: String,
    expect: Expect,
}

#[derive(Deserialize, PartialEq, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
enum Expect {
    Reject,
    Accept,
    Either,
}

fn bad() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bad")
}

fn manifest(folder: &Path) -> Vec<Entry> {
    let text = fs::read(folder.join("manifest.json")).expect("the manifest is there");
    serde_json::from_slice(&text).expect("the manifest is well-formed")
}

fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads every file of a manifest and compares with its verdict; gives their number.
fn check_manifest(folder: &Path) -> usize {
    let entries = manifest(folder);
    for Entry { file, what, expect } in &entries {
        let result = tflite::read(file, &bytes(&folder.join(file)));
        match expect {
            Expect::Reject => assert!(result.is_err(), "{file} ({what}) was accepted"),
            Expect::Accept => {
                result.unwrap_or_else(|error| panic!("{file} ({what}) was rejected: {error}"));
            }
            Expect::Either => {}
        }
    }
    entries.len()
}

#[test]
fn malformed_files_get_their_verdict() {
    assert!(check_manifest(&bad()) >= 69);
}

#[test]
fn every_diagnostic_names_the_file_and_a_remedy() {
    for Entry { file, .. } in manifest(&bad()) {
        let Err(error) = tflite::read(&file, &bytes(&bad().join(&file))) else {
            continue;
        };
        for d in error.diagnostics() {
            assert_eq!(d.place.file.as_ref(), Some(&file));
            assert!(
                d.expected.is_some() && d.found.is_some() && d.help.is_some(),
                "{d}"
            );
        }
    }
}

#[test]
fn messages_read_well() {
    for file in [
        "bias_scale_mismatch",
        "conv_bias_does_not_fit",
        "custom_evil_name",
        "dtype_vs_buffer",
        "fc_shuffled_weights",
        "fc_sizes_do_not_fit",
        "fuzz_1",
        "gzip",
        "ident_zero",
        "int8_without_scale",
        "no_buffers",
        "no_inputs",
        "no_operators",
        "op_input_oob",
        "op_input_left_out",
        "op_reads_own_output",
        "op_without_input",
        "opcode_index_oob",
        "opcode_version_99",
        "ops_out_of_order",
        "scale_empty",
        "scale_zero",
        "schema_version_4",
        "shape_negative",
        "shape_overflow",
        "shape_vs_buffer",
        "shape_zero",
        "softmax_of_bool",
        "tensor_written_twice",
        "trunc_03252",
        "zero_point_1000",
    ] {
        let name = format!("{file}.tflite");
        let error = tflite::read(&name, &bytes(&bad().join(&name))).expect_err("malformed");
        insta::assert_snapshot!(file, error);
    }
}

#[test]
fn a_model_may_lie_at_any_address() {
    let model = bytes(&bad().join("good.tflite"));
    let mut moved = vec![0; 16];
    for shift in 0..16 {
        moved.truncate(shift);
        moved.resize(shift, 0);
        moved.extend_from_slice(&model);
        tflite::read("good.tflite", &moved[shift..]).expect("alignment does not matter");
    }
}

#[test]
fn no_prefix_of_a_model_is_a_model_or_a_panic() {
    let model = bytes(&bad().join("good.tflite"));
    for length in 0..model.len() {
        assert!(
            tflite::read("cut.tflite", &model[..length]).is_err(),
            "{length} bytes"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn random_bytes_in_a_model_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)
    ) {
        let mut model = bytes(&bad().join("good.tflite"));
        for (index, value) in changes {
            let at = index.index(model.len());
            model[at] = value;
        }
        if let Err(error) = tflite::read("changed.tflite", &model) {
            prop_assert!(!error.diagnostics().is_empty());
        }
    }
}

/// Runs over a folder with `bad/`, `cases/`, `models/` and `ops/` where one is given: real models and one
/// for each operator and type, too large to keep here.
#[test]
fn a_larger_set_reads_too() {
    let Some(root) = castiron_test_tools::folder("CASTIRON_SHARED") else {
        return;
    };
    let malformed = check_manifest(&root.join("bad"));
    let mut read = 0;
    let cases = fs::read_dir(root.join("cases")).expect("the folder is readable");
    let cases = cases.map(|case| case.expect("the folder is readable").path());
    let folders = ["models", "models/self", "models/public", "ops"].map(|name| root.join(name));
    for folder in cases.chain(folders) {
        let entries = fs::read_dir(folder).expect("the folder is readable");
        for path in entries.map(|entry| entry.expect("the folder is readable").path()) {
            if path
                .extension()
                .is_some_and(|extension| extension == "tflite")
            {
                let name = path.display().to_string();
                let model = tflite::read(&name, &bytes(&path));
                assert!(model.is_ok(), "{}", model.unwrap_err());
                read += 1;
            }
        }
    }
    println!("{malformed} malformed files and {read} models");
}
