//! `include_model!` of projects without the generator, which call this command.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use castiron_test_tools::{run, rustc, rustc_with, skipped};

use crate::support::{repository, sine, two_signatures};

/// What has to be a part of any path.
const ODD: &str = "it's \"für\" alle";

const MODEL: &str = "a \"modèl\".tflite";

/// A project outside of the workspace, and what cargo has built of it.
struct Project {
    folder: PathBuf,
    target: PathBuf,
    /// A folder that has the command alone.
    bin: PathBuf,
}

/// Cargo builds it once for all tests, and again where castiron has changed.
static PROJECT: LazyLock<Project> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("include_model");
    let project = Project {
        folder: root.join(ODD),
        target: root.join("target"),
        bin: root.join("bin").join(ODD),
    };
    fs::create_dir_all(project.folder.join("src")).unwrap();
    fs::create_dir_all(&project.bin).unwrap();
    // A copy is being written while other tests start programs, and such a file cannot be started.
    let _ = fs::remove_file(project.command());
    fs::hard_link(env!("CARGO_BIN_EXE_castiron"), project.command()).unwrap();
    let manifest = format!(
        "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
         [profile.dev]\ndebug = false\nincremental = false\n\
         [dependencies]\ncastiron = {{ path = {:?}, default-features = false }}\n",
        repository("castiron")
    );
    project.write("Cargo.toml", manifest);
    // The versions that this checkout is tested with, and nothing to download.
    project.write("Cargo.lock", fs::read(repository("Cargo.lock")).unwrap());
    project.write(MODEL, fs::read(sine()).unwrap());
    project.write(
        "src/main.rs",
        "castiron::include_model!(mod model = \"../a \\\"modèl\\\".tflite\");
        fn main() {
            let mut model = model::Model::new();
            let y = model::OUTPUT.dequantize(model.predict(&[model::INPUT.quantize(1.0)])[0]);
            println!(\"{y:.1}\");
        }",
    );
    run(&mut project.cargo("build"));
    project
});

impl Project {
    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.join(name), content).unwrap();
    }

    fn command(&self) -> PathBuf {
        self.bin.join("castiron")
    }

    /// Cargo, which finds the command on PATH.
    fn cargo(&self, what: &str) -> Command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(self.bin.clone()).chain(std::env::split_paths(&path));
        let mut command = Command::new(env!("CARGO"));
        command
            .args([what, "--quiet", "--offline"])
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("PATH", std::env::join_paths(path).unwrap())
            .env_remove("CASTIRON");
        command
    }

    /// A compiler for programs with this macro, which calls this command.
    fn rustc(&self, castiron_name: &str) -> Command {
        let mut rustc = rustc_with(&self.target.join("debug/deps"), castiron_name);
        rustc.env("CASTIRON", self.command());
        rustc
    }
}

#[test]
fn a_project_outside_of_the_workspace_runs_its_model() {
    assert_eq!(run(&mut PROJECT.cargo("run")), "0.8\n", "the sine of 1");
    // Cargo knows of the model, though another program has read it.
    PROJECT.write(MODEL, "");
    let output = PROJECT.cargo("build").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("the file is empty"),
        "{said}"
    );
    PROJECT.write(MODEL, fs::read(sine()).unwrap());
    assert_eq!(run(&mut PROJECT.cargo("run")), "0.8\n");
}

/// A compiler for programs with the workspace's own macro, which calls no command.
fn with_generator() -> Command {
    let mut rustc = rustc("castiron");
    rustc.env("CASTIRON", "no such command");
    rustc
}

fn kws() -> String {
    repository("examples/models/kws_dscnn_int8.tflite")
}

/// Calls with each option, and of each small model.
fn calls() -> String {
    let ops = "ops = crate::Ops";
    let delay = format!("{ops}, scratch = \"acme/delay=i16x6\", state = \"acme/delay=i16x6\"");
    let mut calls: Vec<(String, &str)> = [
        "labels = concat!(env!(\"LABELS\"), \".txt\")",
        "section = \".rodata.$weights,kws-1\"",
        "optimize = \"size\"",
        "optimize = \"speed\", isa = \"dsp\"",
        "isa = \"mve\"",
        "isa = \"rv32m\"",
        "max_arena = \"5200\", input_by = \"rows\"",
        "buffers = \"caller\"",
        "memories = { dtcm = 8k fast, sram = 256k, flash = 16k rom, qspi = 1M slow rom }",
        "without_pass = \"all\"",
        "without_pass = \"remove-channels\", without_pass = \"fold-constants\"",
        "engine = \"compiled\", crate = ::castiron",
    ]
    .map(|options| (kws(), options))
    .into();
    let data = |file: &str| repository(&format!("tests/data/{file}"));
    calls.extend([
        (
            data("models/dynamic_batch_flatten.tflite"),
            "shape = \"keras_tensor=2x8x8x2\"",
        ),
        (data("custom/relu_i8.tflite"), ops),
        (
            data("custom/relu_i8.tflite"),
            "ops = crate::Ops, crate = crate::deps",
        ),
        (data("custom/delay_i16.tflite"), &delay),
    ]);
    let models = fs::read_dir(data("models")).unwrap();
    let mut models: Vec<PathBuf> = models.map(|entry| entry.unwrap().path()).collect();
    models.sort();
    let models = models
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "tflite"));
    let models = models.filter(|path| !path.ends_with("unsupported.tflite"));
    calls.extend(models.map(|path| (path.display().to_string(), "")));
    assert!(calls.len() > 30);

    let mut text = "struct Ops; mod deps { pub use castiron::*; }\n".to_owned();
    for (number, (path, options)) in calls.iter().enumerate() {
        let comma = if options.is_empty() { "" } else { "," };
        writeln!(
            text,
            "castiron::include_model!(pub mod m{number} = {path:?}{comma} {options});"
        )
        .unwrap();
    }
    text
}

#[test]
fn both_ways_give_the_same_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let labels: String = (0..12).map(|i| format!("word {i}\n")).collect();
    fs::write(path("labels.txt"), labels).unwrap();
    fs::create_dir(path("out")).unwrap();
    fs::write(path("out/kws_dscnn_int8_bindings.rs"), "").unwrap();
    let [two, kws] = [two_signatures(), kws()];
    let configured = format!(
        "castiron::include_model!({two:?}); castiron::include_model!(pub mod other = by_name);"
    );
    // Without TFLM's bindings, whose names the compiler then misses.
    let tflm = format!("castiron::include_model!(pub mod kws = {kws:?}, engine = \"tflm\");");
    fs::create_dir(path("configured")).unwrap();
    let config = format!(
        "optimize = \"size\"\n[memories]\ntcm = \"16 fast\"\nram = \"1k\"\n[model.by_name]\nfile = {two:?}\noptimize = \"speed\"\n"
    );
    fs::write(path("configured/castiron.toml"), config).unwrap();
    for (name, folder, text) in [
        ("calls", "", calls()),
        ("configured", "configured", configured),
        ("tflm", "", tflm),
    ] {
        fs::write(path("lib.rs"), text).unwrap();
        let expanded = |mut rustc: Command| {
            rustc
                .args(["--crate-type=lib", "-Zunpretty=expanded"])
                .arg(path("lib.rs"))
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_MANIFEST_DIR", path(folder))
                .env("OUT_DIR", path("out"))
                .env("LABELS", path("labels"));
            let output = rustc.output().expect("rustc runs");
            let [code, said] = [output.stdout, output.stderr].map(String::from_utf8);
            (words(&code.unwrap()), said.unwrap())
        };
        let (code, said) = expanded(with_generator());
        // The newest library castiron may be that of a project which a document has, without the feature that reads the file.
        if said.contains("this build of castiron does not read it") {
            skipped("the newest castiron is built without `config`", false);
            continue;
        }
        assert!(name == "tflm" || said.is_empty(), "{name}: {said}");
        assert!(code.iter().any(|word| word == "predict(&mut"), "{name}");
        let (answered, said_of_it) = expanded(PROJECT.rustc("castiron"));
        let other = code.iter().zip(&answered).find(|(one, other)| one != other);
        assert_eq!(other, None, "{name}");
        assert_eq!(code.len(), answered.len(), "{name}");
        assert_eq!(said, said_of_it, "{name}");
    }
}

/// The words of code, with bytes in strings as `\xff`: the compiler's own tokens have `\x00` and `\xff` where those of other programs have `\0` and
/// `\xFF`, and lines end elsewhere for it.
fn words(code: &str) -> Vec<String> {
    let mut same = String::new();
    let mut rest = code.chars();
    while let Some(character) = rest.next() {
        same.push(character);
        if character != '\\' {
            continue;
        }
        match rest.next() {
            Some('0') => same += "x00",
            Some('x') => {
                let byte = rest.by_ref().take(2).collect::<String>();
                write!(same, "x{}", byte.to_lowercase()).unwrap();
            }
            other => same.extend(other),
        }
    }
    same.split_whitespace().map(str::to_owned).collect()
}

/// Every error of the macro, at its place.
#[test]
fn both_ways_give_the_same_errors() {
    let root = PathBuf::from(repository("castiron"));
    let temporary = tempfile::tempdir().unwrap();
    let program = temporary.path().join("program");
    let compiled = |file: &Path, castiron_name: &str| {
        let mut rustc = PROJECT.rustc(castiron_name);
        rustc.current_dir(&root).env("CARGO_MANIFEST_DIR", &root);
        rustc.arg("-o").arg(&program).arg(file);
        rustc.output().expect("rustc runs")
    };
    let mut errors = 0;
    for file in sources(&root, "tests/ui") {
        let said = compiled(&file, "castiron").stderr;
        let said = String::from_utf8(said)
            .unwrap()
            .replace(&root.display().to_string(), "$DIR");
        let snapshot = fs::read_to_string(root.join(file.with_extension("snap"))).unwrap();
        let expected = snapshot.splitn(3, "---\n").last().unwrap();
        assert!(
            said.starts_with(expected.trim_end()),
            "{}: {said}",
            file.display()
        );
        errors += 1;
    }
    assert!(errors > 20, "{errors} errors");
    for (folder, name) in [
        ("tests/ui/pass", "castiron"),
        ("tests/ui/renamed", "caster"),
    ] {
        for file in sources(&root, folder) {
            let output = compiled(&file, name);
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            run(&mut Command::new(&program));
        }
    }
}

/// The Rust files of a folder below another.
fn sources(root: &Path, folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name());
    let paths = names.map(|name| Path::new(folder).join(name));
    paths
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect()
}

#[test]
fn a_command_that_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let says = format!("[ \"$1\" = --version ] && echo castiron {version} && exit");
    let commands = [
        (
            "another version",
            "echo castiron 0.0.9; [ \"$1\" = --version ]".to_owned(),
        ),
        ("another program", "echo hello; echo bye".to_owned()),
        ("silent", String::new()),
        ("no --version", "exit 3".to_owned()),
        (
            "crash",
            format!("{says}; echo \"no\nmemory\" >&2; exit 101"),
        ),
        (
            "half an answer",
            format!("{says}; printf 'castiron {version}\\nmodule a\\nfn f() {{'"),
        ),
        (
            "no name",
            format!("{says}; printf 'castiron {version}\\nmodule 1\\n'"),
        ),
        (
            "no answer",
            format!("{says}; printf 'castiron {version}\\n'"),
        ),
    ];
    let mut text = String::new();
    let mut note = |name: &str, command: &Path| {
        let mut rustc = PROJECT.rustc("castiron");
        rustc
            .env("CASTIRON", command)
            .env("CARGO_MANIFEST_DIR", folder.path());
        let output = rustc.args(["--crate-type=lib", "--emit=metadata", "-o"]);
        let output = output
            .arg(folder.path().join("metadata"))
            .arg(folder.path().join("lib.rs"));
        let said = String::from_utf8(output.output().expect("rustc runs").stderr).unwrap();
        let said = said.replace(&folder.path().display().to_string(), "$DIR");
        let (said, _) = said
            .split_once("\nerror: aborting")
            .unwrap_or_else(|| panic!("{name}: {said}"));
        writeln!(text, "## {name}\n{said}").unwrap();
    };
    fs::copy(sine(), folder.path().join("sine.tflite")).unwrap();
    let source = "castiron::include_model!(\"sine.tflite\");";
    fs::write(folder.path().join("lib.rs"), source).unwrap();
    for (name, body) in commands {
        // A file that this program has written may be open in a program that it starts meanwhile, and then cannot be started.
        let path = folder.path().join(name);
        let script = format!("#!/bin/sh\n{body}\n");
        let mut write = Command::new("sh");
        write.args(["-c", "printf %s \"$1\" > \"$0\" && chmod +x \"$0\""]);
        run(write.arg(&path).arg(script));
        note(name, &path);
    }
    note("absent", &folder.path().join("absent"));
    insta::assert_snapshot!(text.replace(version, "VERSION"));
}
