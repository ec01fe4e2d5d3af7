//! Firmware on a board with a debug probe: probe-rs's command flashes and runs it, and prints what it sends by RTT.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use castiron_codegen::emit::c_api;
use castiron_codegen::error::{Diagnostic, Result};

use super::platform::{PATIENCE, Tools};
use super::{Settings, trace};

/// What probe-rs knows of a chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chip {
    name: String,
    /// Where the first memories for code and for data begin, and their bytes.
    pub(super) flash: (u64, u64),
    pub(super) ram: (u64, u64),
    pub(super) board: &'static c_api::Board,
}

impl Chip {
    /// Asks probe-rs. The target is the user's, or what the chip's core has for sure.
    pub(super) fn find(tools: &Tools, settings: &Settings) -> Result<Self> {
        let name = (settings.chip.as_deref())
            .ok_or_else(|| Diagnostic::new("nobody says which chip is at the probe"))?;
        let mut command = Command::new(&tools.emulator);
        let said = command
            .args(["chip", "info", name])
            .stdin(Stdio::null())
            .output();
        let said = said.map_err(|e| Diagnostic::new(format!("cannot start probe-rs: {e}")))?;
        let text = String::from_utf8_lossy(&said.stdout);
        if !said.status.success() {
            return Err(
                Diagnostic::new(format!("probe-rs does not know the chip {name:?}"))
                    .found(String::from_utf8_lossy(&said.stderr).trim())
                    .help("`probe-rs chip list` lists the names")
                    .into(),
            );
        }
        Self::parse(name, &text, settings.target.as_deref())
    }

    fn parse(name: &str, text: &str, target: Option<&str>) -> Result<Self> {
        let unclear = |what: &str| {
            Diagnostic::new(format!("probe-rs does not say the {what} of {name}"))
                .found(text.trim())
        };
        let memory = |word: &str| {
            text.lines()
                .find_map(|line| region(line.trim().strip_prefix(word)?))
        };
        let flash = memory("NVM:").ok_or_else(|| unclear("flash"))?;
        let ram = memory("RAM:").ok_or_else(|| unclear("RAM"))?;
        let lower = text.to_lowercase();
        let cores = [
            ("armv6m", "thumbv6m-none-eabi"),
            ("armv7em", "thumbv7em-none-eabi"),
            ("armv7m", "thumbv7m-none-eabi"),
            ("armv8m", "thumbv8m.main-none-eabi"),
        ];
        let of_core = cores
            .iter()
            .find(|(core, _)| lower.contains(core))
            .map(|(_, target)| *target);
        let target = target.or(of_core).ok_or_else(|| unclear("core"))?;
        let board = c_api::Board::of(target).ok_or_else(|| {
            Diagnostic::new("--on probe is for Cortex-M")
                .found(target)
                .help("other processors can have a serial port: --on serial")
        })?;
        Ok(Self {
            name: name.to_owned(),
            flash,
            ram,
            board,
        })
    }
}

/// The memory of `0x20000000..0x20040000 (256 KiB)`.
fn region(text: &str) -> Option<(u64, u64)> {
    let number = |text: &str| {
        let digits = text.trim().strip_prefix("0x")?;
        u64::from_str_radix(digits.split_whitespace().next()?, 16).ok()
    };
    let (from, to) = text.split_once("..")?;
    let from = number(from)?;
    Some((from, number(to.trim_start_matches('='))?.checked_sub(from)?))
}

/// How often a run is repeated whose output has gaps.
const ATTEMPTS: usize = 3;

/// Flashes and runs an image; what it sent.
pub(super) fn run(tools: &Tools, chip: &Chip, image: &Path) -> Result<Vec<u8>> {
    let mut attempt = 1;
    loop {
        match once(tools, chip, image)? {
            Some(results) => return Ok(results),
            None if attempt < ATTEMPTS => attempt += 1,
            None => {
                return Err(Diagnostic::new("lines are missing, or damaged, in what the firmware sent by RTT")
                    .found(format!("{ATTEMPTS} runs"))
                    .help("check the probe's cable, and let no other program use the probe; --on serial repeats what is lost")
                    .into());
            }
        }
    }
}

/// One run; none if a line is missing or wrong.
fn once(tools: &Tools, chip: &Chip, image: &Path) -> Result<Option<Vec<u8>>> {
    let mut command = Command::new(&tools.emulator);
    command.args(["run", "--chip", &chip.name]).arg(image);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command
        .spawn()
        .map_err(|e| Diagnostic::new(format!("cannot start probe-rs: {e}")))?;
    let mut running = Running(child);
    let (sender, lines) = mpsc::channel();
    if let Some(stdout) = running.0.stdout.take() {
        thread::spawn(move || {
            for line in BufReader::new(stdout)
                .split(b'\n')
                .map_while(|line| line.ok())
            {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
    }
    let stderr = running.0.stderr.take();
    let said = thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(stderr) = stderr {
            // What it says goes into an error alone.
            let _ = stderr.take(1 << 20).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).trim().to_owned()
    });
    let mut results = Vec::new();
    let mut number = 0;
    loop {
        let line = match lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                return Err(Diagnostic::new("the firmware does not end")
                    .found(format!("no result for {} s", PATIENCE.as_secs()))
                    .into());
            }
            Err(RecvTimeoutError::Disconnected) => {
                drop(running);
                return Err(Diagnostic::new("probe-rs ended before the firmware had sent everything")
                    .found(said.join().unwrap_or_default())
                    .help("check that the probe is plugged in, and the board has power; `probe-rs list` lists probes")
                    .into());
            }
        };
        let Some(decoded) = decode(&line) else {
            continue;
        };
        match decoded {
            Some((found, bytes)) if found == number => results.extend(bytes),
            _ => return Ok(None),
        }
        number += 1;
        if trace::is_complete(&results) {
            return Ok(Some(results));
        }
    }
}

/// A line of the harness: its number and bytes, or none where it is damaged. Other lines are no line of the harness.
fn decode(line: &[u8]) -> Option<Option<(u32, Vec<u8>)>> {
    const TITLE: &str = "castiron:";
    let text = String::from_utf8_lossy(line);
    let digits = text[text.find(TITLE)? + TITLE.len()..].trim();
    let bytes = || {
        let pairs = digits.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
        let (plain, crc) = bytes.split_last_chunk()?;
        let (number, data) = plain.split_first_chunk()?;
        (crc32fast::hash(plain) == u32::from_le_bytes(*crc))
            .then(|| (u32::from_le_bytes(*number), data.to_vec()))
    };
    Some(bytes())
}

/// A process that does not outlive us.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As probe-rs 0.24 prints it.
    const INFO: &str = "nRF52840_xxAA\nCores (1):\n    - main (Armv7em)\nRAM: 0x20000000..0x20040000 (256 KiB)\nNVM: 0x00000000..0x00100000 (1 MiB)\n";

    #[test]
    fn a_chip_has_memories_and_a_core() {
        let chip = Chip::parse("nRF52840_xxAA", INFO, None).expect("known");
        assert_eq!(
            (chip.flash, chip.ram),
            ((0, 1 << 20), (0x2000_0000, 256 << 10))
        );
        assert_eq!(chip.board.target, "thumbv7em-none-eabi");
        let chip = Chip::parse("x", INFO, Some("thumbv7em-none-eabihf")).expect("known");
        assert_eq!(chip.board.target, "thumbv7em-none-eabihf");
        let error = Chip::parse("x", "RAM: 0x0..0x1\n", None)
            .expect_err("no flash")
            .to_string();
        assert!(error.contains("flash"), "{error}");
        assert!(Chip::parse("x", &INFO.replace("Armv7em", "Riscv"), None).is_err());
    }

    #[test]
    fn a_damaged_line_is_seen() {
        let mut plain = vec![7, 0, 0, 0, 0xAB, 0x01];
        plain.extend(crc32fast::hash(&plain).to_le_bytes());
        let digits: String = plain.iter().map(|byte| format!("{byte:02x}")).collect();
        let line = format!("12:00:00: castiron:{digits}\r");
        assert_eq!(decode(line.as_bytes()), Some(Some((7, vec![0xAB, 1]))));
        assert_eq!(decode(line.replace("ab", "aa").as_bytes()), Some(None));
        assert_eq!(decode(line.replace("ab", "a").as_bytes()), Some(None));
        assert_eq!(decode(b"Finished in 2 s"), None);
    }
}
