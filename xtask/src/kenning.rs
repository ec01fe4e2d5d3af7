//! A session by Kenning's inference protocol with firmware on an emulated board, over the emulator's serial line: what Kenning's client does, and
//! what it never does.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use castiron_cases::{Interface, Recording};
use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::program::ElementType;
use castiron_codegen::tflite;

use crate::cores::Core;
use crate::firmware::Builder;

/// A network of float32 and one of int8.
const MODELS: [&str; 2] = ["vae", "kws_dscnn_int8"];
/// Far more than any answer takes, that to a cut message included.
const PATIENCE: Duration = Duration::from_secs(60);

const PING: u8 = 0;
const DATA: u8 = 2;
const MODEL: u8 = 3;
const PROCESS: u8 = 4;
const OUTPUT: u8 = 5;
const STATS: u8 = 6;
const LOGS: u8 = 13;

const SUCCESS: u8 = 1;
const FAIL: u8 = 2;

/// Builds the example for each model, and evaluates it in either form of messages; what to print of it.
pub(crate) fn example(root: &Path, builder: &Builder<'_>) -> Result<String> {
    let folder = root.join("examples/models");
    let mut said = String::new();
    for name in MODELS {
        let file = folder.join(format!("{name}.tflite"));
        let image = builder.kenning(&file)?;
        let bytes = std::fs::read(&file)?;
        let model = tflite::read(name, &bytes)?;
        let program = compile::compile(&model, &CompileOptions::default())?;
        let entry = program.entries.first().context("no entry point")?;
        let outputs = || entry.outputs.iter().map(|port| port.operand.element);
        let is_float = outputs().all(|element| element == ElementType::F32);
        let agree = if is_float {
            "agree within 1e-5"
        } else {
            "are exact"
        };
        let golden = folder.join(format!("golden/{name}.safetensors"));
        let cases = Recording::open(&golden)?.cases(&Interface::from(entry))?;
        let mut board = Board::start(builder.core, &image)?;
        for long in [true, false] {
            let header = if long { 12 } else { 8 };
            let mut client = Client {
                board: &mut board,
                long,
                is_float,
            };
            let session = client.session(&bytes, &cases);
            session.with_context(|| format!("{name}, headers of {header} bytes"))?;
            said += &format!(
                "{name} is served by Kenning's protocol with headers of {header} bytes: {} of {} cases {agree}\n",
                cases.len(),
                cases.len()
            );
        }
    }
    Ok(said)
}

/// An emulator, and its end of the serial line.
struct Board {
    emulator: Child,
    line: UnixStream,
    // It has the line's socket.
    _folder: tempfile::TempDir,
}

impl Drop for Board {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
    }
}

impl Board {
    fn start(core: Core, image: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("line");
        ensure!(core == Core::M4, "the example is for a Cortex-M4");
        let emulator = Command::new("qemu-system-arm")
            .args(["-machine", "mps2-an386", "-cpu", "cortex-m4"])
            .args(["-display", "none", "-monitor", "none", "-serial"])
            .arg(format!("unix:{},server=on,wait=off", socket.display()))
            .arg("-kernel")
            .arg(image)
            .stdin(Stdio::null())
            .spawn()
            .context("starting QEMU")?;
        let start = Instant::now();
        let line = loop {
            match UnixStream::connect(&socket) {
                Ok(line) => break line,
                Err(_) if start.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(error) => return Err(error).context("QEMU's serial line"),
            }
        };
        line.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            emulator,
            line,
            _folder: folder,
        })
    }
}

/// What a message of the device's is.
struct Answer {
    kind: u8,
    /// Whether it denies the request, rather than answers it.
    is_denial: bool,
    flags: u8,
    payload: Vec<u8>,
}

struct Client<'a> {
    board: &'a mut Board,
    long: bool,
    /// Whether outputs are float32, whose last bits are those of the processor that recorded them.
    is_float: bool,
}

/// As the benchmarks' firmware compares floats.
fn are_close(some: &[u8], others: &[u8]) -> bool {
    let floats = |bytes: &[u8]| {
        let (floats, _) = bytes.as_chunks::<4>();
        let floats = floats.iter().map(|bytes| f32::from_le_bytes(*bytes));
        floats.collect::<Vec<f32>>()
    };
    let mut pairs = floats(some).into_iter().zip(floats(others));
    some.len() == others.len()
        && pairs.all(|(one, other)| (one - other).abs() <= 1e-5 * other.abs().max(1.0))
}

impl Client<'_> {
    /// All cases; and on the way noise, a message that is cut, one that is too long, and another model.
    fn session(&mut self, model: &[u8], cases: &[castiron_cases::Case]) -> Result<()> {
        self.board.line.write_all(b"*** Booting ***\r\n\xff\xfe")?;
        self.done(PING, SUCCESS, &[])?;
        // Whoever lost a session opens another.
        self.done(PING, SUCCESS, &[])?;
        self.done(MODEL, 0, model)?;
        self.done(MODEL, 0, &[])?;
        let mut runs = 0;
        for (number, case) in cases.iter().enumerate() {
            let input = case.inputs.concat();
            match number {
                0 => self.fails(
                    DATA,
                    &[input.as_slice(), &[0; 999]].concat(),
                    "bytes of input",
                )?,
                1 => self.is_denied_when_cut(&input)?,
                _ => {}
            }
            self.done(DATA, 0, &input)?;
            self.done(PROCESS, 0, &[])?;
            runs += 1;
            let output = self.done(OUTPUT, 0, &[])?;
            let mut expected: Vec<u8> = Vec::new();
            for output in &case.outputs {
                expected.extend(output.as_deref().context("a case has no output")?);
            }
            let is_same = match self.is_float {
                false => output == expected,
                true => are_close(&output, &expected),
            };
            ensure!(is_same, "case {number} has other outputs");
        }
        let statistics = self.done(STATS, 0, &[])?;
        ensure!(statistics.len() > 7 * 48 && statistics.len().is_multiple_of(48));
        let records = statistics.chunks(48);
        let count = records
            .filter(|record| record.starts_with(b"inferences\0"))
            .filter_map(|record| record.last_chunk().copied());
        let count: Vec<u64> = count.map(u64::from_le_bytes).collect();
        ensure!(
            count == [runs],
            "{count:?} runs are counted, and not {runs}"
        );
        let mut other = model.to_vec();
        if let Some(byte) = other.last_mut() {
            *byte ^= 1;
        }
        self.fails(MODEL, &other, "another model")?;
        self.fails(PROCESS, &[], "another model")?;
        self.done(PING, FAIL, &[])?;
        Ok(())
    }

    fn done(&mut self, kind: u8, flags: u8, payload: &[u8]) -> Result<Vec<u8>> {
        self.send(kind, flags, payload)?;
        let answer = self.receive()?;
        if answer.kind == LOGS {
            bail!("{}", String::from_utf8_lossy(&answer.payload));
        }
        ensure!(
            answer.kind == kind && !answer.is_denial && answer.flags & 0xb7 == 0xb1,
            "message {kind} is answered by {} with flags {:#x}",
            answer.kind,
            answer.flags
        );
        Ok(answer.payload)
    }

    fn fails(&mut self, kind: u8, payload: &[u8], why: &str) -> Result<()> {
        self.send(kind, 0, payload)?;
        let log = self.receive()?;
        let said = String::from_utf8_lossy(&log.payload).into_owned();
        ensure!(
            log.kind == LOGS && said.contains(why),
            "{why} is not the reason: {said:?}"
        );
        let answer = self.receive()?;
        ensure!(answer.kind == kind && !answer.is_denial && answer.flags & 3 == FAIL);
        Ok(())
    }

    fn is_denied_when_cut(&mut self, input: &[u8]) -> Result<()> {
        let bytes = self.request(DATA, 0, input);
        let (half, _) = bytes.split_at(bytes.len() / 2);
        self.board.line.write_all(half)?;
        let mut is_denied = false;
        // Of each kind that it may have been.
        for _ in 0..6 {
            let answer = self.receive()?;
            ensure!(answer.is_denial && answer.flags & 3 == FAIL);
            is_denied |= answer.kind == DATA;
        }
        ensure!(is_denied, "a request that was cut is not denied");
        Ok(())
    }

    fn send(&mut self, kind: u8, flags: u8, payload: &[u8]) -> Result<()> {
        let bytes = self.request(kind, flags, payload);
        Ok(self.board.line.write_all(&bytes)?)
    }

    /// A request in parts as Kenning's client makes them, of which every second one leaves out its checksum.
    fn request(&self, kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let most = if self.long { 124 } else { 128 };
        let parts: Vec<&[u8]> = match payload {
            [] => vec![&[]],
            _ => payload.chunks(most).collect(),
        };
        let mut bytes = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let first = if at == 0 { 0x10 } else { 0 };
            let last = if at + 1 == parts.len() { 0x20 } else { 0 };
            let has = if part.is_empty() { 0 } else { 8 };
            let mut message = vec![kind];
            message.extend(if self.long { &[0; 4][..] } else { &[] });
            let check = message.len();
            message.extend([0, flags | first | last | has, 0]);
            message.extend((part.len() as u32).to_le_bytes());
            message.extend(*part);
            if at % 2 == 0 {
                message[check] = message.iter().fold(0x4b, |xor, byte| xor ^ byte);
            }
            bytes.extend(message);
        }
        bytes
    }

    fn receive(&mut self) -> Result<Answer> {
        let mut header = vec![0; if self.long { 12 } else { 8 }];
        self.read(&mut header)?;
        let (flow, tail) = if self.long {
            (header[4], 5)
        } else {
            (header[0], 1)
        };
        let mut kind = header[0] & 0x3f;
        // The short form knows no trace data.
        if !self.long && kind > 7 {
            kind += 1;
        }
        let size = header[tail + 3..]
            .first_chunk()
            .copied()
            .unwrap_or_default();
        let mut payload = vec![0; u32::from_le_bytes(size) as usize];
        self.read(&mut payload)?;
        let xor = header
            .iter()
            .chain(&payload)
            .fold(0, |xor, byte| xor ^ byte);
        ensure!(xor == 0x4b, "the checksum of message {kind} is wrong");
        Ok(Answer {
            kind,
            is_denial: flow >> 6 == 2,
            flags: header[tail + 1],
            payload,
        })
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.board
            .line
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    anyhow::anyhow!("the device does not answer")
                }
                _ => error.into(),
            })
    }
}
