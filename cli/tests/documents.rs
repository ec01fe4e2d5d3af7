//! What documents tell a newcomer to do, done to the letter in an empty folder.
//!
//! `<!-- run -->` stands before commands that are run, and `<!-- file: NAME -->` before text that becomes a file, or is added to
//! one with `, appended`. This checkout takes the place of the repository, and what installs programs is left to the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use castiron_test_tools::{run, skipped, starts};

const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");
const KWS: &str = "examples/models/kws_dscnn_int8.tflite";

fn checkout() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap().to_owned()
}

/// What a document wants done.
enum Step {
    Run(String),
    File {
        name: String,
        append: bool,
        text: String,
    },
}

/// The marked blocks of a document.
fn steps(document: &str) -> Vec<Step> {
    let text = fs::read_to_string(checkout().join(document)).unwrap();
    let mut lines = text.lines();
    let mut steps = Vec::new();
    while let Some(line) = lines.next() {
        let Some(mark) = (line.strip_prefix("<!-- ")).and_then(|l| l.strip_suffix(" -->")) else {
            continue;
        };
        if mark != "run" && !mark.starts_with("file: ") {
            continue;
        }
        let fence = lines.next();
        assert!(
            fence.is_some_and(|l| l.starts_with("```")),
            "{document}: {line}"
        );
        let block: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
        steps.push(match mark.strip_prefix("file: ") {
            None => {
                let commands = block.iter().filter_map(|l| l.strip_prefix("$ "));
                Step::Run(commands.collect::<Vec<_>>().join("\n"))
            }
            Some(file) => {
                let name = file.strip_suffix(", appended");
                Step::File {
                    name: name.unwrap_or(file).to_owned(),
                    append: name.is_some(),
                    text: block.join("\n") + "\n",
                }
            }
        });
    }
    steps
}

/// A folder in which a document is followed.
struct Walk {
    /// The user's home, with nothing in it.
    home: tempfile::TempDir,
    /// Where the user is.
    folder: PathBuf,
}

impl Walk {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().to_owned();
        Self { home, folder }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Does what a document says, but for what `left_out` has; gives what the commands printed.
    fn follow(&mut self, document: &str, left_out: impl Fn(&str) -> bool) -> String {
        let mut said = String::new();
        for step in steps(document) {
            match step {
                Step::Run(commands) if left_out(&commands) => {}
                Step::Run(commands) => said += &self.run(&commands),
                Step::File { name, append, text } => {
                    let before = match append {
                        true => fs::read_to_string(self.folder.join(&name)).unwrap(),
                        false => String::new(),
                    };
                    self.write(&name, before + &here(&text));
                    if name == "Cargo.toml" {
                        // The versions that this checkout is tested with, and nothing to download.
                        let lock = fs::read(checkout().join("Cargo.lock")).unwrap();
                        self.write("Cargo.lock", lock);
                    }
                }
            }
        }
        said
    }

    /// Runs a block of commands, which may lead to another folder.
    fn run(&mut self, commands: &str) -> String {
        let end = self.home.path().join(".end");
        let script = format!("set -e\n{}\npwd > '{}'\n", here(commands), end.display());
        let said = run(self.command("bash").args(["-c", &script]));
        self.folder = fs::read_to_string(end).unwrap().trim_end().into();
        said
    }

    fn command(&self, program: &str) -> Command {
        let home = |variable: &str, folder: &str| {
            std::env::var_os(variable).unwrap_or_else(|| {
                let home = std::env::var_os("HOME").unwrap_or_default();
                Path::new(&home).join(folder).into()
            })
        };
        let castiron = Path::new(env!("CARGO_BIN_EXE_castiron")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(castiron.to_owned()).chain(std::env::split_paths(&path));
        // What is the same as in this checkout's own build is not built again: crates of the registry, without debugging
        // information.
        let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let mut command = Command::new(program);
        command
            .current_dir(&self.folder)
            .env("CARGO_HOME", home("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", home("RUSTUP_HOME", ".rustup"))
            .env("CARGO_TARGET_DIR", temporary.parent().unwrap())
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_PROFILE_DEV_BUILD_OVERRIDE_DEBUG", "0")
            .env("XDG_CACHE_HOME", temporary)
            .env("HOME", self.home.path())
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("CARGO_TERM_COLOR", "never");
        command
    }
}

/// A text with this checkout in place of the repository.
fn here(text: &str) -> String {
    let root = checkout();
    let root = root.display();
    let crates = [
        ("castiron", "castiron"),
        ("castiron-build", "build-support"),
    ];
    let mut text = text.replace(
        &format!("git clone {REPOSITORY}"),
        &format!("ln -s '{root}' castiron"),
    );
    for (name, folder) in crates {
        text = text.replace(
            &format!("{name} = {{ git = \"{REPOSITORY}\" }}"),
            &format!("{name} = {{ path = \"{root}/{folder}\" }}"),
        );
    }
    assert!(!text.contains(REPOSITORY), "{text}");
    text
}

/// Whether a tool is missing, which is said.
fn without(tools: &[&str]) -> bool {
    let missing = tools.iter().find(|tool| !starts(tool));
    if let Some(tool) = missing {
        skipped(&format!("no {tool} on this machine"), false);
    }
    missing.is_some()
}

/// Whether `cargo build` can compile for a target.
fn has_target(target: &str) -> bool {
    let mut rustc = Command::new("rustc");
    let found = rustc
        .args(["--print", "target-libdir", "--target", target])
        .output();
    let there = found.is_ok_and(|found| {
        found.status.success() && Path::new(String::from_utf8_lossy(&found.stdout).trim()).is_dir()
    });
    if !there {
        skipped(
            &format!("no library of Rust's for {target} on this machine"),
            false,
        );
    }
    there
}

/// Builds the generator once more for the macro, and once for a build script.
#[test]
fn a_model_in_rust() {
    if std::env::var_os("CASTIRON_REQUIRE_DOCUMENTS").is_none() {
        skipped(
            "CASTIRON_REQUIRE_DOCUMENTS=1 runs what takes a minute",
            false,
        );
        return;
    }
    if without(&["bash"]) {
        return;
    }
    let mut walk = Walk::new();
    let said = walk.follow("docs/rust-firmware.md", |_| false);
    let scores: Vec<f32> = said.lines().filter_map(|line| line.parse().ok()).collect();
    assert!(
        scores.len() == 2 && scores[0] == scores[1],
        "the macro and the build script: {said}"
    );
    // A build without warnings says so by a silent `cargo build` of what is touched.
    let sources = ["src/main.rs", "build.rs"];
    for source in sources {
        walk.write(source, fs::read(walk.folder.join(source)).unwrap());
    }
    let built = walk
        .command("cargo")
        .args(["build", "--quiet"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&built.stderr), "");
}

#[test]
fn firmware_to_copy() {
    if without(&["bash"]) {
        return;
    }
    let mut walk = Walk::new();
    walk.run(&format!("git clone {REPOSITORY}"));
    let runs = has_target("thumbv7em-none-eabihf") && !without(&["qemu-system-arm"]);
    let said = walk.follow("examples/cortex-m/README.md", |commands| {
        !runs && commands.starts_with("cargo run")
    });
    if runs {
        assert!(said.contains("sin(1.0) = +0.8"), "{said}");
    }
    // The manifest is whole, whatever the machine has.
    run(walk
        .command("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"]));
    assert!(walk.folder.join("memory.x").is_file() && !walk.folder.join("bench").exists());
}

#[test]
fn a_library_for_c() {
    if without(&["bash", "cc", "make"]) {
        return;
    }
    let mut walk = Walk::new();
    let labels: String = (0..12).map(|i| format!("word {i}\n")).collect();
    walk.write("labels.txt", labels);
    for name in ["kws.tflite", "vad.tflite", "magic_wand.tflite"] {
        walk.write(name, fs::read(checkout().join(KWS)).unwrap());
    }
    let firmware =
        has_target("thumbv7em-none-eabihf") && !without(&["arm-none-eabi-gcc", "qemu-system-arm"]);
    let said = walk.follow("docs/c-and-cpp.md", |commands| {
        !firmware && commands.contains("--target thumbv7em")
    });
    let passed = said.matches("self-test passed").count();
    assert_eq!(passed, 1 + usize::from(firmware), "{said}");
    let score = said
        .lines()
        .last()
        .and_then(|line| line.parse::<f32>().ok());
    assert!(
        score.is_some_and(|score| (0.0..=1.0).contains(&score)),
        "{said}"
    );
}

#[test]
fn a_model_with_cmake() {
    if without(&["bash", "cc", "cmake", "ninja"]) {
        return;
    }
    let mut walk = Walk::new();
    walk.run(&format!("git clone {REPOSITORY}"));
    walk.write("kws.tflite", fs::read(checkout().join(KWS)).unwrap());
    let said = walk.follow("docs/cmake.md", |_| false);
    assert!(
        said.contains("[4/4] Linking C executable listener"),
        "{said}"
    );
    let listener = walk.folder.join("build/listener");
    run(&mut walk.command(listener.to_str().unwrap()));
}

/// `cargo install` takes minutes; that what it names is there does not.
#[test]
fn documents_install_what_there_is() {
    let install = format!(
        "cargo install --git {REPOSITORY} {}",
        env!("CARGO_PKG_NAME")
    );
    for document in ["README.md", "docs/cli.md", "cli/README.md"] {
        let text = fs::read_to_string(checkout().join(document)).unwrap();
        assert!(
            text.contains(&install) && text.contains("--path cli"),
            "{document}"
        );
        // Nothing is in the registry before it is published.
        assert!(!text.contains("cargo install castiron"), "{document}");
    }
}
