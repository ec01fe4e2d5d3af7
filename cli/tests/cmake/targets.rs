//! Which of Rust's targets a C compiler means.

use std::process::Command;

use castiron_test_tools as tools;

use super::{Project, SINE, cmake, define, fails, shipped, succeeds, without};

const ARM: [(&str, &str); 18] = [
    ("-mcpu=cortex-m0 -mthumb", "thumbv6m-none-eabi"),
    ("-mcpu=cortex-m0plus -mthumb", "thumbv6m-none-eabi"),
    ("-mcpu=cortex-m3 -mthumb", "thumbv7m-none-eabi"),
    (
        "-mcpu=cortex-m4 -mthumb -mfloat-abi=soft",
        "thumbv7em-none-eabi",
    ),
    (
        "-mcpu=cortex-m4 -mthumb -mfloat-abi=softfp",
        "thumbv7em-none-eabi",
    ),
    (
        "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard",
        "thumbv7em-none-eabihf",
    ),
    (
        "-mcpu=cortex-m7 -mthumb -mfloat-abi=hard -mfpu=fpv5-d16",
        "thumbv7em-none-eabihf",
    ),
    ("-mcpu=cortex-m23 -mthumb", "thumbv8m.base-none-eabi"),
    ("-mcpu=cortex-m33 -mthumb", "thumbv8m.main-none-eabi"),
    ("-mcpu=cortex-m33+nodsp -mthumb", "thumbv8m.main-none-eabi"),
    (
        "-mcpu=cortex-m33 -mthumb -mfloat-abi=hard",
        "thumbv8m.main-none-eabihf",
    ),
    (
        "-mcpu=cortex-m55 -mthumb -mfloat-abi=hard",
        "thumbv8m.main-none-eabihf",
    ),
    (
        "-mcpu=cortex-m55+nomve -mthumb -mfloat-abi=soft",
        "thumbv8m.main-none-eabi",
    ),
    ("-mcpu=cortex-r5", "armv7r-none-eabi"),
    ("-mcpu=cortex-r5 -mfloat-abi=hard", "armv7r-none-eabihf"),
    ("-mcpu=cortex-a9", "armv7a-none-eabi"),
    ("-mcpu=cortex-a9 -mfloat-abi=hard", "armv7a-none-eabihf"),
    ("-mcpu=cortex-r5 -mbig-endian", ""),
];

const RISCV: [(&str, &str); 17] = [
    ("-march=rv32i -mabi=ilp32", "riscv32i-unknown-none-elf"),
    ("-march=rv32im -mabi=ilp32", "riscv32im-unknown-none-elf"),
    ("-march=rv32imc -mabi=ilp32", "riscv32imc-unknown-none-elf"),
    ("-march=rv32ima -mabi=ilp32", "riscv32ima-unknown-none-elf"),
    (
        "-march=rv32imac -mabi=ilp32",
        "riscv32imac-unknown-none-elf",
    ),
    ("-march=rv32iac -mabi=ilp32", "riscv32i-unknown-none-elf"),
    // A processor with floats whose functions take them in other registers.
    (
        "-march=rv32imafc -mabi=ilp32",
        "riscv32imac-unknown-none-elf",
    ),
    (
        "-march=rv32imafc -mabi=ilp32f",
        "riscv32imafc-unknown-none-elf",
    ),
    (
        "-march=rv32gc -mabi=ilp32f",
        "riscv32imafc-unknown-none-elf",
    ),
    ("-march=rv32imf -mabi=ilp32f", ""),
    ("-march=rv32gc -mabi=ilp32d", ""),
    ("-march=rv32e -mabi=ilp32e", "riscv32e-unknown-none-elf"),
    ("-march=rv32emc -mabi=ilp32e", "riscv32emc-unknown-none-elf"),
    ("-march=rv64imac -mabi=lp64", "riscv64imac-unknown-none-elf"),
    ("-march=rv64im -mabi=lp64", "riscv64im-unknown-none-elf"),
    ("-march=rv64gc -mabi=lp64d", "riscv64gc-unknown-none-elf"),
    ("-march=rv64imafc -mabi=lp64f", ""),
];

#[test]
fn the_compilers_macros_name_the_target() {
    if without(&["cmake"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("triple.cmake");
    let functions = shipped("zephyr-module/cmake/rust_target.cmake");
    let text = format!(
        "cmake_minimum_required(VERSION 3.20)
include({})
file(READ ${{MACROS}} macros)
_castiron_triple(triple \"${{macros}}\")
message(\"triple: ${{triple}}.\")
",
        functions.display()
    );
    std::fs::write(&script, text).unwrap();
    let empty = folder.path().join("empty.c");
    std::fs::write(&empty, "").unwrap();
    let macros = folder.path().join("macros");
    let compilers = [
        ("arm-none-eabi-gcc", &ARM[..]),
        ("riscv64-unknown-elf-gcc", &RISCV[..]),
    ];
    for (compiler, pairs) in compilers {
        // Debian has it, but nothing else here needs it.
        if compiler.starts_with("riscv") && !tools::starts(compiler) {
            tools::skipped(&format!("no {compiler} on this machine"), false);
            continue;
        }
        if without(&[compiler]) {
            continue;
        }
        for (flags, expected) in pairs {
            let mut asking = Command::new(compiler);
            asking
                .args(flags.split(' '))
                .args(["-dM", "-E"])
                .arg(&empty);
            std::fs::write(&macros, succeeds(&mut asking)).unwrap();
            let mut mapping = cmake();
            mapping
                .arg(define("MACROS", &macros))
                .arg("-P")
                .arg(&script);
            let said = succeeds(&mut mapping);
            assert_eq!(said, format!("triple: {expected}.\n"), "{compiler} {flags}");
        }
    }
}

/// What the command is told to make of the model `m`.
fn arguments(project: &Project) -> String {
    String::from_utf8(project.read("build/castiron/m.stamp.arguments")).unwrap()
}

/// The flags that count, wherever a project puts them.
#[test]
fn flags_are_found_where_projects_put_them() {
    if without(&["cmake", "ninja", "arm-none-eabi-gcc"]) {
        return;
    }
    let flags = "-mcpu=cortex-m33 -mthumb -mfloat-abi=hard";
    let expected = "thumbv8m.main-none-eabihf";
    let listed = flags.replace(' ', ";");
    let ways = [
        format!("set(CMAKE_C_FLAGS \"{flags}\")\nadd_library(app STATIC main.c)\n"),
        format!("add_compile_options({listed})\nadd_library(app STATIC main.c)\n"),
        format!(
            "add_library(app STATIC main.c)\ntarget_compile_options(app PRIVATE -Wall {listed})\n"
        ),
        format!(
            "add_library(app STATIC main.c)\ntarget_compile_options(app PRIVATE \"SHELL:-g {flags}\")\n"
        ),
        // As Zephyr does it: through what the target links.
        format!(
            "add_library(flags INTERFACE)
target_compile_options(flags INTERFACE {listed})
add_library(between INTERFACE)
target_link_libraries(between INTERFACE flags m)
add_library(app STATIC main.c)
target_link_libraries(app PUBLIC between)
"
        ),
    ];
    for way in ways {
        // It is the target of the command that counts, which is not run here.
        let project = Project::new(&format!("{way}castiron_add_model(app MODEL m.tflite)\n"));
        project.take(SINE, "m.tflite");
        succeeds(
            project
                .configuring("Ninja")
                .args([
                    "-DCMAKE_SYSTEM_NAME=Generic",
                    "-DCMAKE_C_COMPILER=arm-none-eabi-gcc",
                ])
                .arg("-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY"),
        );
        let arguments = arguments(&project);
        assert!(
            arguments.contains(&format!("--target\n{expected}\n")),
            "{way}: {arguments}"
        );
    }
    // This machine's compiler, asked for another machine's code.
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        for (flag, expected) in [("-m32", true), ("-m64", false)] {
            let project = Project::new(
                "add_library(app STATIC main.c)\ncastiron_add_model(app MODEL m.tflite)\n",
            );
            project.take(SINE, "m.tflite");
            let mut configuring = project.configuring("Ninja");
            configuring
                .arg(define("CMAKE_C_FLAGS", flag))
                .arg("-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY");
            succeeds(&mut configuring);
            assert_eq!(
                arguments(&project).contains("--target\ni686-unknown-linux-gnu\n"),
                expected,
                "{flag}"
            );
        }
    }
}

/// As Zephyr's native_sim: this machine's compiler, with `-m32` from an interface library. It is built, linked
/// and run where there is a Rust compiler for that.
#[test]
fn a_32_bit_program_of_this_machine_runs() {
    if without(&["cmake", "ninja", "cc"]) {
        return;
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        tools::skipped("no x86-64 with Linux", false);
        return;
    }
    let project = Project::new(
        "add_library(options INTERFACE)
target_compile_options(options INTERFACE -m32 \"SHELL:-msse2 -mfpmath=sse\")
target_link_options(options INTERFACE -m32)
add_executable(app main.c)
target_link_libraries(app PRIVATE options)
castiron_add_model(app MODEL m.tflite SELF_TEST)
",
    );
    project.take(SINE, "m.tflite");
    project.write(
        "main.c",
        "#include \"m_self_test.h\"\nint main(void) { return sizeof(void *) == 4 ? m_self_test() : 1; }\n",
    );
    project.configure("Ninja");
    let out = project.building(&[]).output().unwrap();
    let text = super::said(&out);
    for missing in [
        "no installed Rust toolchain can build",
        "cannot find",
        "bits/",
    ] {
        if !out.status.success() && text.contains(missing) {
            tools::skipped(
                "no 32-bit C library, or no Rust for it, on this machine",
                false,
            );
            return;
        }
    }
    assert!(out.status.success(), "{text}");
    project.run("app");
}

#[test]
fn what_rust_has_no_target_for_is_refused() {
    if without(&["cmake", "ninja", "arm-none-eabi-gcc"]) {
        return;
    }
    let configuring = |lists: &str, flags: &str| {
        let project = Project::new(lists);
        project.take(SINE, "m.tflite");
        let mut command = project.configuring("Ninja");
        command
            .args([
                "-DCMAKE_SYSTEM_NAME=Generic",
                "-DCMAKE_C_COMPILER=arm-none-eabi-gcc",
            ])
            .arg("-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY")
            .arg(define("CMAKE_C_FLAGS", flags));
        (project, command)
    };
    let lists = "add_library(app STATIC main.c)\ncastiron_add_model(app MODEL m.tflite)\n";
    let (_project, mut command) = configuring(lists, "-mcpu=arm7tdmi");
    let text = fails(&mut command);
    assert!(
        text.contains("there is no Rust target for what the C compiler"),
        "{text}"
    );
    assert!(text.contains("help: name one with RUST_TARGET"), "{text}");
    // Named, it is not asked.
    let named = lists.replace("m.tflite)", "m.tflite RUST_TARGET thumbv4t-none-eabi)");
    let (_project, mut command) = configuring(&named, "-mcpu=arm7tdmi");
    succeeds(&mut command);
}
