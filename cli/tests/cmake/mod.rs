//! The functions of `zephyr-module/cmake` in plain CMake: projects that ninja and make build.
//!
//! `CASTIRON_REQUIRE_CMAKE` makes a tool that is missing a failure.

mod changes;
mod command;
mod custom;
mod errors;
mod example;
mod find;
mod renode;
mod targets;
mod tflm;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use castiron_test_tools as tools;
use tempfile::TempDir;

const HEAD: &str = "cmake_minimum_required(VERSION 3.20)
project(minimal LANGUAGES C)
find_package(castiron REQUIRED CONFIG)
";
const SINE: &str = "examples/models/sine_int8.tflite";
const KWS: &str = "examples/models/kws_dscnn_int8.tflite";

/// Whether one of the tools is missing, which is said, and a failure where all have to be there.
fn without(tools: &[&str]) -> bool {
    let Some(missing) = tools.iter().find(|tool| !tools::starts(tool)) else {
        return false;
    };
    let required = std::env::var_os("CASTIRON_REQUIRE_CMAKE").is_some();
    tools::skipped(&format!("no {missing} on this machine"), required);
    true
}

/// One of the project's files.
fn shipped(name: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap().join(name)
}

/// The command.
fn castiron() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_castiron"))
}

/// What a command prints, when it succeeds.
fn succeeds(command: &mut Command) -> String {
    let out = command.output().unwrap();
    let text = said(&out);
    assert!(out.status.success(), "{command:?}\n{text}");
    text
}

/// What a command prints, when it fails.
fn fails(command: &mut Command) -> String {
    let out = command.output().unwrap();
    let text = said(&out);
    assert!(!out.status.success(), "{command:?}\n{text}");
    text
}

fn said(out: &Output) -> String {
    let text = [&out.stdout, &out.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    text.concat()
}

/// CMake, with nothing of the environment that would change what it does.
fn cmake() -> Command {
    let mut command = Command::new("cmake");
    for variable in [
        "CMAKE_GENERATOR",
        "CFLAGS",
        "CC",
        "MAKEFLAGS",
        "NINJA_STATUS",
    ] {
        command.env_remove(variable);
    }
    // One folder for all tests that compile libraries: what they have in common is compiled once.
    let cache = env!("CARGO_TARGET_TMPDIR");
    command.env("XDG_CACHE_HOME", cache).env("LC_ALL", "C");
    command
}

/// A project in a folder of its own, whose name has a space in it.
struct Project {
    folder: TempDir,
}

impl Project {
    /// A project of this CMakeLists.txt behind the usual head.
    fn new(lists: &str) -> Self {
        Self::of(&format!("{HEAD}{lists}"))
    }

    fn of(lists: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("a project ")
            .tempdir()
            .unwrap();
        let project = Self { folder };
        project.write("CMakeLists.txt", lists);
        project.write("main.c", "int main(void) { return 0; }\n");
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // What has just been built has to be older by a tick of the file system's clock.
        std::thread::sleep(Duration::from_millis(10));
        std::fs::write(path, content).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        let path = self.path(name);
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Copies one of the project's files.
    fn take(&self, shipped_name: &str, name: &str) {
        self.write(name, std::fs::read(shipped(shipped_name)).unwrap());
    }

    /// A command that configures the project.
    fn configuring(&self, generator: &str) -> Command {
        let mut command = cmake();
        command
            .args(["-G", generator, "-B", "build"])
            .arg(define("castiron_DIR", shipped("zephyr-module/cmake")))
            .arg(define("CASTIRON_EXECUTABLE", castiron()))
            .current_dir(self.folder.path());
        command
    }

    fn configure(&self, generator: &str) {
        succeeds(&mut self.configuring(generator));
    }

    fn building(&self, arguments: &[&str]) -> Command {
        let mut command = cmake();
        command
            .args(["--build", "build"])
            .args(arguments)
            .current_dir(self.folder.path());
        command
    }

    /// Builds, and what that took, sorted.
    fn build(&self) -> Vec<String> {
        self.build_with(&["-j", "2"])
    }

    fn build_with(&self, arguments: &[&str]) -> Vec<String> {
        steps(&succeeds(&mut self.building(arguments)))
    }

    /// Builds, which has to do nothing.
    fn is_built(&self) {
        assert_eq!(self.build(), [""; 0]);
    }

    /// Makes a file newer than anything.
    fn touch(&self, name: &str) {
        self.write(name, self.read(name));
    }

    fn run(&self, program: &str) -> String {
        succeeds(&mut Command::new(self.path("build").join(program)))
    }
}

fn define(name: &str, value: impl AsRef<OsStr>) -> String {
    format!("-D{name}={}", value.as_ref().to_str().unwrap())
}

/// What ninja and make say they do: `[2/5] Linking C executable app`, `[ 40%] …`.
fn steps(text: &str) -> Vec<String> {
    let mut steps: Vec<String> = (text.lines())
        .filter_map(|line| line.strip_prefix('[')?.split_once("] "))
        .map(|(_, step)| step.to_owned())
        .filter(|step| !step.starts_with("Built target"))
        .collect();
    steps.sort();
    steps
}
