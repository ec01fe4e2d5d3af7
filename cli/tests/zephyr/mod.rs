//! Real Zephyr builds, run in QEMU and Renode: castiron's own example, and Kenning Zephyr Runtime's.
//!
//! They run where `ZEPHYR_BASE` names a Zephyr tree, with the toolchain that Zephyr's own variables name. `ZEPHYR_MODULES`
//! lists modules, with semicolons between, for a tree that is not in a west workspace (Arm boards need CMSIS; tflite-micro of
//! Zephyr's is compiled where it is listed), and `ZEPHYR_CMAKE_ARGUMENTS` more arguments for CMake, with spaces between.
//! `CASTIRON_REQUIRE_ZEPHYR` makes a reason to skip a failure.

mod application;
mod kenning;
mod simulator;

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use castiron_test_tools::{skipped, starts};

const CASTIRON: &str = env!("CARGO_BIN_EXE_castiron");
/// The board of all builds, which `Simulator::qemu` emulates.
const BOARD: &str = "mps2/an385";

fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap().to_owned()
}

/// Whether something that all these tests need, or one of these variables, is missing; then says so.
fn missing(variables: &[&str]) -> bool {
    let unset = |name: &&&str| env::var_os(name).is_none_or(|value| value.is_empty());
    let mut names = ["ZEPHYR_BASE"].iter().chain(variables);
    let mut tools = ["cmake", "ninja", "qemu-system-arm"].iter();
    let reason = if let Some(name) = names.find(unset) {
        format!("{name} is not set")
    } else if let Some(tool) = tools.find(|tool| !starts(tool)) {
        format!("no {tool} on this machine")
    } else {
        return false;
    };
    skipped(&reason, required());
    true
}

/// Whether what is missing makes a test fail.
fn required() -> bool {
    env::var_os("CASTIRON_REQUIRE_ZEPHYR").is_some()
}

/// The folder of one of the modules that `ZEPHYR_MODULES` lists.
fn module(name: &str) -> Option<PathBuf> {
    let list = env::var("ZEPHYR_MODULES").unwrap_or_default();
    let mut folders = list.split(';').map(PathBuf::from);
    folders.find(|folder| folder.ends_with(name))
}

/// `cmake`, with what the environment says about Zephyr; `modules` are added to those.
fn cmake(build: &Path, source: &Path, board: &str, modules: &[&OsStr]) -> Command {
    let mut command = Command::new("cmake");
    command
        .arg("-GNinja")
        .arg("-B")
        .arg(build)
        .arg("-S")
        .arg(source);
    command.arg(format!("-DBOARD={board}"));
    if let Some(list) = env::var_os("ZEPHYR_MODULES") {
        command.arg(definition("ZEPHYR_MODULES", &list));
    }
    command.arg(definition(
        "EXTRA_ZEPHYR_MODULES",
        &modules.join(OsStr::new(";")),
    ));
    let further = env::var("ZEPHYR_CMAKE_ARGUMENTS").unwrap_or_default();
    command.args(further.split_whitespace());
    command
}

fn definition(name: &str, value: &OsStr) -> OsString {
    let mut argument = OsString::from(format!("-D{name}="));
    argument.push(value);
    argument
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[track_caller]
fn done(output: &Output) -> String {
    let said = text(output);
    assert!(output.status.success(), "{said}");
    said
}
