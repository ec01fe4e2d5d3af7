//! The protocol: commands end with `%`, and the answer to each with the line `m-ready`.

use core::fmt::{self, Write as _};

use crate::board::Board;
use crate::buffer::{Buffer, Filled, Refused};
use crate::task::{self, Task};

/// The longest command, which is more than the 66 characters of the runner's `db`.
const LONGEST: usize = 127;
/// Runs that are not measured, unless the command says how many.
const WARMUPS: u32 = 10;
/// What stands for characters that the board lost: no command has it.
pub(crate) const LOST: u8 = 0;

const HELP: &str = "castiron, MLPerf Tiny\r
help          : this text\r
name          : the name of the device\r
profile       : the protocol and the model\r
timestamp     : the time, as a line or as a pulse\r
db load N     : wait for N bytes\r
db HH[HH]*    : bytes as hexadecimal digits\r
db print      : the bytes that came\r
infer N [W=10]: run the model N times, and W times before\r
results       : what the last run said\r
";

/// Says that the device is there.
pub(crate) fn greet(board: &mut Board) {
    // The serial port takes everything.
    let _ = write!(
        board,
        "m-timestamp-mode-{}\r\n",
        if cfg!(mode = "energy") {
            "energy"
        } else {
            "performance"
        }
    );
    let _ = timestamp(board);
    let _ = board.write_str("m-init-done\r\nm-ready\r\n");
}

/// What came of a command until now, and what commands before it have left.
pub(crate) struct Commands {
    line: [u8; LONGEST],
    len: usize,
    /// Characters that do not belong in a command came, or too many.
    fault: Option<&'static str>,
    buffer: Buffer<{ task::BYTES }>,
    has_run: bool,
}

impl Commands {
    pub(crate) const fn new() -> Self {
        Self {
            line: [0; LONGEST],
            len: 0,
            fault: None,
            buffer: Buffer::new(),
            has_run: false,
        }
    }

    /// Takes a character. The last one of a command runs it.
    pub(crate) fn take(&mut self, byte: u8, task: &mut Task, board: &mut Board) {
        match byte {
            b'%' => {
                // The serial port takes everything.
                let _ = self.answer(task, board);
                let _ = board.write_str("m-ready\r\n");
                (self.len, self.fault) = (0, None);
            }
            // Terminals send these.
            b'\r' | b'\n' => {}
            b' '..=b'~' => match self.line.get_mut(self.len) {
                Some(place) => {
                    *place = byte;
                    self.len += 1;
                }
                None => self.fault = self.fault.or(Some("The command is too long")),
            },
            LOST => self.fault = Some("Characters were lost"),
            _ => {
                self.fault = self
                    .fault
                    .or(Some("The command has characters that are no text"))
            }
        }
    }

    fn answer(&mut self, task: &mut Task, board: &mut Board) -> fmt::Result {
        if let Some(fault) = self.fault {
            return write!(board, "e-[{fault}]\r\n");
        }
        let line = self.line.get(..self.len).unwrap_or_default();
        let line = str::from_utf8(line).unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        match words.next().unwrap_or_default() {
            "name" => board.write_str("m-name-dut-[castiron]\r\n"),
            "profile" => write!(
                board,
                "m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[{}]\r\n",
                task::ID
            ),
            "timestamp" => timestamp(board),
            "help" => board.write_str(HELP),
            "db" => match (words.next(), words.next()) {
                (None, _) => board.write_str("e-[Command 'db' requires a subcommand]\r\n"),
                (Some("load"), bytes) => load(&mut self.buffer, bytes, board),
                (Some("print"), _) => print(&self.buffer, board),
                (Some(digits), _) => fill(&mut self.buffer, digits, board),
            },
            "infer" => {
                let runs = words.next().map_or(Ok(1), str::parse);
                let warmups = words.next().map_or(Ok(WARMUPS), str::parse);
                match (runs, warmups, self.buffer.all()) {
                    (Err(_) | Ok(0), ..) => {
                        board.write_str("e-[Inference iterations must be >0]\r\n")
                    }
                    (_, Err(_), _) => board.write_str("e-[Inference warmup must be >=0]\r\n"),
                    (.., None) => write!(
                        board,
                        "e-[The input has {} of {} bytes]\r\n",
                        self.buffer.filled().len(),
                        task::BYTES
                    ),
                    (Ok(runs), Ok(warmups), Some(bytes)) => {
                        self.has_run = true;
                        task.load(bytes);
                        infer(task, runs, warmups, board)
                    }
                }
            }
            "results" if self.has_run => results(task, board),
            "results" => board.write_str("e-[No inference has run]\r\n"),
            other => write!(board, "e-[Unknown command: {other}]\r\n"),
        }
    }
}

/// Shows the time: measuring devices see the pulse, runners read the line.
fn timestamp(board: &mut Board) -> fmt::Result {
    if cfg!(mode = "energy") {
        board.pulse();
        return Ok(());
    }
    let microseconds = board.microseconds();
    write!(board, "m-lap-us-{microseconds}\r\n")
}

fn infer(task: &mut Task, runs: u32, warmups: u32, board: &mut Board) -> fmt::Result {
    write!(board, "m-warmup-start-{warmups}\r\n")?;
    for _ in 0..warmups {
        task.infer();
    }
    write!(board, "m-warmup-done\r\nm-infer-start-{runs}\r\n")?;
    timestamp(board)?;
    for _ in 0..runs {
        task.infer();
        board.keep_time();
    }
    timestamp(board)?;
    board.write_str("m-infer-done\r\n")?;
    results(task, board)
}

fn results(task: &Task, board: &mut Board) -> fmt::Result {
    board.write_str("m-results-[")?;
    task.results(board)?;
    board.write_str("]\r\n")
}

fn load<const N: usize>(
    buffer: &mut Buffer<N>,
    bytes: Option<&str>,
    board: &mut Board,
) -> fmt::Result {
    match bytes.map(str::parse) {
        None => board.write_str("e-[Command 'db load' requires the # of bytes]\r\n"),
        Some(Err(_) | Ok(0)) => board.write_str("e-[Command 'db load' must be >0 bytes]\r\n"),
        Some(Ok(bytes)) => match buffer.expect(bytes) {
            true => write!(board, "m-[Expecting {bytes} bytes]\r\n"),
            false => write!(
                board,
                "e-[Supplied buffer size {bytes} exceeds maximum of {N}]\r\n"
            ),
        },
    }
}

fn fill<const N: usize>(buffer: &mut Buffer<N>, digits: &str, board: &mut Board) -> fmt::Result {
    match buffer.take(digits.as_bytes()) {
        Ok(Filled::Complete) => board.write_str("m-load-done\r\n"),
        Ok(Filled::Partly) => Ok(()),
        Err(Refused::OddDigits) => board.write_str("e-[Insufficent number of hex digits]\r\n"),
        Err(Refused::NoDigits(pair)) => {
            let [high, low] = pair.map(char::from);
            write!(board, "e-[Invalid hex digit '{high}{low}']\r\n")
        }
        Err(Refused::NotExpected) => {
            board.write_str("e-[No bytes are expected: 'db load' says how many]\r\n")
        }
    }
}

/// Eight bytes a line.
fn print<const N: usize>(buffer: &Buffer<N>, board: &mut Board) -> fmt::Result {
    for row in buffer.filled().chunks(8) {
        board.write_str("m-buffer-")?;
        for (position, byte) in row.iter().enumerate() {
            let dash = if position == 0 { "" } else { "-" };
            write!(board, "{dash}{byte:02x}")?;
        }
        board.write_str("\r\n")?;
    }
    Ok(())
}
