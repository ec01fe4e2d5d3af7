//! The example, here and in the emulator.

use std::process::Command;

use castiron_build::toolchain::{Purpose, Toolchain};
use castiron_test_tools as tools;

use super::{castiron, cmake, define, shipped, succeeds, without};

/// Configures, builds and runs the example, which checks itself.
fn passes(arguments: &[&str]) {
    let build = tempfile::tempdir().unwrap();
    let mut configuring = cmake();
    configuring
        .args(["-G", "Ninja", "-S"])
        .arg(shipped("examples/cmake-c"))
        .arg("-B")
        .arg(build.path())
        .arg(define("CASTIRON_EXECUTABLE", castiron()))
        .args(arguments);
    succeeds(&mut configuring);
    let target = |name: &str| {
        let mut command = cmake();
        command
            .arg("--build")
            .arg(build.path())
            .args(["--target", name]);
        succeeds(&mut command)
    };
    let said = target("run");
    assert!(said.contains("self-test: passed\n"), "{said}");
    assert!(target("all").contains("no work to do"), "{arguments:?}");
}

#[test]
fn the_example_runs_here() {
    if !without(&["cmake", "ninja", "cc"]) {
        passes(&[]);
    }
}

#[test]
fn the_example_runs_on_an_emulated_cortex_m3() {
    if without(&["cmake", "ninja", "arm-none-eabi-gcc", "qemu-system-arm"]) {
        return;
    }
    if let Err(error) = Toolchain::detect(Some("thumbv7m-none-eabi"), Purpose::Library) {
        let required = std::env::var_os("CASTIRON_REQUIRE_FIRMWARE").is_some();
        tools::skipped(&error.to_string(), required);
        return;
    }
    passes(&["-DCMAKE_TOOLCHAIN_FILE=cortex-m3.cmake"]);
}

/// The example's start and linker script are what people begin with, and many of them write C++.
#[test]
fn the_linker_script_takes_cpp() {
    if without(&["arm-none-eabi-gcc", "arm-none-eabi-g++", "qemu-system-arm"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(
        at("main.cpp"),
        "#include <cstdio>
#include <string>
struct Before { std::string said = \"longer than what fits into a string without a heap\"; };
static Before before;
int main() { std::puts(before.said.c_str()); }
",
    )
    .unwrap();
    let processor = ["-mcpu=cortex-m3", "-mthumb"];
    let mut c = Command::new("arm-none-eabi-gcc");
    let startup = shipped("examples/cmake-c/src/startup.c");
    succeeds(
        c.args(processor)
            .arg("-c")
            .arg(startup)
            .arg("-o")
            .arg(at("startup.o")),
    );
    let mut cpp = Command::new("arm-none-eabi-g++");
    cpp.args(processor)
        .args([at("main.cpp"), at("startup.o")])
        .arg("-T")
        .arg(shipped("examples/cmake-c/src/mps2.ld"))
        .args([
            "-nostartfiles",
            "--specs=nano.specs",
            "--specs=rdimon.specs",
        ])
        .arg("-o")
        .arg(at("firmware"));
    succeeds(&mut cpp);
    let mut qemu = Command::new("qemu-system-arm");
    qemu.args(["-machine", "mps2-an385", "-cpu", "cortex-m3"])
        .args(["-display", "none", "-monitor", "none", "-serial", "none"])
        .args(["-semihosting-config", "enable=on,target=native"])
        .arg("-kernel")
        .arg(at("firmware"));
    let said = succeeds(&mut qemu);
    assert!(said.contains("longer than what fits"), "{said}");
}
