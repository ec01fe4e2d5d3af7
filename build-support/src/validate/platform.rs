//! Where firmware runs: how each place compiles, links and starts it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use castiron_codegen::error::{Diagnostic, Error, Result};

use super::tools::{ARM_GCC, HOST_CC, PROBE_RS, QEMU, RENODE};
use super::trace;
use crate::toolchain::{Purpose, Toolchain};

/// Where firmware runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Platform {
    /// This machine, as a program.
    Host,
    /// A Cortex-M4 of QEMU (mps2-an386), where instructions are counted.
    Qemu,
    /// A Cortex-M4 of Renode.
    Renode,
    /// A board at a serial port, with firmware that [`write_firmware`](super::write_firmware) gave the sources of.
    Serial,
    /// A Cortex-M board with a debug probe, by way of probe-rs.
    Probe,
}

impl Platform {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Qemu => "qemu",
            Self::Renode => "renode",
            Self::Serial => "serial",
            Self::Probe => "probe",
        }
    }

    /// Rust's name of the target; none for this machine, and for boards, whose target is said elsewhere.
    pub fn triple(self) -> Option<&'static str> {
        match self {
            Self::Host | Self::Serial | Self::Probe => None,
            Self::Qemu | Self::Renode => Some("thumbv7em-none-eabihf"),
        }
    }

    /// Whether instructions are counted there. Boards may count cycles, and some of them instructions.
    pub fn counts_instructions(self) -> bool {
        self == Self::Qemu
    }

    /// Whether it is hardware with counters of its own.
    pub fn is_board(self) -> bool {
        matches!(self, Self::Serial | Self::Probe)
    }

    /// Whether the tools are here that building and running there takes, castiron's own engine among
    /// them.
    ///
    /// # Errors
    /// Which are missing, and where to get them.
    pub fn check(self) -> Result<()> {
        Tools::find(self)?;
        Toolchain::detect(self.triple(), Purpose::Library).map(|_| ())
    }

    pub(super) fn running(self) -> &'static str {
        match self {
            Self::Host => "running the library on this machine",
            Self::Qemu => "running the firmware on QEMU",
            Self::Renode => "running the firmware on Renode",
            Self::Serial | Self::Probe => "running the firmware on the board",
        }
    }
}

/// What a platform needs.
#[derive(Debug)]
pub(super) struct Tools {
    on: Platform,
    pub(super) compiler: OsString,
    pub(super) emulator: OsString,
}

impl Tools {
    /// Looks for everything before anything is built.
    pub(super) fn find(on: Platform) -> Result<Self> {
        let tools = match on {
            Platform::Host => [Some(&HOST_CC), None],
            Platform::Qemu => [Some(&ARM_GCC), Some(&QEMU)],
            Platform::Renode => [Some(&ARM_GCC), Some(&RENODE)],
            // The user builds and flashes.
            Platform::Serial => [None, None],
            Platform::Probe => [Some(&ARM_GCC), Some(&PROBE_RS)],
        };
        let mut found = Vec::new();
        let mut missing = Vec::new();
        for tool in tools.into_iter().flatten() {
            match tool.require() {
                Ok(program) => found.push(program),
                Err(error) => missing.extend(error.diagnostics().to_vec()),
            }
        }
        if let Some(error) = Error::from_many(missing) {
            return Err(error);
        }
        let mut found = found.into_iter();
        Ok(Self {
            on,
            compiler: found.next().unwrap_or_default(),
            emulator: found.next().unwrap_or_default(),
        })
    }
}

/// A source file of the harness.
pub(super) struct Source {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

macro_rules! source {
    ($name:literal) => {
        Source {
            name: $name,
            text: include_str!(concat!("harness/", $name)),
        }
    };
}

/// What every platform compiles; headers are not compiled by themselves.
pub(super) const COMMON: [Source; 2] = [source!("harness.c"), source!("port.h")];
/// What a board without an operating system needs.
pub(super) const BARE: [Source; 2] = [source!("startup.c"), source!("link.ld")];

/// What the user fills in.
pub(super) const BOARD: Source = source!("board.c");

impl Platform {
    /// The files of the harness besides the common ones.
    pub(super) fn sources(self) -> Vec<Source> {
        let mut sources = Vec::from(COMMON);
        match self {
            Self::Host => sources.push(source!("port_host.c")),
            Self::Qemu => sources.push(source!("port_qemu.c")),
            Self::Renode => sources.extend([
                source!("port_renode.c"),
                source!("platform.repl"),
                source!("run.resc"),
            ]),
            Self::Serial => sources.extend([
                source!("port_serial.c"),
                source!("counters.c"),
                source!("board.h"),
            ]),
            Self::Probe => sources.extend([source!("port_rtt.c"), source!("counters.c")]),
        }
        if self.triple().is_some() || self == Self::Probe {
            sources.extend(BARE);
        }
        sources
    }

    /// Options of the C compiler.
    pub(super) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Host | Self::Serial => &[],
            Self::Probe => &["-ffunction-sections", "-fdata-sections", "-ffreestanding"],
            Self::Qemu | Self::Renode => &[
                "-mcpu=cortex-m4",
                "-mthumb",
                "-mfpu=fpv4-sp-d16",
                "-mfloat-abi=hard",
                "-ffunction-sections",
                "-fdata-sections",
                "-ffreestanding",
            ],
        }
    }

    /// Options of the linker; the linker script lies in the folder that it runs in.
    pub(super) fn linking(self) -> &'static [&'static str] {
        match self {
            Self::Host => &[],
            Self::Qemu | Self::Renode | Self::Serial | Self::Probe => &[
                "-nostartfiles",
                "-Tlink.ld",
                "-Wl,--gc-sections",
                "-Wl,--no-warn-rwx-segments",
                "--specs=nosys.specs",
            ],
        }
    }
}

pub(super) const INPUTS: &str = "inputs.bin";
const RESULTS: &str = "results.bin";
const LOG: &str = "emulator.log";
/// How long no result may come in. A large model on a slow emulator takes a while for one.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(10);

/// Runs firmware until it has sent its last record; what it sent.
pub(super) fn run(tools: &Tools, image: &Path, folder: &Path) -> Result<Vec<u8>> {
    let results = folder.join(RESULTS);
    if results.exists() {
        fs::remove_file(&results).map_err(|e| unusable(&results, &e))?;
    }
    let log = File::create(folder.join(LOG)).map_err(|e| unusable(&folder.join(LOG), &e))?;
    let mut command = command(tools, image, folder);
    command.current_dir(folder);
    let copy = log
        .try_clone()
        .map_err(|e| unusable(&folder.join(LOG), &e))?;
    match tools.on {
        Platform::Host | Platform::Serial | Platform::Probe => {
            let inputs = folder.join(INPUTS);
            let stdin = File::open(&inputs).map_err(|e| unusable(&inputs, &e))?;
            let stdout = File::create(&results).map_err(|e| unusable(&results, &e))?;
            command.stdin(stdin).stdout(stdout).stderr(log);
        }
        Platform::Qemu => {
            command.stdin(Stdio::null()).stdout(copy).stderr(log);
        }
        // Renode's console ends with its input.
        Platform::Renode => {
            command.stdin(Stdio::piped()).stdout(copy).stderr(log);
        }
    }
    let child = command.spawn().map_err(|e| {
        let program = PathBuf::from(command.get_program());
        Diagnostic::new(format!("cannot start {}: {e}", program.display()))
    })?;
    let ended = Running(child).wait(&results, &folder.join(LOG))?;
    let stream = fs::read(&results).unwrap_or_default();
    if trace::is_complete(&stream) || !stream.is_empty() {
        return Ok(stream);
    }
    Err(Diagnostic::new("the firmware sent no result")
        .found(match ended {
            Some(status) => format!("it ended with {status}\n{}", tail(&folder.join(LOG))),
            None => tail(&folder.join(LOG)),
        })
        .help("use --keep DIR to keep the build and inspect it")
        .into())
}

fn command(tools: &Tools, image: &Path, folder: &Path) -> Command {
    match tools.on {
        Platform::Host | Platform::Serial | Platform::Probe => Command::new(image),
        Platform::Qemu => {
            let mut command = Command::new(&tools.emulator);
            command
                .args(["-M", "mps2-an386", "-cpu", "cortex-m4", "-nographic"])
                .args(["-monitor", "none", "-serial", "none"])
                .args(["-icount", "shift=0"])
                .args(["-semihosting-config", "enable=on,target=native", "-kernel"])
                .arg(image);
            command
        }
        Platform::Renode => {
            let mut command = Command::new(&tools.emulator);
            // A configuration of its own, so that the user's is not touched.
            command.args(["--disable-xwt", "--console", "--plain"]);
            command.args(["--config", "renode.cfg", "-e"]);
            // A file that is not there yet would go into Renode's own folder without its path.
            let results = folder.join(RESULTS).display().to_string();
            let results = results.replace(' ', "\\ ");
            command.arg(format!("$results=@{results}; include @run.resc"));
            command
        }
    }
}

/// A process that does not outlive us.
struct Running(Child);

/// How long a process may take to end when asked to.
const FAREWELL: Duration = Duration::from_secs(10);

impl Drop for Running {
    fn drop(&mut self) {
        // Renode may be a script that starts another process, which killing the script would leave.
        // The other one ends by itself when there is nothing more to read.
        if let Some(mut console) = self.0.stdin.take() {
            let _ = console.write_all(b"quit\n");
            drop(console);
            let asked = Instant::now();
            while asked.elapsed() < FAREWELL && matches!(self.0.try_wait(), Ok(None)) {
                std::thread::sleep(POLL);
            }
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Waits for the end of the process or for the last record; `None` for the latter, and where
    /// the emulator waits for better commands.
    fn wait(&mut self, results: &Path, log: &Path) -> Result<Option<ExitStatus>> {
        let mut heard = (Instant::now(), 0);
        loop {
            match self.0.try_wait() {
                Ok(None) => {}
                Ok(status) => return Ok(status),
                Err(e) => return Err(unusable(results, &e).into()),
            }
            let length = fs::metadata(results).map_or(0, |m| m.len());
            if length != heard.1 {
                heard = (Instant::now(), length);
                if ends(results, length) {
                    return Ok(None);
                }
            } else if length == 0 && refuses(log) {
                return Ok(None);
            } else if heard.0.elapsed() > PATIENCE {
                return Err(Diagnostic::new("the firmware does not end")
                    .found(format!("no result for {} s", PATIENCE.as_secs()))
                    .into());
            }
            std::thread::sleep(POLL);
        }
    }
}

/// What Renode says when it does not understand a script, and then waits.
const REFUSALS: [&str; 2] = ["There was an error executing", "Could not tokenize"];

fn refuses(log: &Path) -> bool {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    REFUSALS.iter().any(|refusal| text.contains(refusal))
}

/// Whether the file ends in a record that is the last.
fn ends(path: &Path, length: u64) -> bool {
    let record = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(length.saturating_sub(trace::HEADER as u64)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    record().is_ok_and(|bytes| trace::is_complete(&bytes))
}

/// The end of a log.
fn tail(path: &Path) -> String {
    const MOST_LINES: usize = 20;
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().rev().take(MOST_LINES).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

pub(super) fn unusable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(format!("cannot use {}: {error}", path.display()))
}
