//! Arguments, outputs and exit codes that are castiron's own.

use std::fs;

use super::{model, west};

/// Subcommands, and castiron's own of them.
const SUBCOMMANDS: [(&str, &str); 6] = [
    ("header", "gen-header"),
    ("resolver", "gen-resolver"),
    ("arena", "arena"),
    ("repl", "board-repl"),
    ("fit", "fit"),
    ("report", "inspect"),
];

#[test]
fn every_subcommand_has_help_with_examples() {
    let Some(west) = west() else { return };
    let folder = west.folder("help");
    let all = west.castiron(&folder, &["--help"]);
    assert_eq!(all.code, Some(0), "{all:?}");
    for (name, own) in SUBCOMMANDS {
        assert!(all.out.contains(&format!("\n    {name} ")), "{}", all.out);
        let help = west.castiron(&folder, &[name, "--help"]);
        assert_eq!((help.code, &*help.err), (Some(0), ""));
        for part in [
            format!("usage: west castiron {name} "),
            format!("`castiron {own}`"),
            format!("examples:\n  west castiron {name}"),
        ] {
            assert!(help.out.contains(&part), "no {part}: {}", help.out);
        }
    }
    let of_cli = west.castiron(&folder, &["report", "--cli-help", "--csv", "no.csv"]);
    assert_eq!(of_cli, west.own(&folder, &["inspect", "--help"]));
    let none = west.castiron(&folder, &[]);
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.err.contains("required: SUBCOMMAND"), "{}", none.err);
}

/// West's options are known by their whole names only: `--board` is not short for `--build-dir`.
#[test]
fn arguments_outputs_and_exit_codes_pass_through() {
    let Some(west) = west() else { return };
    let folder = west.folder("passing");
    let (kws, vae) = (model("kws_dscnn_int8.tflite"), model("vae_int8.tflite"));
    let small = ["--board", "nucleo_f401re", "--app-ram=90"];
    let cases: &[(&str, &[&str], i32)] = &[
        ("arena", &[&kws, &vae, "--kernels", "cmsis-nn", "--json"], 0),
        ("report", &["--csv", "operators.csv", &kws], 0),
        ("report", &["--json", "--", &kws], 0),
        ("fit", &[&[&*kws], &small[..]].concat(), 1),
        (
            "fit",
            &[&kws, "--board=nucleo_f401re", "--engine", "tflm"],
            0,
        ),
        ("header", &[&kws], 2),
        ("report", &["absent.tflite"], 3),
        ("resolver", &[&kws, "-o", "-", "--ops", "Softmax"], 0),
        ("repl", &["absent.dts"], 3),
    ];
    for (name, arguments, code) in cases {
        let own = SUBCOMMANDS.iter().find(|(n, _)| n == name).unwrap().1;
        let own = &[&[own], *arguments].concat();
        // Whether a file was written or found as it was to be is a difference of a first run.
        west.own(&folder, own);
        let through = west.castiron(&folder, &[&[*name], *arguments].concat());
        assert_eq!(through.code, Some(*code), "{name}: {through:?}");
        assert_eq!(through, west.own(&folder, own), "{name}");
    }
}

#[test]
fn files_are_castirons_own() {
    let Some(west) = west() else { return };
    let folder = west.folder("files");
    let kws = model("kws_dscnn_int8.tflite");
    for (name, own, extra) in [
        ("header", "gen-header", &["--style", "kenning"] as &[&str]),
        ("resolver", "gen-resolver", &[]),
    ] {
        let of = |command, file| [&[command, &*kws, "-q", "-o", file], extra].concat();
        let through = west.castiron(&folder, &of(name, "west.h"));
        assert_eq!(
            (through.code, &*through.out, &*through.err),
            (Some(0), "", "")
        );
        assert_eq!(west.own(&folder, &of(own, "own.h")).code, Some(0));
        let [ours, theirs] = ["west.h", "own.h"].map(|f| fs::read(folder.join(f)).unwrap());
        assert!(!ours.is_empty() && ours == theirs, "{name}");
    }
}

/// The command knows which options take a value: behind the others there may be a model.
#[test]
fn options_without_a_value_are_known() {
    let Some(west) = west() else { return };
    let folder = west.folder("flags");
    let source = super::workspace().join("zephyr-module/west/castiron_command.py");
    let source = fs::read_to_string(source).unwrap();
    let known = source.split("FLAGS = {").nth(1).unwrap();
    let known = known.split('}').next().unwrap();
    for (_, own) in SUBCOMMANDS {
        let help = west.own(&folder, &[own, "--help"]).out;
        let options = help.split("Examples:").next().unwrap();
        let options = options
            .lines()
            .map(str::trim)
            .filter(|l| l.starts_with('-') && !l.starts_with("- "));
        let mut found = 0;
        for option in options {
            // `-o, --output <FILE>`, or `--json  Print …`: a value comes right behind the name.
            let spelt = option.split("  ").next().unwrap();
            let takes_a_value = spelt.contains('<');
            for name in spelt.split([',', ' ']).filter(|s| s.starts_with('-')) {
                let quoted = format!("\"{name}\"");
                assert_eq!(known.contains(&quoted), !takes_a_value, "{own}: {option}");
                found += 1;
            }
        }
        assert!(found >= 8, "{own}: {help}");
    }
}
