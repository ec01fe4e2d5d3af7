//! `castiron.toml`: models by name, options for all of them, limits.

use std::fs;
use std::process::Output;

use crate::support::{Folder, castiron, sine, vae};

/// A folder with a model, and this file beside it.
fn project(text: &str) -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.path("models")).unwrap();
    fs::copy(vae(), folder.path("models/vae.tflite")).unwrap();
    fs::copy(sine(), folder.path("models/sine.tflite")).unwrap();
    folder.write("castiron.toml", text);
    folder
}

fn run(folder: &Folder, arguments: &[&str]) -> Output {
    let mut command = castiron(arguments);
    command.current_dir(folder.path("")).output().unwrap()
}

fn done(folder: &Folder, arguments: &[&str]) -> (String, String) {
    let output = run(folder, arguments);
    let [stdout, stderr] = [output.stdout, output.stderr].map(|t| String::from_utf8(t).unwrap());
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    (stdout, stderr)
}

fn failed(folder: &Folder, arguments: &[&str]) -> (i32, String) {
    let output = run(folder, arguments);
    assert!(!output.status.success(), "{arguments:?}");
    let code = output.status.code().unwrap();
    (code, String::from_utf8(output.stderr).unwrap())
}

const FLEET: &str = "\
[defaults]
board = \"nucleo_f401re\"

[model.encoder]
file = \"models/vae.tflite\"
optimize = \"size\"

[model.wave]
file = \"models/sine.tflite\"
memories = { tcm = \"16 fast\", ram = \"1k\" }
";

#[test]
fn commands_take_a_model_by_its_name() {
    let folder = project(FLEET);
    let commands: [&[&str]; 9] = [
        &["inspect", "encoder", "wave"],
        &["plan", "wave"],
        &["plan", "encoder", "--pareto"],
        &["fit", "encoder", "wave"],
        &["report", "encoder", "wave", "--format", "md", "-o", "-"],
        &["arena", "encoder"],
        &["gen-header", "encoder", "-o", "header.h"],
        &["gen-resolver", "encoder", "wave", "-o", "ops.h"],
        &["align", "encoder", "-o", "aligned.tflite"],
    ];
    for arguments in commands {
        let (_, said) = done(&folder, arguments);
        let entry = if arguments.contains(&"encoder") {
            "encoder is models/vae.tflite"
        } else {
            "wave is"
        };
        assert!(
            said.starts_with("note: ") && said.contains(entry),
            "{arguments:?}: {said}"
        );
        let (_, said) = done(&folder, &[arguments, &["--quiet"]].concat());
        assert_eq!(said, "", "{arguments:?}");
    }
    assert!(folder.read("header.h").contains("ENCODER_"));

    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&done(&folder, &[arguments, &["--json"]].concat()).0).unwrap()
    };
    // Each has its own options: an argument counts before them.
    let both = json(&["inspect", "wave", "encoder"]);
    assert_eq!(both[0]["compiled"]["memories"][0]["name"], "tcm");
    assert!(both[1]["compiled"].get("memories").is_none());
    let own = json(&["inspect", "wave", "--memory", "all=1k"]);
    assert_eq!(own["compiled"]["memories"][0]["name"], "all");
    // Kernels are those of the board.
    let program = |arguments: &[&str]| {
        done(
            &folder,
            &[&["generate", "--emit", "program"], arguments].concat(),
        )
        .0
    };
    let by_name = program(&["encoder"]);
    assert_eq!(
        by_name,
        program(&["models/vae.tflite", "--optimize", "size"])
    );
    assert_eq!(by_name, program(&["encoder", "--isa", "dsp+fp"]));
    assert_ne!(by_name, program(&["encoder", "--isa", "portable"]));

    // What a command cannot use of the file, it says.
    let (_, said) = done(&folder, &["fit", "wave"]);
    assert!(
        said.contains("memories of castiron.toml do not count"),
        "{said}"
    );
    let (_, said) = done(&folder, &["plan", "wave", "--pareto"]);
    assert!(
        said.contains("memories of castiron.toml does not count"),
        "{said}"
    );
    let (_, said) = done(&folder, &["plan", "models/vae.tflite"]);
    assert_eq!(said, "note: castiron.toml says what no option does\n");
}

#[test]
fn all_models_come_at_once() {
    let text = format!(
        "{FLEET}max-macs = 8\n[model.gone]\nfile = \"gone.tflite\"\n[model.again]\nfile = \"models/sine.tflite\"\n"
    );
    let folder = project(&text);
    let all = ["generate", "--all", "--out-dir", "out"];
    let output = run(&folder, &all);
    assert_eq!(output.status.code(), Some(1));
    let [table, said] = [output.stdout, output.stderr].map(|t| String::from_utf8(t).unwrap());
    for part in ["9 of 9 files written", "failed, see below"] {
        assert_eq!(table.matches(part).count(), 2, "{table}");
    }
    for part in [
        "at most 8, which castiron.toml, line 11, column 12 says (max-macs), found 152, 144 too many",
        "castiron.toml, line 13, column 8: the file does not exist",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // The others are there, each in its folder, and a second run leaves them.
    assert!(
        folder
            .read("out/encoder/encoder.rs")
            .contains("encoder.weights.bin")
    );
    assert!(folder.read("out/again/again_model.h").contains("AGAIN_"));
    assert!(!fs::exists(folder.path("out/wave")).unwrap());
    let written = || {
        fs::metadata(folder.path("out/encoder/encoder.rs"))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = written();
    let output = run(&folder, &[&all[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let models = json["models"].as_array().unwrap();
    let names: Vec<_> = models
        .iter()
        .map(|model| model["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["encoder", "wave", "gone", "again"]);
    assert_eq!(models[0]["files"][0]["changed"], false);
    assert_eq!(models[1]["diagnostics"].as_array().map(Vec::len), Some(1));
    assert_eq!(written(), before);

    let (code, said) = failed(&project(""), &all);
    assert!(code == 2 && said.contains("[model.NAME]"), "{said}");
}

/// The function is there where the file or an option asks for it, and nowhere else.
#[test]
fn weights_are_verified_where_somebody_asks() {
    let folder = project(&format!("{FLEET}verify = true\n"));
    done(&folder, &["generate", "--all", "--out-dir", "out"]);
    let has = |file: &str| folder.read(file).contains("pub fn verify() -> bool");
    assert!(has("out/wave/wave.rs") && !has("out/encoder/encoder.rs"));
    done(
        &folder,
        &["generate", "encoder", "--verify", "--out-dir", "one"],
    );
    assert!(has("one/encoder.rs"));
    for option in ["--verify", "--guards"] {
        let tflm = ["--engine", "tflm", "--tflm", "nowhere"];
        let lib = [&["lib", "wave", "--out-dir", "lib", option], &tflm[..]].concat();
        // What the file says of castiron's kernels is refused before.
        folder.write(
            "castiron.toml",
            "[model.wave]\nfile = \"models/sine.tflite\"\n",
        );
        let (code, message) = failed(&folder, &lib);
        assert!(
            code == 2 && message.contains(&format!("omit {option}")),
            "{message}"
        );
    }
    folder.write(
        "castiron.toml",
        "[model.wave]\nfile = \"models/sine.tflite\"\nverify = \"yes\"\n",
    );
    let (code, message) = failed(&folder, &["inspect", "wave"]);
    assert!(code == 1 && message.contains("verify = true"), "{message}");
}

#[test]
fn a_limit_that_is_exceeded_is_an_error() {
    for (key, parts) in [
        (
            "max-arena = 100",
            [
                "at most 100 bytes, which castiron.toml, line 3, column 13 says",
                "the nearest possible",
                "plan --pareto",
            ],
        ),
        (
            "max-flash = \"4k\"",
            [
                "code is estimated from Cortex-M4",
                "optimize = \"size\"",
                "`castiron lib`",
            ],
        ),
        (
            "max-flash = 512",
            ["of weights and", "raise max-flash to", "`castiron inspect`"],
        ),
        (
            "max-macs = 2500",
            [
                "found 2592, 92 too many",
                "line 3, column 12 says",
                "`castiron inspect`",
            ],
        ),
    ] {
        let folder = project(&format!(
            "[model.encoder]\nfile = \"models/vae.tflite\"\n{key}\n"
        ));
        for arguments in [
            &["generate", "encoder", "--out-dir", "out"][..],
            &["inspect", "encoder"],
            &["fit", "encoder", "--board", "nucleo_f401re"],
        ] {
            let (code, said) = failed(&folder, arguments);
            assert_eq!(code, 1, "{said}");
            assert_eq!(said.matches("error: ").count(), 1, "{said}");
            for part in parts {
                assert!(said.contains(part), "{arguments:?}, {part}: {said}");
            }
        }
        assert!(!fs::exists(folder.path("out")).unwrap());
        // An argument counts before the file.
        let (option, _) = key.split_once(' ').unwrap();
        done(
            &folder,
            &[
                "generate",
                "encoder",
                &format!("--{option}"),
                "100000",
                "--out-dir",
                "out",
            ],
        );
    }
}

#[test]
fn what_is_wrong_with_the_file_is_one_error() {
    let folder = project(FLEET);
    let (code, said) = failed(&folder, &["inspect", "encode"]);
    assert!(
        code == 1 && said.contains("expected encoder, wave\n  help: write encoder"),
        "{said}"
    );
    let folder = project("[model.a]\nfile = \"models/vae.tflite\"\nboard = \"nucleo_f401\"\n");
    let (code, said) = failed(&folder, &["inspect", "a"]);
    assert!(
        code == 1 && said.contains("castiron.toml, line 3, column 9: "),
        "{said}"
    );
    let (code, said) = failed(&folder, &["fit", "models/vae.tflite"]);
    assert!(code == 2 && said.contains("--board"), "{said}");
    let folder = project("[model.a]\nfile = \"models/vae.tflite\"\nengine = \"tflm\"\n");
    let (code, said) = failed(&folder, &["lib", "a", "--out-dir", "out"]);
    assert!(code == 2 && said.contains("--tflm"), "{said}");
    let folder = project("[model.a]\nfile = \"models/vae.tflite\"\n");
    let (code, said) = failed(
        &folder,
        &["lib", "a", "--cpu", "cortex-m7", "--out-dir", "out"],
    );
    assert!(
        code == 1 && said.contains("--target: thumbv7em-none-eabi"),
        "{said}"
    );
}

/// Three limits of one model, in one error each, by every command that shows more than the plan.
#[test]
fn all_limits_that_are_exceeded_are_said_at_once() {
    let folder = project(
        "[model.encoder]\nfile = \"models/vae.tflite\"\nmax-arena = 100\nmax-flash = 512\nmax-macs = 8\n",
    );
    let page = ["report", "encoder", "--format", "json", "-o", "report.json"];
    let comparison = ["diff", "models/sine.tflite", "encoder", "-o", "diff.txt"];
    let fit = [
        "fit",
        "encoder",
        "--board",
        "nucleo_f401re",
        "-o",
        "fit.txt",
    ];
    for (arguments, written) in [
        (&page[..], "report.json"),
        (&comparison, "diff.txt"),
        (&fit, "fit.txt"),
        (&["inspect", "encoder", "-o", "inspect.txt"], "inspect.txt"),
        (&["generate", "encoder", "--out-dir", "out"], ""),
    ] {
        let (code, said) = failed(&folder, arguments);
        assert_eq!((code, said.matches("error: ").count()), (1, 3), "{said}");
        for part in ["(max-arena)", "(max-flash)", "(max-macs)"] {
            assert!(said.contains(part), "{arguments:?}, {part}: {said}");
        }
        // What there is to see is written all the same.
        let is_there = fs::exists(folder.path(written)).unwrap();
        assert!(written.is_empty() || is_there, "{arguments:?}");
        if ["report", "diff", "fit"].contains(&arguments[0]) {
            let (_, said) = done(&folder, &[arguments, &["--limits", "warn"]].concat());
            assert_eq!(said.matches("warning: ").count(), 3, "{said}");
        }
    }
    assert!(!fs::exists(folder.path("out")).unwrap());
    // Figures are there beside what is beyond a limit.
    let report: serde_json::Value = serde_json::from_str(&folder.read("report.json")).unwrap();
    let compiled = &report["models"][0]["compiled"];
    assert_eq!(compiled["beyond_limits"].as_array().map(Vec::len), Some(3));
    assert!(compiled["arena_bytes"].as_u64() > Some(100));

    // It picks from those that keep their limits; 0 asks for the least arena.
    folder.write(
        "castiron.toml",
        "[model.encoder]\nfile = \"models/vae.tflite\"\nmax-macs = 8\n[model.wave]\nfile = \"models/sine.tflite\"\nmax-arena = 0\n",
    );
    let (picked, said) = done(&folder, &["report", "encoder", "wave", "--pick"]);
    assert_eq!(picked, "wave\n");
    assert!(said.contains("the only one of 2 that compiles"), "{said}");
    assert!(said.contains("as castiron.toml says"), "{said}");
    // A build can use what it printed.
    done(&folder, &["generate", picked.trim(), "--out-dir", "out"]);
    let json = done(&folder, &["report", "encoder", "wave", "--pick", "--json"]);
    assert!(json.0.contains("\"entry\": \"wave\""), "{}", json.0);
}

#[test]
fn each_model_is_held_against_its_own_board() {
    let folder = project(
        "[model.encoder]\nfile = \"models/vae.tflite\"\nboard = \"nucleo_f401re\"\n[model.wave]\nfile = \"models/sine.tflite\"\nboard = \"stm32f746g_disco\"\n",
    );
    let of = |arguments: &[&str]| -> serde_json::Value {
        let all = [&["report", "--format", "json"], arguments].concat();
        serde_json::from_str(&done(&folder, &all).0).unwrap()
    };
    let boards = |report: &serde_json::Value| -> Vec<(String, String, bool)> {
        let models = report["models"].as_array().unwrap().iter();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let of_one = |model: &serde_json::Value| {
            let fits = model["fit"]["fits"].as_bool().unwrap();
            (text(&model["name"]), text(&model["board"]), fits)
        };
        let mut all: Vec<_> = models.map(of_one).collect();
        all.sort();
        all
    };
    let own = of(&["encoder", "wave"]);
    assert_eq!(own.get("board"), None);
    let named = |name: &str, board: &str| (name.to_owned(), board.to_owned(), true);
    assert_eq!(
        boards(&own),
        [
            named("encoder", "nucleo_f401re"),
            named("wave", "stm32f746g_disco")
        ]
    );
    // Options name boards for all.
    let both = of(&[
        "wave",
        "--board",
        "nucleo_f401re",
        "--board",
        "stm32f746g_disco",
    ]);
    assert_eq!(
        boards(&both),
        [
            named("wave on nucleo_f401re", "nucleo_f401re"),
            named("wave on stm32f746g_disco", "stm32f746g_disco")
        ]
    );
    let (code, said) = failed(
        &folder,
        &[
            "report",
            "wave",
            "--board",
            "nucleo_f401re",
            "--board",
            "none",
            "--pick",
        ],
    );
    assert!(code == 1 && said.contains("unknown board"), "{said}");

    // What is fitted goes by the names of the file.
    folder.write(
        "castiron.toml",
        "[defaults]\nboard = \"nucleo_f401re\"\n[model.one]\nfile = \"models/vae.tflite\"\n[model.other]\nfile = \"models/vae.tflite\"\n",
    );
    let (text, _) = done(&folder, &["fit", "one", "other"]);
    assert!(
        text.contains("\none  ") && text.contains("\nother  "),
        "{text}"
    );
}

#[test]
fn a_section_is_a_name_in_every_language() {
    let folder = project("[model.wave]\nfile = \"models/sine.tflite\"\nsection = \".ext flash\"\n");
    let (code, said) = failed(&folder, &["inspect", "wave"]);
    let place = "castiron.toml, line 3, column 11: the section name cannot be used";
    assert!(code == 1 && said.contains(place), "{said}");
    for command in ["generate", "lib"] {
        let model = "models/sine.tflite";
        let options = ["--section", ".ext flash", "--out-dir", "out"];
        folder.write("castiron.toml", "");
        let (code, said) = failed(&folder, &[&[command, model][..], &options].concat());
        assert!(code == 1 && said.contains("the section name"), "{said}");
    }
}
