//! The harness for boards, without a warning of the compilers of the processors that it is for.

use std::fs;
use std::process::Command;

use castiron_build::validate::write_firmware;
use castiron_test_tools::present;

use super::*;

const STRICT: [&str; 5] = ["-O2", "-std=gnu99", "-Wall", "-Wextra", "-Werror"];
const CORTEX: [&str; 6] = [
    "-mcpu=cortex-m0plus",
    "-mcpu=cortex-m3",
    "-mcpu=cortex-m4",
    "-mcpu=cortex-m7",
    "-mcpu=cortex-m33",
    "-mcpu=cortex-m55",
];
const RISCV: [&str; 2] = [
    "-march=rv32imc_zicsr -mabi=ilp32",
    "-march=rv64imac_zicsr -mabi=lp64",
];

#[test]
fn the_harness_compiles_for_every_processor() {
    if !present("cc") {
        return;
    }
    let subject = Subjects::example("sine_int8");
    let of = Subject {
        model: &subject.model,
        program: &subject.program,
    };
    for traced in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut on = settings(Platform::Serial);
        on.layers = traced;
        // Headers are the same for every target.
        write_firmware(of, &on, folder.path(), &mut |_| {}).unwrap_or_else(|e| panic!("{e}"));
        let harness = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/validate/harness");
        for name in ["port_rtt.c", "startup.c"] {
            fs::copy(harness.join(name), folder.path().join(name)).expect("a copy");
        }
        fs::write(folder.path().join("inputs.bin"), [0; 8]).expect("a file");
        let portable = ["harness.c", "port_serial.c", "counters.c", "board.c"];
        let compile = |compiler: &str, processor: &str, sources: &[&str]| {
            for source in sources {
                let mut command = Command::new(compiler);
                command.current_dir(folder.path()).args(STRICT);
                command.args(processor.split_whitespace());
                let said = command
                    .args(["-ffreestanding", "-I.", "-c", source, "-o", "object.o"])
                    .output();
                let said = said.expect("a compiler");
                let text = String::from_utf8_lossy(&said.stderr);
                assert!(said.status.success(), "{processor} {source}: {text}");
            }
        };
        compile("cc", "", &portable);
        if present("arm-none-eabi-gcc") {
            let own = [&portable[..], &["port_rtt.c", "startup.c"]].concat();
            for processor in CORTEX {
                compile("arm-none-eabi-gcc", &format!("{processor} -mthumb"), &own);
            }
        }
        if present("riscv64-unknown-elf-gcc") {
            for processor in RISCV {
                compile("riscv64-unknown-elf-gcc", processor, &portable);
            }
        }
    }
}
