//! Help, completions and manual pages.

use crate::support::{Ends as _, Folder, castiron, failure, stdout};

const COMMANDS: [&str; 21] = [
    "inspect",
    "report",
    "diff",
    "gen-header",
    "gen-resolver",
    "gen-cpp",
    "plan",
    "arena",
    "align",
    "run",
    "validate",
    "power",
    "generate",
    "fit",
    "boards",
    "board-repl",
    "platforms",
    "memory-overlay",
    "lib",
    "completions",
    "man",
];

#[test]
fn help_says_it_all() {
    insta::assert_snapshot!("castiron", stdout(&["--help"]));
    for command in COMMANDS {
        let help = stdout(&[command, "--help"]);
        assert!(help.contains("Examples:"), "{command}");
        insta::assert_snapshot!(command, help);
    }
}

#[test]
fn help_is_a_command_too() {
    assert_eq!(stdout(&["help"]), stdout(&["--help"]));
    for command in COMMANDS {
        let (help, option) = (stdout(&["help", command]), stdout(&[command, "--help"]));
        assert_eq!(help, option, "{command}");
    }
    let (code, text) = failure(&["help", "inspekt"]);
    assert!(code == 2 && text.contains("inspekt"), "{text}");
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&["completions", shell]);
        assert!(script.contains("gen-resolver"), "{shell}");
    }
}

#[test]
fn manual_pages_are_written() {
    assert!(stdout(&["man"]).contains(".TH castiron 1"));
    let folder = Folder::new();
    castiron(&["man", "--out-dir", &folder.path("")]).success();
    let mut pages: Vec<String> = COMMANDS.map(|c| format!("castiron-{c}.1")).into();
    pages.push("castiron.1".to_owned());
    pages.sort();
    assert_eq!(folder.files(), pages);
    let page = folder.read("castiron-inspect.1");
    assert!(page.contains("castiron\\-inspect"), "{page}");
}

#[test]
fn wrong_usage_is_code_2() {
    for arguments in [
        &["no-such-command"][..],
        &["inspect"],
        &["gen-resolver", "-o", "-"],
        &["plan", "x.tflite", "--time-limit", "-1"],
        &[
            "gen-resolver",
            "--ops",
            "Add",
            "--custom",
            "noequals",
            "-o",
            "-",
        ],
    ] {
        let (code, _) = failure(arguments);
        assert_eq!(code, 2, "{arguments:?}");
    }
}
