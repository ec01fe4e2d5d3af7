//! Firmware on a board, at the other end of a serial port that may lose and change bytes.
//!
//! What goes over the line is described in `harness/port_serial.c`. We ask, the board answers, and what is not answered is
//! asked again with the same number.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use castiron_codegen::error::{Diagnostic, Result};
use serial2::SerialPort;

use super::identity::Identity;
use super::trace;

/// A serial port.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// Its name: `/dev/ttyACM0`, `COM3`.
    pub port: String,
    /// Bits per second.
    pub baud: u32,
    /// How long the board may be silent, as it is while the model runs.
    pub timeout: Duration,
}

impl Line {
    /// What most boards' debuggers have.
    pub const BAUD: u32 = 115_200;
    /// Longer than most models run.
    pub const TIMEOUT: Duration = Duration::from_secs(30);

    /// A port with [`Line::BAUD`] and [`Line::TIMEOUT`].
    pub fn new(port: impl Into<String>) -> Self {
        Self {
            port: port.into(),
            baud: Self::BAUD,
            timeout: Self::TIMEOUT,
        }
    }

    /// What stands against using it, with what can be done about it.
    fn trouble(&self, what: &str) -> Diagnostic {
        Diagnostic::new(format!("{what} {}", self.port))
    }
}

/// Data of a frame at most.
const MOST_DATA: usize = 256;
/// Kind and number.
const HEADER: usize = 5;
const CRC: usize = 4;
/// More than any frame has: bytes without an end are noise.
const MOST_CODED: usize = 2 * (HEADER + MOST_DATA + CRC);
/// Far more than any model's operators give.
const MOST_RESULTS: usize = 1 << 30;

const BEGIN: u8 = b'H';
const GIVE: u8 = b'G';
const NEXT: u8 = b'N';
const IDENTITY: u8 = b'I';
const WANTS: u8 = b'W';
const RESULTS: u8 = b'D';
const ENDS: u8 = b'E';

/// Gives the firmware its inputs; what it is, and what it sent back.
pub(super) fn run(
    line: &Line,
    inputs: &[u8],
    check: impl FnOnce(&Identity) -> Result<()>,
) -> Result<(Identity, Vec<u8>)> {
    let mut session = Session::open(line)?;
    let identity = match session.ask(BEGIN, &[])? {
        (IDENTITY, text) => Identity::parse(&text)?,
        (kind, _) => return Err(session.unexpected(kind)),
    };
    check(&identity)?;
    let mut results = Vec::new();
    let mut rest = inputs;
    let mut answer = session.ask(NEXT, &[])?;
    loop {
        answer = match answer {
            (WANTS, wanted) => {
                let wanted = word(&wanted, 0).unwrap_or_default() as usize;
                let (part, after) = rest.split_at(wanted.min(MOST_DATA).min(rest.len()));
                if part.is_empty() {
                    return Err(session.wrong("wants more input than the cases have"));
                }
                rest = after;
                match session.ask(GIVE, part)? {
                    // It has all of this piece, and goes on.
                    (WANTS, left) if word(&left, 0) == Some(0) => session.ask(NEXT, &[])?,
                    other => other,
                }
            }
            (RESULTS, bytes) if !bytes.is_empty() && results.len() < MOST_RESULTS => {
                results.extend(bytes);
                if !trace::may_be(&results) {
                    return Err(session.wrong("sends what are no results"));
                }
                session.ask(NEXT, &[])?
            }
            (ENDS, sums) => {
                let given = &inputs[..inputs.len() - rest.len()];
                let whole = [given, &results].map(crc32fast::hash).map(Some);
                if [word(&sums, 0), word(&sums, 4)] != whole {
                    return Err(
                        session.wrong("got other bytes than were sent, or sent others than came")
                    );
                }
                if !rest.is_empty() && trace::all_ran(&results) {
                    return Err(session.wrong(&format!(
                        "took {} of {} bytes of input: its model has inputs of other sizes",
                        given.len(),
                        inputs.len()
                    )));
                }
                return Ok((identity, results));
            }
            (kind, _) => return Err(session.unexpected(kind)),
        };
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

struct Frame {
    kind: u8,
    number: u32,
    data: Vec<u8>,
}

impl Frame {
    fn encode(&self) -> Vec<u8> {
        let mut plain = vec![self.kind];
        plain.extend(self.number.to_le_bytes());
        plain.extend(&self.data);
        plain.extend(crc32fast::hash(&plain).to_le_bytes());
        // An end first: it ends what noise has begun.
        let mut coded = vec![0];
        coded.extend(cobs::encode_vec(&plain));
        coded.push(0);
        coded
    }

    fn decode(coded: &[u8]) -> Option<Self> {
        let plain = cobs::decode_vec(coded).ok()?;
        let (plain, crc) = plain.split_last_chunk::<CRC>()?;
        let (header, data) = plain.split_first_chunk::<HEADER>()?;
        let [kind, number @ ..] = *header;
        (crc32fast::hash(plain) == u32::from_le_bytes(*crc)).then(|| Self {
            kind,
            number: u32::from_le_bytes(number),
            data: data.to_vec(),
        })
    }
}

struct Session<'a> {
    line: &'a Line,
    port: SerialPort,
    /// The number of the last request.
    number: u32,
    /// Bytes of a frame whose end has not come yet.
    begun: Vec<u8>,
    frames: VecDeque<Frame>,
    bytes: usize,
    answers: usize,
}

/// How long a wait for bytes lasts at most, between looks at the time.
const TICK: Duration = Duration::from_millis(20);
/// What drivers and adapters take besides the time on the line.
const LATENCY: Duration = Duration::from_millis(50);
/// The model may be running; nobody hears us then.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

impl<'a> Session<'a> {
    fn open(line: &'a Line) -> Result<Self> {
        let opened = SerialPort::open(&line.port, line.baud).and_then(|mut port| {
            port.set_read_timeout(TICK)?;
            port.set_write_timeout(line.timeout)?;
            port.discard_buffers()?;
            Ok(port)
        });
        let port = opened.map_err(|e| {
            let trouble = line.trouble("cannot open the serial port").found(&e);
            match e.kind() {
                ErrorKind::NotFound => trouble.help(
                    "check that the board is plugged in, and the name: on Linux, `ls /dev/serial/by-id` lists those there are",
                ),
                ErrorKind::PermissionDenied => trouble.help(
                    "on Linux, ports belong to the group dialout: `sudo usermod -aG dialout $USER`, then log in again",
                ),
                _ => trouble.help("close other programs that have it open, and check the rate"),
            }
        })?;
        Ok(Self {
            line,
            port,
            // An answer from before is to none of our requests.
            number: RandomState::new().hash_one(line.baud) as u32,
            begun: Vec::new(),
            frames: VecDeque::new(),
            bytes: 0,
            answers: 0,
        })
    }

    /// Asks until there is an answer.
    fn ask(&mut self, kind: u8, data: &[u8]) -> Result<(u8, Vec<u8>)> {
        self.number = self.number.wrapping_add(1);
        let request = Frame {
            kind,
            number: self.number,
            data: data.to_vec(),
        };
        let request = request.encode();
        let bits = 10 * 2 * MOST_CODED as u64;
        let mut wait =
            LATENCY + Duration::from_millis(bits * 1000 / u64::from(self.line.baud.max(1)));
        let asked = Instant::now();
        while asked.elapsed() < self.line.timeout {
            self.port.write_all(&request).map_err(|e| self.gone(&e))?;
            // On a slow line an answer may take longer than the user waits.
            let again = (Instant::now() + wait).min(asked + self.line.timeout);
            while let Some(frame) = self.receive(again)? {
                if frame.number == self.number {
                    self.answers += 1;
                    return Ok((frame.kind, frame.data));
                }
            }
            wait = (wait * 2).min(LONGEST_WAIT.max(wait));
        }
        Err(self.silent().into())
    }

    /// The next frame that is whole, if one comes in time.
    fn receive(&mut self, until: Instant) -> Result<Option<Frame>> {
        let mut bytes = [0; 1024];
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Ok(Some(frame));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            let read = match self.port.read(&mut bytes) {
                Ok(0) => return Err(self.gone(&ErrorKind::UnexpectedEof.into()).into()),
                Ok(read) => read,
                Err(e) if [ErrorKind::TimedOut, ErrorKind::Interrupted].contains(&e.kind()) => {
                    continue;
                }
                Err(e) => return Err(self.gone(&e).into()),
            };
            self.bytes += read;
            for byte in &bytes[..read] {
                match byte {
                    0 => self
                        .frames
                        .extend(Frame::decode(&std::mem::take(&mut self.begun))),
                    _ if self.begun.len() < MOST_CODED => self.begun.push(*byte),
                    _ => self.begun.clear(),
                }
            }
        }
    }

    fn gone(&self, error: &std::io::Error) -> Diagnostic {
        self.line
            .trouble("the serial port is gone:")
            .found(error)
            .help("check the cable, and whether the board was unplugged or has started anew")
    }

    fn silent(&self) -> Diagnostic {
        let seconds = self.line.timeout.as_secs_f32();
        let Self { answers, bytes, .. } = *self;
        match (answers, bytes) {
            (0, 0) => (self.line.trouble("no board answers at"))
                .found(format!("not a byte for {seconds} s"))
                .help(
                    "check that this is the board's port, that the firmware of --firmware is on it and runs (reset it), and \
                     that TX and RX are not swapped",
                ),
            (0, _) => (self.line.trouble("nothing that castiron's firmware would send comes from"))
                .found(format!("{bytes} bytes, and no whole frame among them"))
                .help(format_args!(
                    "check that both sides have {} baud and 8N1, the clock that the board's UART divides, and that the \
                     firmware of --firmware is on it",
                    self.line.baud
                )),
            _ => (self.line.trouble("the board has stopped to answer at"))
                .found(format!("{answers} answers, then none for {seconds} s"))
                .help(
                    "if a run of the model takes longer, raise --timeout; otherwise reset the board and check its stack and \
                     the line",
                ),
        }
    }

    fn wrong(&self, what: &str) -> castiron_codegen::error::Error {
        let trouble = Diagnostic::new(format!("the board {what}"));
        trouble.help("reset it and try again").into()
    }

    fn unexpected(&self, kind: u8) -> castiron_codegen::error::Error {
        if [BEGIN, GIVE, NEXT].contains(&kind) {
            return (self.line.trouble("what castiron sends comes back from"))
                .help("the line has an echo: take away a loop-back, or turn the echo of the adapter or of the firmware off")
                .into();
        }
        self.wrong(&format!(
            "answers what was not asked: {:?}",
            char::from(kind)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_makes_no_frame() {
        for length in [0, 1, 253, 254, 255, MOST_DATA] {
            let data: Vec<u8> = (0..length).map(|i| (i % 7) as u8).collect();
            let frame = Frame {
                kind: GIVE,
                number: 0xFF00_0001,
                data,
            };
            let coded = frame.encode();
            let [0, inner @ .., 0] = &coded[..] else {
                panic!("no zeros around {coded:?}");
            };
            assert!(!inner.contains(&0));
            let back = Frame::decode(inner).expect("whole");
            assert_eq!(
                (back.kind, back.number, &back.data),
                (GIVE, 0xFF00_0001, &frame.data)
            );
            for at in 0..inner.len() {
                for bit in 0..8 {
                    let mut changed = inner.to_vec();
                    changed[at] ^= 1 << bit;
                    // A zero would end the frame: both halves are none.
                    let parts = changed.split(|byte| *byte == 0);
                    assert!(
                        parts.into_iter().all(|part| Frame::decode(part).is_none()),
                        "{at} {bit}"
                    );
                }
                let mut short = inner.to_vec();
                short.remove(at);
                assert!(Frame::decode(&short).is_none(), "without {at}");
            }
        }
    }
}
