//! The example, here and in the emulator.

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
