//! The harness's counters on emulated processors: QEMU's RISC-V counts cycles and instructions, its Cortex-M55 has neither of
//! the units that would, and the firmware has to see that.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use castiron_test_tools::{present, skipped};

/// Counts a loop of 10,000 rounds and prints instructions, then each counter, as hexadecimal or `-`.
const MAIN: &str = r#"
#include "port.h"
void put(char byte);
void stop(void);
static void number(uint64_t value)
{
    int digit;
    if (value == PORT_UNKNOWN) {
        put('-');
    }
    for (digit = 60; digit >= 0 && value != PORT_UNKNOWN; digit -= 4) {
        put("0123456789abcdef"[(value >> digit) & 15]);
    }
    put('\n');
}
int main(void)
{
    volatile int round;
    uint64_t instructions;
    size_t i;
    port_start();
    for (round = 0; round < 10000; round++) {
    }
    instructions = port_stop();
    number(instructions);
    for (i = 0; i < 4; i++) {
        number(port_count(i));
    }
    stop();
}
"#;

const RISCV: &str = r#"
__asm__(".pushsection .init, \"ax\"\n.globl start\nstart: la sp, stack\n call main\n.popsection\n"
        ".pushsection .bss\n.balign 16\n.space 4096\nstack:\n.popsection\n");
void put(char byte) { *(volatile unsigned char *)0x10000000u = (unsigned char)byte; }
void stop(void) { for (;;) { *(volatile unsigned *)0x100000u = 0x5555u; } }
"#;

const CORTEX_M55: &str = r#"
int main(void);
static void host(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}
void put(char byte) { host(3, &byte); }
void stop(void) { for (;;) { host(0x18, (void *)0x20026); } }
void start(void) { main(); stop(); }
__attribute__((section(".vectors"), used)) static void (*const vectors[4])(void) = {
    (void (*)(void))0x01010000, start, stop, stop,
};
"#;

/// What such a program prints; none without the tools.
fn counted(
    compiler: &str,
    flags: &[&str],
    board: &str,
    emulator: &str,
    machine: &[&str],
) -> Option<Vec<Option<u64>>> {
    if !present(compiler) || !present(emulator) {
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let harness = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/validate/harness");
    if !harness.exists() {
        skipped("no sources of the harness", false);
        return None;
    }
    for (name, text) in [("main.c", MAIN), ("board.c", board), ("firmware.h", "")] {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    let mut command = Command::new(compiler);
    command.current_dir(&folder).args(flags).args([
        "-O2",
        "-ffreestanding",
        "-nostdlib",
        "-nostartfiles",
        "-I.",
    ]);
    command
        .arg("-I")
        .arg(&harness)
        .args(["main.c", "board.c"])
        .arg(harness.join("counters.c"));
    let made = command
        .args(["-lgcc", "-o", "counters.elf"])
        .output()
        .expect("a compiler");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let mut command = Command::new("timeout");
    command
        .arg("30")
        .arg(emulator)
        .args(machine)
        .args(["-icount", "shift=0", "-display", "none", "-monitor", "none"]);
    let said = command
        .arg("-kernel")
        .arg(folder.path().join("counters.elf"))
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    let lines = text
        .lines()
        .map(|line| u64::from_str_radix(line.trim(), 16).ok());
    let found: Vec<Option<u64>> = lines.collect();
    assert_eq!(found.len(), 5, "{text}");
    Some(found)
}

#[test]
fn risc_v_counts_cycles_and_instructions() {
    let flags = [
        "-march=rv32imc_zicsr",
        "-mabi=ilp32",
        "-mcmodel=medany",
        "-Wl,--section-start=.init=0x80000000",
        "-Wl,-Ttext=0x80000100",
    ];
    let machine = ["-M", "virt", "-bios", "none", "-serial", "stdio"];
    let found = counted(
        "riscv64-unknown-elf-gcc",
        &flags,
        RISCV,
        "qemu-system-riscv32",
        &machine,
    );
    let Some(found) = found else { return };
    let [Some(instructions), Some(cycles), None, None, None] = found[..] else {
        panic!("{found:?}");
    };
    // Five instructions a round, and an instruction is a cycle here.
    assert!((50_000..50_100).contains(&instructions), "{instructions}");
    assert!(
        cycles.abs_diff(instructions) < 10,
        "{cycles}, {instructions}"
    );
}

#[test]
fn counters_that_are_not_there_are_seen() {
    let flags = [
        "-mcpu=cortex-m55",
        "-mthumb",
        "-mfloat-abi=soft",
        "-Wl,-Ttext=0x400",
        "-Wl,--section-start=.vectors=0",
    ];
    let flags = [
        &flags[..],
        &["-Wl,-Tbss=0x01000000", "-Wl,-Tdata=0x01001000"],
    ]
    .concat();
    let machine = [
        "-M",
        "mps3-an547",
        "-serial",
        "none",
        "-semihosting-config",
        "enable=on,target=native",
    ];
    let found = counted(
        "arm-none-eabi-gcc",
        &flags,
        CORTEX_M55,
        "qemu-system-arm",
        &machine,
    );
    let Some(found) = found else { return };
    assert_eq!(found, [None; 5]);
}
