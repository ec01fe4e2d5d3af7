//! What outputs may replace, where they may go, and what is left when something is in the way.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Ends as _, Folder, castiron, failure, repository, sine, stdout};

const RULES: &str = "[[ignore]]\ncompatible = \"nobody,nothing\"\nwhy = \"a test\"\n";
const SPECIFICATION: &str = r#"{
  "input": [{ "name": "x", "shape": [1, 1], "dtype": "int8", "scale": 0.02, "zero_point": 0 }],
  "output": [{ "name": "y", "shape": [1, 1], "dtype": "int8", "scale": 0.02, "zero_point": 0 }]
}"#;

/// A folder with one of everything that commands read, under these names.
fn inputs() -> Folder {
    let folder = Folder::new();
    folder.write("m.tflite", fs::read(sine()).unwrap());
    let dts = fs::read(repository("board/tests/data/dts/an385.dts")).unwrap();
    folder.write("d.dts", dts);
    folder.write("l.txt", "sine\n");
    folder.write("r.toml", RULES);
    folder.write("s.json", SPECIFICATION);
    folder.write("i.bin", [0]);
    folder.write("e.elf", "firmware");
    folder.write("p.yml", "b:\n  ram_size_kb: 64\n");
    folder
}

/// Commands in which OUT is to be an input of theirs: the one behind the colon.
const COMMANDS: &str = "\
m.tflite: gen-header m.tflite -o OUT
m.tflite: gen-header m.tflite --style kenning -o OUT
m.tflite: gen-header m.tflite -o x.h --depfile OUT
l.txt: gen-header m.tflite --labels l.txt -o OUT
m.tflite: gen-resolver m.tflite -o OUT
m.tflite: inspect m.tflite -o OUT
m.tflite: inspect m.tflite --csv OUT
m.tflite: plan m.tflite -o OUT
m.tflite: plan m.tflite --svg OUT
m.tflite: plan m.tflite --embed -o OUT
m.tflite: arena m.tflite -o OUT
m.tflite: align m.tflite -o OUT
m.tflite: fit m.tflite --dts d.dts -o OUT
d.dts: fit m.tflite --dts d.dts -o OUT
p.yml: fit m.tflite --board b --platforms p.yml -o OUT
m.tflite: generate m.tflite --out-dir x --depfile OUT
m.tflite: gen-cpp m.tflite --out-dir x --depfile OUT
m.tflite: run m.tflite --input i.bin --out-dir x --depfile OUT
i.bin: run m.tflite --input i.bin --out-dir x --depfile OUT
d.dts: board-repl d.dts -o OUT
d.dts: board-repl d.dts -o x.repl --resc OUT
r.toml: board-repl d.dts --rules r.toml -o OUT
e.elf: board-repl d.dts -o OUT --resc x.resc --elf e.elf
d.dts: memory-overlay d.dts --sram-kb 8192 -o OUT
m.tflite: build_tflite.py --model-path m.tflite --output-model-path OUT
m.tflite: build_tflite.py --model-path m.tflite --output-resolver-path OUT --output-model-path x
s.json: io_spec_to_struct.py -i s.json -o OUT";

#[test]
fn no_command_replaces_what_it_reads() {
    let folder = inputs();
    let before = folder.files();
    let run = |arguments: &str, out: &str| {
        let words: Vec<&str> = arguments
            .split(' ')
            .map(|w| if w == "OUT" { out } else { w })
            .collect();
        let output = castiron(&words)
            .current_dir(folder.path(""))
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), stderr)
    };
    for line in COMMANDS.lines() {
        let (input, arguments) = line.split_once(": ").unwrap();
        let content = fs::read(folder.path(input)).unwrap();
        let [hard, soft] = ["hard", "soft"].map(|name| folder.path(name));
        fs::hard_link(folder.path(input), &hard).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(input, &soft).unwrap();
        let absolute = folder.path(input);
        for out in [input, &format!("./{input}"), &absolute, "hard", "soft"] {
            if out == "soft" && !cfg!(unix) {
                continue;
            }
            let (code, stderr) = run(arguments, out);
            assert_eq!(code, Some(2), "{line}, {out}: {stderr}");
            assert!(
                stderr.contains("would replace its own input"),
                "{line}, {out}: {stderr}"
            );
            assert_eq!(
                fs::read(folder.path(input)).unwrap(),
                content,
                "{line}, {out}"
            );
        }
        fs::remove_file(hard).unwrap();
        let _ = fs::remove_file(soft);
        assert_eq!(folder.files(), before, "{line}");
    }
    // Standard input is a file, too.
    let model = fs::File::open(folder.path("m.tflite")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_castiron"));
    command
        .args(["gen-resolver", "-", "-o", "m.tflite"])
        .current_dir(folder.path(""));
    let output = command.stdin(model).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("m.tflite is standard input"), "{stderr}");
}

#[test]
fn two_outputs_are_two_files() {
    let folder = inputs();
    for arguments in [
        &["inspect", "m.tflite", "-o", "x", "--csv", "./x"][..],
        &["plan", "m.tflite", "-o", "x", "--svg", "new/../x"],
        &["gen-header", "m.tflite", "-o", "x.h", "--depfile", "x.c"],
        &["gen-header", "m.tflite", "-o", "x.c"],
        &["board-repl", "d.dts", "-o", "x", "--resc", "x"],
    ] {
        let output = castiron(arguments).current_dir(folder.path("")).fails(2);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains("two outputs would go"), "{stderr}");
    }
    assert_eq!(folder.files().len(), 8);
}

#[test]
fn files_that_castiron_did_not_make_stay() {
    let folder = inputs();
    let run = |arguments: &[&str]| {
        let output = castiron(arguments)
            .current_dir(folder.path(""))
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), stderr)
    };
    let header = ["gen-header", "m.tflite", "-o", "x.h"];
    folder.write("x.c", "int mine;\n");
    let (code, stderr) = run(&header);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(
        stderr.contains("x.c: castiron would replace a file that it did not make"),
        "{stderr}"
    );
    assert!(!folder.files().contains(&"x.h".to_owned()));
    assert_eq!(run(&[&header[..], &["--force"]].concat()).0, Some(0));
    assert_eq!(run(&header).0, Some(0));

    for (command, names) in [
        (
            "generate",
            &[
                "m.rs",
                "m_model.c",
                "model_data.h",
                "ops_resolver.h",
                "plan.json",
                "plan.svg",
                "report.json",
            ][..],
        ),
        (
            "gen-cpp",
            &[
                "m_tflm.h",
                "m_tflm.cc",
                "m_tflm_weights.cc",
                "castiron_tflm.h",
                "castiron_tflm.cc",
            ],
        ),
    ] {
        let all = [command, "m.tflite", "--out-dir", command];
        for name in names {
            fs::create_dir_all(folder.path(command)).unwrap();
            folder.write(&format!("{command}/{name}"), "{\"mine\": 1}");
            let (code, stderr) = run(&all);
            assert_eq!(code, Some(3), "{name}: {stderr}");
            assert!(
                stderr.contains(&format!(
                    "{name}: castiron would replace a file that it did not make"
                )),
                "{stderr}"
            );
            assert_eq!(
                fs::read_dir(folder.path(command)).unwrap().count(),
                1,
                "{name}"
            );
            fs::remove_dir_all(folder.path(command)).unwrap();
        }
        // What castiron made it replaces: with other content, which another name of the model gives.
        assert_eq!(run(&all).0, Some(0));
        folder.write(
            "m.tflite",
            fs::read(repository("examples/models/vae_int8.tflite")).unwrap(),
        );
        assert_eq!(run(&all), (Some(0), String::new()));
        folder.write("m.tflite", fs::read(sine()).unwrap());
    }
}

#[cfg(unix)]
#[test]
fn a_read_only_file_stays() {
    use std::os::unix::fs::PermissionsExt;
    let folder = inputs();
    let file = folder.write("x.h", "mine");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let (code, stderr) = failure(&["gen-resolver", &sine(), "-o", &file]);
    assert_eq!(code, 3);
    assert!(
        stderr.contains("read-only") && stderr.contains("permissions"),
        "{stderr}"
    );
    assert_eq!(folder.read("x.h"), "mine");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_takes_the_artefact_alone() {
    let folder = inputs();
    let expected = stdout(&["gen-resolver", &sine(), "-o", "-"]);
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        if !Path::new(name).exists() {
            castiron_test_tools::skipped(&format!("{name}, which this system has not"), false);
            continue;
        }
        assert_eq!(
            stdout(&["gen-resolver", &sine(), "-o", name]),
            expected,
            "{name}"
        );
        let file = fs::File::create(folder.path("redirected")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_castiron"));
        let status = command
            .args(["gen-resolver", &sine(), "-o", name])
            .stdout(file)
            .status();
        assert!(status.unwrap().success());
        assert_eq!(folder.read("redirected"), expected, "{name}");
    }
    castiron(&["gen-resolver", &sine(), "-o", "/dev/null"]).success();
    castiron(&["inspect", &sine(), "-o", "/dev/null", "--csv", "/dev/null"]).success();
    for name in ["/dev/null", "/dev/stdout"] {
        // The second file of this style would be made beside them.
        let (code, stderr) = failure(&["gen-header", &sine(), "-o", name]);
        assert_eq!(code, 2);
        assert!(stderr.contains("two files"), "{stderr}");
    }
    if Path::new("/dev/full").exists() {
        let header = folder.path("x.h");
        let (code, stderr) = failure(&[
            "gen-header",
            &sine(),
            "-o",
            &header,
            "--depfile",
            "/dev/full",
        ]);
        assert_eq!(code, 3);
        assert!(stderr.contains("make room"), "{stderr}");
        assert!(!Path::new(&header).exists());
    }
    let pipe = pipe(&folder);
    let reader = std::thread::spawn(move || fs::read_to_string(pipe).unwrap());
    castiron(&["gen-resolver", &sine(), "-o", &folder.path("pipe")]).success();
    assert_eq!(reader.join().unwrap(), expected);
}

#[cfg(unix)]
fn pipe(folder: &Folder) -> String {
    let path = folder.path("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    path
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_nothing() {
    let folder = inputs();
    // The limit on the size of files stands for the disk: it takes some of the files, and not all.
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args([
            "-c",
            script,
            env!("CARGO_BIN_EXE_castiron"),
            "generate",
            "m.tflite",
        ])
        .args(["--out-dir", "new/folder"])
        .current_dir(folder.path(""))
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert_eq!(stderr.matches("error:").count(), 1, "{stderr}");
    assert_eq!(folder.files().len(), 8, "{:?}", folder.files());
    let (code, stderr) = failure(&["generate", &sine(), "--out-dir", "/proc/castiron"]);
    assert_eq!((code, stderr.matches("error:").count()), (3, 1), "{stderr}");
}

/// Waits for something, and not for ever.
fn until(what: &str, mut there: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !there() {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "{what} did not come"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(unix)]
fn send(signal: &str, child: &Child) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap()
            .success()
    );
}

#[cfg(unix)]
#[test]
fn signals_leave_nothing_behind() {
    use std::os::unix::process::ExitStatusExt;
    for (name, number) in [("-INT", 2), ("-TERM", 15), ("-HUP", 1), ("-QUIT", 3)] {
        let folder = inputs();
        // It waits for who reads the pipe, with its files half done.
        pipe(&folder);
        // Whoever runs the tests in the background may ignore signals, and castiron does so, too.
        let mut command = match Command::new("env")
            .args(["--default-signal", "true"])
            .status()
        {
            Ok(status) if status.success() => {
                let mut command = Command::new("env");
                command.args(["--default-signal", env!("CARGO_BIN_EXE_castiron")]);
                command
            }
            _ if name == "-TERM" => Command::new(env!("CARGO_BIN_EXE_castiron")),
            _ => {
                castiron_test_tools::skipped(
                    &format!("{name}, as `env` has no --default-signal"),
                    false,
                );
                continue;
            }
        };
        let mut child = command
            .args(["gen-header", "m.tflite", "-o", "x.h", "--depfile", "pipe"])
            .current_dir(folder.path(""))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let temporary = || {
            folder
                .files()
                .iter()
                .filter(|n| n.starts_with(".castiron-"))
                .count()
        };
        until("the temporary files", || temporary() == 2);
        send(name, &child);
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(number), "{name}: {status}");
        assert_eq!(folder.files().len(), 9, "{name}: {:?}", folder.files());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_is_ignored_stays_so() {
    let folder = inputs();
    let path = pipe(&folder);
    let script = "trap '' INT HUP; exec \"$0\" \"$@\"";
    let mut child = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_castiron")])
        .args(["gen-header", "m.tflite", "-o", "x.h", "--depfile", "pipe"])
        .current_dir(folder.path(""))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let temporary = || {
        folder
            .files()
            .iter()
            .filter(|n| n.starts_with(".castiron-"))
            .count()
    };
    until("the temporary files", || temporary() == 2);
    send("-INT", &child);
    send("-HUP", &child);
    assert!(fs::read_to_string(path).unwrap().contains("x.h"));
    assert!(child.wait().unwrap().success());
    assert_eq!(temporary(), 0);
    assert!(folder.files().contains(&"x.c".to_owned()));
}

#[cfg(unix)]
#[test]
fn the_folder_to_validate_in_goes_with_a_signal() {
    let folder = Folder::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_castiron"))
        .args([
            "validate",
            &sine(),
            "--offline",
            "--build-dir",
            &folder.path("build"),
        ])
        .env("TMPDIR", folder.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let there = || {
        folder
            .files()
            .iter()
            .any(|n| n.starts_with("castiron-validate-"))
    };
    until("the folder", there);
    send("-TERM", &child);
    child.wait().unwrap();
    assert!(!there());
}

/// Names that are odd to make or ninja, and can be written so that both read them.
const ODD: [&str; 6] = [
    "a b",
    "a#b",
    "a$b",
    "a:b",
    "lr=0.1,bs=2",
    "a%b~c@d(e)[f]{g}!",
];

#[cfg(unix)]
#[test]
fn make_and_ninja_read_depfiles() {
    for name in ODD {
        let folder = inputs();
        folder.write("k.txt", "sine\n");
        fs::create_dir(folder.path(name)).unwrap();
        let model = format!("{name}/m.tflite");
        fs::rename(folder.path("m.tflite"), folder.path(&model)).unwrap();
        // Also alone, where make takes a = for that of a variable.
        let alone = ["gen-resolver", &model, "-o", "x.r", "--depfile", "x.d"];
        let mut alone = castiron(&alone);
        alone.current_dir(folder.path("")).success();
        by_make(&folder, "x.r", &model);
        // Also as the target, where make can name it at all.
        let header = match name.contains(['=', '%']) {
            true => "x.h".to_owned(),
            false => format!("{name}/x.h"),
        };
        castiron(&[
            "gen-header",
            &model,
            "--labels",
            "k.txt",
            "-o",
            &header,
            "--depfile",
            "x.d",
        ])
        .current_dir(folder.path(""))
        .success();
        by_make(&folder, &header, &model);
        by_ninja(&folder, &model);
    }
    for name in ["a\nb", "a;b", "a|b", "a\tb"] {
        let folder = Folder::new();
        let model = folder.write(&format!("{name}.tflite"), fs::read(sine()).unwrap());
        let depfile = folder.path("x.d");
        let arguments = [
            "gen-resolver",
            &model,
            "-o",
            "-",
            "--depfile",
            &depfile,
            "--depfile-target",
            "x",
        ];
        let (code, stderr) = failure(&arguments);
        assert_eq!(code, 2);
        assert!(stderr.contains("make and ninja cannot read"), "{stderr}");
        assert!(!Path::new(&depfile).exists());
    }
}

/// Whether make makes the header again when the model changes, and only then.
fn by_make(folder: &Folder, header: &str, model: &str) {
    // Later than castiron itself, which outputs may be made from, too.
    let now = std::time::SystemTime::now();
    let touch = |name: &str, seconds: u64| {
        let file = fs::File::options()
            .write(true)
            .open(folder.path(name))
            .unwrap();
        file.set_modified(now + Duration::from_secs(seconds))
            .unwrap();
    };
    let make = || {
        let mut make = Command::new("make");
        make.args(["-f", "Makefile", "-q", header])
            .current_dir(folder.path(""));
        make.output().ok()?.status.code()
    };
    folder.write("Makefile", folder.read("x.d") + "\tfalse\n");
    for name in [model, "k.txt"] {
        touch(name, 1);
    }
    touch(header, 2);
    match make() {
        None => castiron_test_tools::skipped("make, which is not there", false),
        Some(code) => {
            assert_eq!(code, 0, "{header}: not up to date");
            touch(model, 3);
            assert_eq!(
                make(),
                Some(1),
                "{header}: the change of {model} is not seen"
            );
        }
    }
}

/// Whether ninja finds the model in the rule.
fn by_ninja(folder: &Folder, model: &str) {
    folder.write("source.d", folder.read("x.d"));
    let rule = "rule copy\n  command = cp source.d y.d && touch y\n  depfile = y.d\n  deps = gcc\nbuild y: copy\n";
    folder.write("build.ninja", rule);
    let ninja = |arguments: &[&str]| {
        let mut ninja = Command::new("ninja");
        ninja
            .args(arguments)
            .current_dir(folder.path(""))
            .output()
            .ok()
    };
    if ninja(&[]).is_none() {
        castiron_test_tools::skipped("ninja, which is not there", false);
        return;
    }
    let output = ninja(&["-t", "deps", "y"]).unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.lines().any(|line| line.trim() == model),
        "{model}: {stdout}"
    );
}

/// Packed weights have no place for a mark: castiron knows them by the module beside them.
#[test]
fn weights_do_not_replace_a_file_of_that_name() {
    let folder = Folder::new();
    let out = folder.path("");
    let weights = folder.write("sine_int8.weights.bin", "mine");
    let generate = ["generate", &sine(), "--out-dir", &out];
    let (code, said) = failure(&generate);
    let problem = "sine_int8.weights.bin: castiron would replace a file that it did not make";
    assert!(code == 3 && said.contains(problem), "{said}");
    assert_eq!(folder.files(), ["sine_int8.weights.bin"]);
    castiron(&[&generate[..], &["--force"]].concat()).success();
    let made = fs::read(&weights).unwrap();
    // Its own, of whatever content, it replaces.
    fs::write(&weights, "old").unwrap();
    castiron(&generate).success();
    assert_eq!(fs::read(&weights).unwrap(), made);
}
