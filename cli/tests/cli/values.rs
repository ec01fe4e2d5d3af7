//! `castiron run` against reference outputs.

use std::fs;

use crate::support::{
    Ends as _, Folder, castiron, failure, json, repository, sine, stdout, two_signatures, unpacked,
    vae,
};

const VAE: &str = "examples/models/golden/vae.safetensors";
const TWO_SIGNATURES: &str = "tests/data/models/golden/two_signatures_int8.safetensors";
const MULTI_IO: &str = "tests/data/models/golden/multi_io_int8.safetensors";

/// An input's file, and the output that belongs to it.
fn golden(folder: &Folder, part: &str, case: &str) -> (String, Vec<u8>) {
    let output = fs::read(folder.path(&format!("{part}out_{case}_0.bin"))).expect("a golden");
    (folder.path(&format!("{part}in_{case}_0.bin")), output)
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (values, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    values.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-5, "{found} for {expected}");
    }
}

#[test]
fn floats_agree_with_the_reference() {
    let (folder, goldens) = (Folder::new(), unpacked(VAE));
    for case in ["0", "1"] {
        let (input, expected) = golden(&goldens, "", case);
        castiron(&[
            "run",
            &vae(),
            "--input",
            &input,
            "--out-dir",
            &folder.path(""),
        ])
        .success();
        let found = fs::read(folder.path("out_0.bin")).unwrap();
        assert_close(&floats(&found), &floats(&expected));
    }
}

#[test]
fn every_signature_agrees_with_the_reference() {
    let (folder, goldens) = (Folder::new(), unpacked(TWO_SIGNATURES));
    for (signature, part) in [("decode", ""), ("encode", "sig_encode/")] {
        for case in ["0", "1"] {
            let (input, expected) = golden(&goldens, part, case);
            let out = folder.path("");
            let model = two_signatures();
            let arguments = [
                "run",
                &model,
                "-i",
                &input,
                "--out-dir",
                &out,
                "--signature",
                signature,
            ];
            castiron(&arguments).success();
            assert_eq!(
                fs::read(folder.path("out_0.bin")).unwrap(),
                expected,
                "{signature}"
            );
        }
    }
    let (code, text) = failure(&[
        "run",
        &two_signatures(),
        "--out-dir",
        "x",
        "--signature",
        "train",
    ]);
    assert_eq!(code, 1);
    assert!(text.contains("\"decode\" or \"encode\""), "{text}");
}

#[test]
fn outputs_are_shown() {
    let folder = Folder::new();
    let input = folder.write("in.bin", [0x80 ^ 40]);
    insta::assert_snapshot!(stdout(&["run", &sine(), "--input", &input]));
    let report = json(&["run", &sine(), "--input", &input, "--json"]);
    let value = report["outputs"][0]["values"][0]
        .as_f64()
        .expect("a number");
    assert!((value - 0.83).abs() < 0.1, "{value}");
    let out = folder.path("out");
    let report = json(&["run", &sine(), "-i", &input, "--out-dir", &out, "--json"]);
    assert!(report["outputs"][0].get("values").is_none());
}

#[test]
fn the_greatest_of_many_outputs_have_their_labels() {
    let kws = repository("examples/models/kws_dscnn_int8.tflite");
    let goldens = unpacked("examples/models/golden/kws_dscnn_int8.safetensors");
    let input = goldens.path("in_0_0.bin");
    let folder = Folder::new();
    let words: String = (0..12).map(|i| format!("word {i}\n")).collect();
    let labels = folder.write("labels.txt", words);
    insta::assert_snapshot!(stdout(&["run", &kws, "-i", &input, "--labels", &labels]));
    let few = folder.write("few.txt", "yes\nno\nnone\n");
    let (code, text) = failure(&["run", &kws, "-i", &input, "--labels", &few]);
    assert!(code == 1 && text.contains("3 labels"), "{text}");
}

#[test]
fn several_inputs_and_outputs_keep_their_order() {
    let model = repository("tests/data/models/multi_io_int8.tflite");
    let goldens = unpacked(MULTI_IO);
    let inputs = [0, 1].map(|i| goldens.path(&format!("in_1_{i}.bin")));
    let folder = Folder::new();
    let out = folder.path("");
    castiron(&[
        "run",
        &model,
        "-i",
        &inputs[0],
        &inputs[1],
        "--out-dir",
        &out,
    ])
    .success();
    for i in 0..3 {
        let found = fs::read(folder.path(&format!("out_{i}.bin"))).unwrap();
        let expected = fs::read(goldens.path(&format!("out_1_{i}.bin"))).unwrap();
        assert_eq!(found, expected, "output {i}");
    }
}

/// A file as numpy.save writes it.
fn npy(descr: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    let header = format!("{header:<117}\n");
    [b"\x93NUMPY\x01\x00\x76\x00", header.as_bytes(), elements].concat()
}

#[test]
fn npy_files_go_in_and_out() {
    let (folder, goldens) = (Folder::new(), unpacked(VAE));
    let (input, expected) = golden(&goldens, "", "0");
    let elements = fs::read(input).unwrap();
    let input = folder.write("in.npy", npy("<f4", "1, 5, 17", &elements));
    let answer = json(&[
        "run",
        &vae(),
        "--input",
        &input,
        "--out-dir",
        &folder.path(""),
        "--npy",
        "--json",
    ]);
    assert_eq!(answer["outputs"][0]["dtype"], "FLOAT32");
    let file = fs::read(folder.path("out_0.npy")).unwrap();
    let (_, values) = file.split_at(128);
    assert_eq!(file, npy("<f4", "1, 17", values));
    assert_close(&floats(values), &floats(&expected));

    // The other byte order holds the same numbers.
    let mut swapped = elements;
    swapped.chunks_mut(4).for_each(<[u8]>::reverse);
    let swapped = npy(">f4", "1, 5, 17", &swapped);
    let before = fs::read(folder.path("out_0.npy")).unwrap();
    let input = folder.write("swapped.npy", swapped);
    let out = folder.path("");
    castiron(&["run", &vae(), "-i", &input, "--out-dir", &out, "--npy"]).success();
    assert_eq!(fs::read(folder.path("out_0.npy")).unwrap(), before);
}

#[test]
fn inputs_have_to_fit() {
    let folder = Folder::new();
    let ones = [0, 0, 128, 63].repeat(85);
    let cases = [
        ("short.bin", vec![0; 339], "340 bytes"),
        ("flat.npy", npy("<f4", "85,", &ones), "[1, 5, 17]"),
        ("wide.npy", npy("<f8", "1, 5, 17", &[0; 680]), "FLOAT32"),
        (
            "cut.npy",
            npy("<f4", "1, 5, 17", &ones)[..300].to_vec(),
            "340 bytes",
        ),
        ("damaged.npy", b"\x93NUMPY".to_vec(), "damaged"),
    ];
    let out = folder.path("out");
    for (name, content, expected) in cases {
        let input = folder.write(name, content);
        let (code, text) = failure(&["run", &vae(), "--input", &input, "--out-dir", &out]);
        assert_eq!(code, 1, "{name}");
        assert!(text.contains(expected) && text.contains(name), "{text}");
    }
    let (code, text) = failure(&["run", &vae(), "--out-dir", &out]);
    assert_eq!(code, 1);
    assert!(
        text.contains("serving_default") || text.contains("FLOAT32 [1, 5, 17]"),
        "{text}"
    );
    let two = ["run", &sine(), "--out-dir", &out, "-i", "a", "b"];
    let (code, text) = failure(&two);
    assert_eq!(code, 1);
    assert!(text.contains("found 2"), "{text}");
    assert!(!fs::exists(&out).unwrap());
}

#[test]
fn cases_are_named_as_they_are_recorded() {
    let (folder, goldens) = (Folder::new(), unpacked(VAE));
    let (input, output) = golden(&goldens, "", "0");
    folder.write("in_7_0.bin", fs::read(input).unwrap());
    folder.write("out_7_0.bin", vec![0; output.len()]);
    let (code, text) = failure(&["run", &vae(), "--cases", &folder.path("")]);
    assert_eq!(code, 1);
    assert!(text.contains("output 0 of case 7 is not"), "{text}");
}

#[test]
fn steps_have_no_json() {
    let (code, text) = failure(&["generate", &sine(), "--emit", "program", "--json"]);
    assert_eq!(code, 2);
    assert!(text.contains("leave out --json"), "{text}");
}

/// The system ends a program that writes more, unless it catches the signal.
#[cfg(unix)]
#[test]
fn a_limit_on_files_leaves_none_behind() {
    let folder = Folder::new();
    let out = folder.path("out");
    let written = std::process::Command::new("sh")
        .args(["-c", "ulimit -f 1; exec \"$0\" \"$@\""])
        .args([env!("CARGO_BIN_EXE_castiron"), "generate", &vae()])
        .args(["--out-dir", &out])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&written.stderr);
    assert_eq!(written.status.code(), Some(3), "{text}");
    assert!(text.contains("ulimit -f"), "{text}");
    let left = fs::read_dir(&out).map_or(0, |files| files.count());
    assert_eq!(left, 0, "{text}");
}

/// A file and a folder of the same cases, of each signature.
#[test]
fn recorded_cases_are_compared() {
    let folder = unpacked(TWO_SIGNATURES);
    for cases in [repository(TWO_SIGNATURES), folder.path("")] {
        for signature in ["decode", "encode"] {
            let model = two_signatures();
            let arguments = ["run", &model, "--cases", &cases, "--signature", signature];
            let answer = json(&[&arguments[..], &["--json"]].concat());
            assert_eq!(answer["agree"], true, "{answer}");
            assert_eq!(answer["cases"], 4);
        }
    }
    let (code, text) = failure(&["run", &vae(), "--cases", &repository(TWO_SIGNATURES)]);
    assert_eq!(code, 1);
    for part in [
        "two_signatures_int8.safetensors",
        "in_0_0",
        "FLOAT32 [1, 5, 17]",
        "INT8 [1, 4]",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    fs::remove_dir_all(folder.path("sig_encode")).unwrap();
    let arguments = ["run", &two_signatures(), "--cases", &folder.path("")];
    let (code, text) = failure(&[&arguments[..], &["--signature", "encode"]].concat());
    assert!(
        code == 1
            && text.contains("no cases of signature \"encode\"")
            && text.contains("sig_encode/"),
        "{text}"
    );
    let (code, text) = failure(&["run", &vae(), "--cases", "no/such"]);
    assert!(code == 3 && text.contains("no/such"), "{text}");
}

/// A case whose run ends early has no outputs; and a run that does is no success.
#[test]
fn recorded_cases_may_have_no_outputs_where_a_run_ends_early() {
    let model = repository("tests/data/waiting/waiting_i8.tflite");
    let cases = "tests/data/waiting/golden/waiting_i8.safetensors";
    let answer = json(&["run", &model, "--cases", &repository(cases), "--json"]);
    assert_eq!(answer["agree"], true, "{answer}");
    assert_eq!(answer["cases"], 13);
    assert_eq!(answer["outputs"][0]["values"], 2 * 3);

    let folder = unpacked(cases);
    let input = folder.path("in_5_0.bin");
    std::fs::rename(folder.path("out_5_0.bin"), folder.path("out_4_0.bin")).unwrap();
    let (code, text) = failure(&["run", &model, "--cases", &folder.path("")]);
    assert!(code == 1 && text.contains("case 5"), "{text}");
    assert!(code == 1 && text.contains("case 4"), "{text}");
    let (code, text) = failure(&["run", &model, "--input", &input]);
    assert!(
        code == 1 && text.contains("before there were outputs"),
        "{text}"
    );
}

/// Cases of a model that keeps state run in sequence, unless they say that each begins anew.
#[test]
fn recorded_cases_of_a_model_with_state_run_in_sequence() {
    let model = repository("tests/data/calls/stateful_counter_f32.tflite");
    let cases = "tests/data/calls/golden/stateful_counter_f32.safetensors";
    let answer = json(&["run", &model, "--cases", &repository(cases), "--json"]);
    assert_eq!(answer["agree"], true, "{answer}");
    assert_eq!(answer["successive"], true);
    assert_eq!(answer["cases"], 4);

    let folder = unpacked(cases);
    folder.write("meta.json", r#"{"golden": {"stateful": false}}"#);
    let (code, text) = failure(&["run", &model, "--cases", &folder.path("")]);
    assert_eq!(code, 1);
    for part in ["case 1", "output 1", "golden.stateful to true"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
