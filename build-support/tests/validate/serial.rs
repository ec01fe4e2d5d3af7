//! Firmware at the other end of a serial port: a pseudo-terminal, with a program of this machine or QEMU behind it, and a line
//! between that drops, changes, doubles and delays bytes, and cuts some off.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use castiron_build::validate::{Line, write_firmware};
use castiron_test_tools::present;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::*;

/// What a line does to bytes: each of a loss, a changed bit, a byte that comes twice, a cut of some bytes and a delay befalls one byte in so many.
#[derive(Clone, Copy)]
struct Noise(Option<u64>);

impl Noise {
    /// Copies bytes until either side ends.
    fn carry(self, mut from: impl Read, mut to: impl Write, seed: u64) {
        let mut random = seed;
        let mut bytes = [0; 64];
        let mut cut = 0;
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            for byte in &bytes[..read] {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let drawn = random >> 33;
                if cut > 0 {
                    cut -= 1;
                    continue;
                }
                let mut byte = *byte;
                let mut times = 1;
                match self.0.map(|rarity| drawn % rarity) {
                    Some(0) => continue,
                    Some(1) => byte ^= 1 << (drawn / 1024 % 8),
                    Some(2) => thread::sleep(Duration::from_millis(3)),
                    Some(3) => times = 2,
                    Some(4) => cut = drawn / 1024 % 100,
                    _ => {}
                }
                if to.write_all(&vec![byte; times]).is_err() {
                    return;
                }
            }
            if to.flush().is_err() {
                return;
            }
        }
    }
}

/// A pseudo-terminal: our end, and the name of the other.
fn terminal() -> (OwnedFd, String) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&ours).expect("ours");
    unlockpt(&ours).expect("unlocked");
    let name = ptsname(&ours, Vec::new()).expect("a name");
    // Nothing that is written before the other end is open is echoed or changed.
    let mut settings = rustix::termios::tcgetattr(&ours).expect("settings");
    settings.make_raw();
    rustix::termios::tcsetattr(&ours, rustix::termios::OptionalActions::Now, &settings)
        .expect("raw");
    (ours, name.into_string().expect("text"))
}

/// A board at a serial port: a process whose standard input and output are its UART.
struct Board {
    process: Child,
    line: Line,
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Board {
    fn start(mut command: Command, noise: Noise) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the board starts");
        let (stdin, stdout) = (
            process.stdin.take().unwrap(),
            process.stdout.take().unwrap(),
        );
        let (ours, name) = terminal();
        // Held open, so that the terminal outlives a session.
        let held = File::options()
            .read(true)
            .write(true)
            .open(&name)
            .expect("the other end");
        let ours = File::from(ours);
        let towards = ours.try_clone().expect("a copy");
        thread::spawn(move || noise.carry(towards, stdin, 1));
        thread::spawn(move || {
            noise.carry(stdout, ours, 2);
            drop(held);
        });
        let mut line = Line::new(name);
        line.baud = 1_000_000;
        line.timeout = Duration::from_secs(20);
        Self { process, line }
    }
}

/// The UART of a board that is a program of this machine.
const HOST_BOARD: &str = r#"
#include <poll.h>
#include <unistd.h>
#include "board.h"
void board_open(void) {}
void board_mark(int is_running) { (void)is_running; }
int uart_read(void)
{
    struct pollfd waiting = {0, POLLIN, 0};
    unsigned char byte;
    if (poll(&waiting, 1, 1) <= 0) {
        return -1;
    }
    if (read(0, &byte, 1) != 1) {
        _exit(0);
    }
    return byte;
}
void uart_write(uint8_t byte)
{
    if (write(1, &byte, 1) != 1) {
        _exit(0);
    }
}
"#;

const HASH: [u8; 32] = [7; 32];

fn at(line: &Line) -> Settings {
    let mut settings = layers(Platform::Serial);
    settings.model_hash = HASH;
    settings.line = Some(line.clone());
    settings
}

fn is_here(target: Option<&str>) -> bool {
    let tools = match target {
        None => present("cc"),
        Some(_) => available(Platform::Qemu) && present("make"),
    };
    tools && present("make")
}

/// Builds firmware for this machine, or for a target by the Makefile that came with it.
fn build(subject: &Subjects, firmware: &Model, folder: &Path, target: Option<&str>) {
    let mut settings = layers(Platform::Serial);
    settings.model_hash = HASH;
    settings.target = target.map(str::to_owned);
    let written = Subject {
        model: firmware,
        program: &subject.program,
    };
    if target.is_none() && !folder.join("board.c").exists() {
        fs::write(folder.join("board.c"), HOST_BOARD).expect("a file");
    }
    let kept =
        write_firmware(written, &settings, folder, &mut |_| {}).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(kept.contains(&"board.c".to_owned()), target.is_none());
    let made = Command::new("make")
        .current_dir(folder)
        .output()
        .expect("make");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success() && !said.contains("warning"), "{said}");
}

fn sine() -> Subjects {
    let mut subject = Subjects::example("sine_int8");
    subject.cases = generated(&subject.program.entries[0], 12, 1);
    subject
}

/// With all weights of an operator changed: of some, the model's RELU shows nothing.
fn all_damaged(model: &Model, operator: usize) -> Model {
    let mut model = model.clone();
    let graph = &mut model.graphs[0];
    let weights = graph.operators[operator].inputs[1].expect("weights");
    let tensor = &mut graph.tensors[weights.index()];
    let bytes = tensor.data.as_ref().expect("a constant").iter();
    tensor.data = Some(bytes.map(|byte| byte.wrapping_add(64)).collect());
    model
}

#[test]
fn a_noisy_line_changes_no_verdict() {
    if !is_here(None) {
        return;
    }
    let subject = sine();
    let folder = tempfile::tempdir().expect("a folder");
    for (firmware, agrees) in [
        (subject.model.clone(), true),
        (all_damaged(&subject.model, 1), false),
    ] {
        build(&subject, &firmware, folder.path(), None);
        for noise in [Noise(None), Noise(Some(1500))] {
            let image = Command::new(folder.path().join("firmware.elf"));
            let board = Board::start(image, noise);
            // One session after the other, as the board stays on.
            for _ in 0..2 {
                let outcome = subject.validate(&at(&board.line));
                assert_eq!(outcome.agree, agrees, "{:?}", outcome.first);
                assert_eq!(outcome.outputs[0].tally.cases, subject.cases.len());
                assert_eq!(outcome.operators.len(), 3);
                let operator = outcome.first.and_then(|first| first.tensor.operator);
                assert_eq!(operator.map(|o| o.index), (!agrees).then_some(1));
                assert!(outcome.firmware.expect("a board").layers);
            }
        }
    }
    // It is of another model.
    let board = Board::start(
        Command::new(folder.path().join("firmware.elf")),
        Noise(None),
    );
    let mut other = at(&board.line);
    other.model_hash = [8; 32];
    let error = refused(&subject, &other);
    assert!(
        error.contains("another model") && error.contains("0808") && error.contains("0707"),
        "{error}"
    );
}

/// A counter of this machine's firmware that counts more from one reading to the next than from that before it: whatever the harness takes
/// for its own, something is left for each operator.
#[test]
fn counts_are_of_operators_and_runs() {
    if !is_here(None) {
        return;
    }
    let subject = sine();
    let folder = tempfile::tempdir().expect("a folder");
    build(&subject, &subject.model, folder.path(), None);
    let counters = folder.path().join("counters.c");
    let text = fs::read_to_string(&counters).expect("counters");
    let standing = "static void now(uint64_t *values)\n{\n    (void)values;\n}";
    let counting = "static void now(uint64_t *values)\n{\n    static uint64_t reading;\n    reading++;\n    values[CYCLES] = 1000 * reading * reading;\n}";
    assert!(text.contains(standing), "{text}");
    fs::write(&counters, text.replace(standing, counting)).expect("a file");
    let made = Command::new("make").current_dir(folder.path()).output();
    assert!(made.expect("make").status.success());
    let image = Command::new(folder.path().join("firmware.elf"));
    let board = Board::start(image, Noise(None));
    let outcome = subject.validate(&at(&board.line));
    assert!(outcome.agree, "{:?}", outcome.first);
    let of_run = outcome.counters["cycles"];
    let mut first = 0;
    for operator in 0..3 {
        let cycles = outcome.counted(operator, "cycles");
        assert!(
            cycles.first > Some(1000) && cycles.steady > cycles.first,
            "{operator}: {cycles:?}"
        );
        first += cycles.first.unwrap_or_default();
    }
    assert_eq!(of_run.first, Some(first));
    assert!(of_run.steady > of_run.first, "{of_run:?}");
}

fn refused(subject: &Subjects, settings: &Settings) -> String {
    let of = Subject {
        model: &subject.model,
        program: &subject.program,
    };
    let error = validate(of, &subject.cases, settings, &mut |_| {});
    error.expect_err("nothing to compare").to_string()
}

/// The sources as they are written, on QEMU's UART.
#[test]
fn an_emulated_board_agrees() {
    if !is_here(Some("thumbv7em-none-eabihf")) {
        return;
    }
    let subject = Subjects::kws();
    let folder = tempfile::tempdir().expect("a folder");
    build(
        &subject,
        &subject.model,
        folder.path(),
        Some("thumbv7em-none-eabihf"),
    );
    let mut qemu =
        Command::new(std::env::var_os("CASTIRON_QEMU").unwrap_or("qemu-system-arm".into()));
    qemu.args([
        "-M",
        "mps2-an386",
        "-display",
        "none",
        "-monitor",
        "none",
        "-serial",
        "stdio",
        "-kernel",
    ]);
    qemu.arg(folder.path().join("firmware.elf"));
    let board = Board::start(qemu, Noise(Some(20_000)));
    let outcome = subject.validate(&at(&board.line));
    assert!(outcome.agree, "{:?}", outcome.first);
    assert_eq!(outcome.references[0].tally.cases, subject.cases.len());
    let operators = subject.model.graphs[0].operators.len();
    assert_eq!(outcome.operators.len() + outcome.unseen.len(), operators);
    assert_eq!(
        outcome.firmware.expect("a board").target,
        "thumbv7em-none-eabihf"
    );
    // QEMU has no counter of cycles, and the firmware sees that.
    assert!(outcome.counters.is_empty() && outcome.instructions.is_none());
}

#[test]
fn a_line_without_an_answer_ends_with_what_to_check() {
    let subject = sine();
    let silent = |line: &mut Line| line.timeout = Duration::from_millis(400);
    let refused = |line: &Line| {
        let begun = Instant::now();
        let error = refused(&subject, &at(line));
        assert!(begun.elapsed() < Duration::from_secs(10), "{error}");
        error
    };
    let error = refused(&Line::new("/no/such/port"));
    assert!(error.contains("plugged in"), "{error}");

    let (_ours, name) = terminal();
    let mut line = Line::new(name);
    silent(&mut line);
    let error = refused(&line);
    assert!(
        error.contains("not a byte") && error.contains("--firmware"),
        "{error}"
    );

    // Somebody who talks of something else, and one who repeats what he hears.
    for speaker in ["yes login:", "cat"] {
        let mut command = Command::new("sh");
        command.args(["-c", speaker]);
        let mut board = Board::start(command, Noise(None));
        silent(&mut board.line);
        let error = refused(&board.line);
        let expected = match speaker {
            "cat" => "echo",
            _ => "115200 baud",
        };
        let expected = expected.replace("115200", &board.line.baud.to_string());
        assert!(error.contains(&expected), "{speaker}: {error}");
    }
}
