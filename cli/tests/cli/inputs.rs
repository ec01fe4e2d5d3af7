//! What commands read: nothing without end, and nothing that is no file without a word.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::{Ends as _, Folder, castiron, repository, sine};

/// Commands that read IN, which stands for something that is no proper file.
const COMMANDS: [&[&str]; 16] = [
    &["inspect", "IN"],
    &["gen-header", "IN", "-o", "x.h"],
    &["align", "IN", "-o", "x"],
    &["gen-resolver", "IN", "-o", "x"],
    &["gen-header", "m.tflite", "--labels", "IN", "-o", "x.h"],
    &["gen-header", "m.tflite", "--io-spec", "IN", "-o", "x.h"],
    &["generate", "m.tflite", "--labels", "IN", "--out-dir", "x"],
    &["run", "m.tflite", "--input", "IN", "--out-dir", "x"],
    &["fit", "m.tflite", "--board", "b", "--platforms", "IN"],
    &["fit", "m.tflite", "--dts", "IN"],
    &["board-repl", "IN", "-o", "x"],
    &["board-repl", "d.dts", "--rules", "IN", "-o", "x"],
    &["memory-overlay", "IN", "--sram-kb", "4096", "-o", "x"],
    &["platforms", "IN"],
    &[
        "build_tflite.py",
        "--model-path",
        "m.tflite",
        "--output-model-path",
        "x",
    ],
    &["io_spec_to_struct.py", "-i", "IN", "-o", "x"],
];

/// A folder with a model `m.tflite`, a devicetree, and IN.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("m.tflite", fs::read(sine()).unwrap());
    let dts = fs::read(repository("board/tests/data/dts/an385.dts")).unwrap();
    folder.write("d.dts", dts);
    folder
}

/// Exit code and standard error, with 1 GiB of memory and 20 s at most.
fn limited(folder: &Folder, arguments: &[&str]) -> (Option<i32>, String) {
    let script = "ulimit -v 1048576; ulimit -t 20; exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_castiron")])
        .args(arguments)
        .current_dir(folder.path(""))
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn what_has_no_end_is_an_error() {
    for (what, target, expected) in [
        ("no end", "/dev/zero", "more than"),
        ("a folder", "/", "directory"),
        ("nothing", "missing", "cannot read"),
    ] {
        let folder = folder();
        symlink(target, folder.path("IN")).unwrap();
        // Read as a companion of the model where Kenning has it.
        symlink(target, folder.path("m.tflite.json")).unwrap();
        for arguments in COMMANDS {
            let mut arguments = arguments.to_vec();
            if arguments.contains(&"--labels") {
                arguments.push("--no-io-spec");
            }
            let (code, stderr) = limited(&folder, &arguments);
            assert_eq!(code, Some(3), "{what}, {arguments:?}: {stderr}");
            assert!(
                stderr.to_lowercase().contains(expected),
                "{what}, {arguments:?}: {stderr}"
            );
        }
        let (code, stderr) = limited(&folder, &["gen-header", "m.tflite", "-o", "x.h"]);
        assert_eq!(code, Some(3), "{what}: {stderr}");
        assert!(stderr.contains("m.tflite.json"), "{what}: {stderr}");
        assert_eq!(folder.files().len(), 4, "{what}");
    }
}

#[test]
fn what_is_larger_than_stated_is_an_error_with_the_number() {
    let labels = &["gen-header", "m.tflite", "--labels", "IN", "-o", "x.h"][..];
    let specification = &["gen-header", "m.tflite", "--io-spec", "IN", "-o", "x.h"];
    let platforms = &["fit", "m.tflite", "--board", "b", "--platforms", "IN"];
    let rules = &["board-repl", "d.dts", "--rules", "IN", "-o", "x"];
    let nodes: String = (0..16_384).map(|i| format!("n{i}{{}};")).collect();
    let entries = ", {}".repeat(4_096);
    for (arguments, text, code, expected) in [
        (labels, "a\n".repeat(1 << 20), 3, "more than 1048576 bytes"),
        (labels, "a\n".repeat(65_537), 1, "at most 65536 labels"),
        (
            specification,
            format!(r#"{{"input": [{{}}{entries}], "output": []}}"#),
            1,
            "at most 4096",
        ),
        (platforms, "- a\n".repeat(100_000), 1, "100000 values"),
        (rules, "#".repeat(262_145), 1, "at most 262144 bytes"),
        (
            &["board-repl", "IN"],
            format!("/ {{ {nodes} }};"),
            1,
            "at most 16384 nodes",
        ),
        (&["@IN"], "-\n".repeat(10_001), 2, "at most 10000 lines"),
    ] {
        let folder = folder();
        folder.write("IN", text);
        let (found, stderr) = limited(&folder, arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {stderr}");
        assert!(
            stderr.contains("IN") || stderr.contains("m.tflite"),
            "{stderr}"
        );
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 2, "{arguments:?}: {stderr}");
    }
}

#[test]
fn cases_have_an_end() {
    let folder = folder();
    fs::create_dir(folder.path("golden")).unwrap();
    folder.write("golden/in_0_0.bin", [0]);
    symlink("/dev/zero", folder.path("golden/out_0_0.bin")).unwrap();
    let (code, stderr) = limited(
        &folder,
        &["lib", "m.tflite", "--out-dir", "x", "--cases", "golden"],
    );
    assert_eq!(code, Some(1), "{stderr}");
    assert!(
        stderr.contains("out_0_0.bin: more than 67108864 bytes"),
        "{stderr}"
    );
    // A device is read like a file: what it gives is wrong.
    for (device, expected) in [
        ("/dev/null", "/dev/null: this is not a .safetensors file"),
        ("/dev/zero", "/dev/zero: more than 67108864 bytes"),
    ] {
        let (code, stderr) = limited(&folder, &["run", "m.tflite", "--cases", device]);
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    }
}

#[test]
fn what_another_program_writes_is_read() {
    let folder = folder();
    folder.write("l.txt", "sine\n");
    let castiron_exe = env!("CARGO_BIN_EXE_castiron");
    let script = format!(
        "'{castiron_exe}' gen-header <(cat m.tflite) --name m --labels <(cat l.txt) -o x.h && \
         cat m.tflite | '{castiron_exe}' gen-header - --name m --labels l.txt -o y.h"
    );
    match Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path(""))
        .status()
    {
        Err(_) => castiron_test_tools::skipped("bash, which is not there", false),
        Ok(status) => {
            assert!(status.success());
            // Names of files are all that differs.
            let same = |text: String| text.lines().skip(2).collect::<String>();
            assert_eq!(same(folder.read("x.c")), same(folder.read("y.c")));
        }
    }
    let pipe = folder.path("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let model = fs::read(sine()).unwrap();
    let writer = std::thread::spawn(move || fs::write(pipe, model).unwrap());
    castiron(&["gen-resolver", "pipe", "-o", "r.h"])
        .current_dir(folder.path(""))
        .success();
    writer.join().unwrap();
}
