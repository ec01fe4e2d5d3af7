//! `castiron validate`.

use std::fs;

use castiron_test_tools::present;

use crate::support::{Folder, castiron, failure, json, repository, sine, stdout, unpacked};

/// A folder to compile in that outlives the test: what it holds is the same every time.
const BUILD_DIR: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/castiron");
const GOLDEN: &str = "examples/models/golden/sine_int8.safetensors";

/// The harness is compiled by the C compiler that Rust links with.
fn has_compiler() -> bool {
    present("cc")
}

#[test]
fn an_answer_is_a_table_json_and_a_file() {
    if !has_compiler() {
        return;
    }
    let (model, golden) = (sine(), repository(GOLDEN));
    let folder = Folder::new();
    let csv = folder.path("operators.csv");
    let mut arguments = vec!["validate", &model, "--layers", "--cases", &golden];
    arguments.extend(["--csv", &csv, "--build-dir", BUILD_DIR]);
    let said = stdout(&arguments);
    let (answer, files) = said.split_once("\nFile ").expect("what is written");
    assert!(files.contains(&csv), "{files}");
    insta::assert_snapshot!("validate_shows_what_agrees", answer);
    let rows = folder.read("operators.csv");
    assert_eq!(rows.lines().count(), 4, "{rows}");

    arguments.push("--json");
    let answer = json(&arguments);
    assert_eq!(answer["agree"], true);
    assert_eq!(answer["cases"], 4);
    assert_eq!(answer["operators"].as_array().unwrap().len(), 3);
    assert_eq!(
        answer["operators"][2]["operator"]["name"],
        "FULLY_CONNECTED"
    );
    assert_eq!(answer["references"][0]["differing"], 0);
}

/// The firmware works in memories of its own, of which one is not needed.
#[test]
fn firmware_works_in_several_memories() {
    if !has_compiler() {
        return;
    }
    let (model, golden) = (sine(), repository(GOLDEN));
    let folder = Folder::new();
    let keep = folder.path("build");
    let mut arguments = vec!["validate", &model, "--json", "--layers", "--cases", &golden];
    for memory in ["tcm=16:fast", "ram=1k", "psram=1M:slow"] {
        arguments.extend(["--memory", memory]);
    }
    arguments.extend(["--keep", &keep, "--build-dir", BUILD_DIR]);
    let answer = json(&arguments);
    assert_eq!(answer["agree"], true);
    assert_eq!(answer["references"][0]["differing"], 0);
    let header = folder.read("build/sine_int8.h");
    assert!(
        header.contains("#define SINE_INT8_TCM_BYTES 16"),
        "{header}"
    );
    assert!(
        header.contains("#define SINE_INT8_PSRAM_BYTES 0"),
        "{header}"
    );
}

#[test]
fn a_difference_is_an_error_with_its_place() {
    if !has_compiler() {
        return;
    }
    let folder = unpacked(GOLDEN);
    let wrong = folder.path("out_1_0.bin");
    let value = fs::read(&wrong).unwrap()[0];
    fs::write(&wrong, [value.wrapping_add(3)]).unwrap();
    let inputs = folder.path("");
    let arguments = [
        "validate",
        &sine(),
        "--cases",
        &inputs,
        "--build-dir",
        BUILD_DIR,
    ];
    let (code, message) = failure(&arguments);
    assert_eq!(code, 1);
    for part in [
        "reference outputs",
        "element 0 [0, 0] of output 0, case 1",
        "quantisation",
    ] {
        assert!(message.contains(part), "{message}");
    }
    // The answer is there all the same.
    let output = castiron(&arguments).arg("--json").output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answer["first"]["against"], "reference");
    assert_eq!(answer["first"]["case"], "1");
    assert_eq!(answer["references"][0]["differing"], 1);
    assert_eq!(answer["outputs"][0]["differing"], 0);
}

/// A board's sources know their model; what the user has filled in stays.
#[test]
fn a_board_gets_sources_to_build() {
    let folder = Folder::new();
    let board = folder.write("board.c", "mine");
    let out = folder.path("");
    let arguments = [
        "validate",
        &sine(),
        "--on",
        "serial",
        "--layers",
        "--firmware",
        &out,
        "--build-dir",
        BUILD_DIR,
    ];
    let output = castiron(&arguments).output().unwrap();
    let said = String::from_utf8(output.stdout.clone()).expect("text");
    assert!(
        output.status.success() && said.contains("--on serial:PORT"),
        "{output:?}"
    );
    let noted = String::from_utf8(output.stderr).expect("text");
    assert!(noted.contains("board.c stay as they were"), "{noted}");
    assert_eq!(fs::read_to_string(board).unwrap(), "mine");
    let mut files = folder.files();
    files.retain(|file| !file.starts_with("sine_int8") && !file.starts_with("libsine_int8"));
    let expected = [
        "Makefile",
        "board.c",
        "board.h",
        "counters.c",
        "firmware.h",
        "harness.c",
        "port.h",
        "port_serial.c",
    ];
    assert_eq!(files, expected);
    let firmware = folder.read("firmware.h");
    let digest = sha2_of(&fs::read(sine()).unwrap());
    assert!(
        firmware.contains(&format!("model {digest}")) && firmware.contains("layers true"),
        "{firmware}"
    );
}

/// The recording is read before anybody looks for the board.
#[test]
fn a_recording_is_read_before_the_board_runs() {
    let folder = Folder::new();
    let recording = folder.write(
        "ppk2.csv",
        "Timestamp(ms),Current(uA),D0-D7\n0,1,00000000\n1,oops,10000000\n",
    );
    let on = ["validate", &sine(), "--on", "serial:/dev/null", "--power"];
    for (more, code, part) in [
        (
            &["--marker", "D0", "--voltage", "3"][..],
            1,
            "line 3, column 2",
        ),
        (&["--marker", "D0"], 1, "--voltage"),
        (&[], 2, "--marker"),
    ] {
        let (found, message) = failure(&[&on[..], &[&recording], more].concat());
        assert_eq!(found, code, "{message}");
        assert!(message.contains(part), "{message}");
    }
}

fn sha2_of(bytes: &[u8]) -> String {
    let digest = <sha2::Sha256 as sha2::Digest>::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_stands_against_it_comes_with_the_remedy() {
    let folder = Folder::new();
    let empty = folder.path("");
    let missing = |variable: &str, on: &str| {
        let output = castiron(&["validate", &sine(), "--on", on])
            .env(variable, "no-such-program")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).expect("text")
    };
    for (variable, on, remedy) in [
        ("CC", "host", "apt-get install gcc"),
        ("CASTIRON_ARM_GCC", "qemu", "gcc-arm-none-eabi"),
        ("CASTIRON_QEMU", "qemu", "apt-get install qemu-system-arm"),
        ("RENODE", "renode", "renode.io"),
    ] {
        let message = missing(variable, on);
        assert!(message.contains(remedy), "{message}");
        assert!(message.contains("no-such-program"), "{message}");
    }
    for (arguments, code, part) in [
        (["--cases", &*empty], 1, "in_<case>_<i>"),
        (["--cases", "/no/such/folder"], 3, "cannot read"),
        (["--random", "0"], 2, "--random"),
        (["--tolerance", "nan"], 2, "1e-5"),
        (["--on", "moon"], 2, "possible values"),
        (["--on", "serial"], 2, "--firmware DIR"),
        (
            ["--on", "serial:/dev/null@fast"],
            1,
            "cannot open the serial port",
        ),
        (["--on", "serial:/dev/x@0"], 2, "115200"),
        (["--firmware", "board"], 2, "add --on serial"),
        (["--power", "ppk2.csv"], 2, "--power is for boards"),
        (["--voltage", "3"], 2, "name the recording with --power"),
    ] {
        let (found, message) = failure(&["validate", &sine(), arguments[0], arguments[1]]);
        assert_eq!(found, code, "{message}");
        assert!(message.contains(part), "{message}");
    }
}
