//! Kenning's protocol, byte for byte, and what a bad line does to it.

use std::collections::VecDeque;

use castiron_runtime::crc::Crc32;
use castiron_runtime::kenning::{Port, SPEC_BYTES, Served, Server};
use proptest::prelude::*;

/// Doubles three bytes of one input and one of another, into one output.
#[derive(Default)]
struct Doubler {
    inputs: [Vec<u8>; 2],
    output: [u8; 4],
    runs: usize,
    resets: usize,
}

const FILE: [u8; 300] = [7; 300];

impl Served for Doubler {
    const SPEC: [u8; SPEC_BYTES] = {
        let mut spec = [0; SPEC_BYTES];
        // Two inputs, 1x3 and 1, and an output of 4: int8.
        spec[0] = 2;
        spec[4] = 2;
        spec[8] = 1;
        spec[12] = 1;
        spec[16] = 3;
        spec[28] = 1;
        spec[45] = 8;
        spec[47] = 8;
        spec[48] = 1;
        spec[52] = 1;
        spec[100] = 4;
        spec[293] = 8;
        spec
    };
    // zlib's for 300 bytes of 7.
    const FILE: (u32, u32) = (300, 0x7aa1_12e8);
    const ARENA_BYTES: usize = 64;
    const STATE_BYTES: usize = 8;
    const OPERATORS: &'static [(usize, &'static str)] = &[(0, "0 PACK"), (3, "3 ADD")];
    type Times = [u64; 2];
    const NO_TIMES: [u64; 2] = [0; 2];

    fn input(&mut self, index: usize) -> Option<&mut [u8]> {
        self.inputs[0].resize(3, 0);
        self.inputs[1].resize(1, 0);
        self.inputs.get_mut(index).map(|input| &mut input[..])
    }

    fn output(&self, index: usize) -> Option<&[u8]> {
        (index == 0).then_some(&self.output)
    }

    fn run(&mut self, mut after: impl FnMut(usize)) -> bool {
        after(0);
        let inputs = self.inputs.iter().flatten();
        self.output
            .iter_mut()
            .zip(inputs)
            .for_each(|(to, from)| *to = from.wrapping_mul(2));
        after(3);
        self.runs += 1;
        true
    }

    fn reset(&mut self) {
        self.resets += 1;
    }
}

/// A line whose clock goes on by a microsecond at each look.
#[derive(Default)]
struct Line {
    coming: VecDeque<u8>,
    sent: Vec<u8>,
    time: u64,
}

impl Port for Line {
    fn read(&mut self) -> Option<u8> {
        self.coming.pop_front()
    }
    fn write(&mut self, bytes: &[u8]) {
        self.sent.extend(bytes);
    }
    fn nanoseconds(&mut self) -> u64 {
        self.time += 1000;
        self.time
    }
}

struct Device {
    model: Doubler,
    server: Server<Doubler>,
    line: Line,
    long: bool,
}

const PING: u8 = 0;
const DATA: u8 = 2;
const MODEL: u8 = 3;
const PROCESS: u8 = 4;
const OUTPUT: u8 = 5;
const STATS: u8 = 6;
const IO_SPEC: u8 = 7;
const RUNTIME: u8 = 11;
const LOGS: u8 = 13;

const SUCCESS: u16 = 1;
const FAIL: u16 = 2;
const FIRST: u16 = 0x10;
const LAST: u16 = 0x20;

/// What a message of the device's is.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    kind: u8,
    flow: u8,
    flags: u16,
    payload: Vec<u8>,
}

impl Answer {
    fn done(kind: u8, payload: &[u8]) -> Self {
        let has = if payload.is_empty() { 0 } else { 8 };
        Self {
            kind,
            flow: 3,
            flags: 0xb1 | has,
            payload: payload.to_vec(),
        }
    }
    fn denied(kind: u8) -> Self {
        Self {
            kind,
            flow: 2,
            flags: 0xb2,
            payload: Vec::new(),
        }
    }
    fn is_failure(&self, kind: u8) -> bool {
        (self.kind, self.flow, self.flags) == (kind, 3, 0xb2)
    }
    fn is_log(&self, text: &str) -> bool {
        let said = String::from_utf8_lossy(&self.payload[1..]);
        self.kind == LOGS && usize::from(self.payload[0]) == said.len() && said.contains(text)
    }
}

/// A message of the host's, with its checksum.
fn message(long: bool, kind: u8, flags: u16, payload: &[u8]) -> Vec<u8> {
    let flags = flags | if payload.is_empty() { 0 } else { 8 };
    let number = if !long && kind > 8 { kind - 1 } else { kind };
    let mut bytes = vec![number];
    bytes.extend(if long { &[0, 0, 0, 0][..] } else { &[] });
    let check = bytes.len();
    bytes.push(0);
    bytes.extend(flags.to_le_bytes());
    bytes.extend((payload.len() as u32).to_le_bytes());
    bytes.extend(payload);
    bytes[check] = bytes.iter().fold(0x4b, |xor, byte| xor ^ byte);
    bytes
}

/// A request in parts of at most 124 bytes, as Kenning sends it.
fn request(long: bool, kind: u8, flags: u16, payload: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = match payload {
        [] => vec![&[]],
        _ => payload.chunks(124).collect(),
    };
    let last = parts.len() - 1;
    let parts = parts.into_iter().enumerate().map(|(at, part)| {
        let first = if at == 0 { FIRST } else { 0 };
        message(
            long,
            kind,
            flags | first | if at == last { LAST } else { 0 },
            part,
        )
    });
    parts.flatten().collect()
}

impl Device {
    fn new(long: bool) -> Self {
        Self {
            model: Doubler::default(),
            server: Server::new(),
            line: Line::default(),
            long,
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Vec<Answer> {
        self.line.coming.extend(bytes);
        self.server.poll(&mut self.model, &mut self.line);
        self.answers()
    }

    /// Nothing comes for longer than a message waits.
    fn silence(&mut self) -> Vec<Answer> {
        self.line.time += 600_000_000;
        self.send(&[])
    }

    fn ask(&mut self, kind: u8, flags: u16, payload: &[u8]) -> Vec<Answer> {
        self.send(&request(self.long, kind, flags, payload))
    }

    fn answers(&mut self) -> Vec<Answer> {
        let bytes = std::mem::take(&mut self.line.sent);
        let mut rest = &bytes[..];
        let mut answers = Vec::new();
        while !rest.is_empty() {
            let (number, flow, tail) = match self.long {
                true => (rest[0], rest[4] >> 6, 5),
                false => (rest[0] & 0x3f, rest[0] >> 6, 1),
            };
            let size = u32::from_le_bytes(rest[tail + 3..tail + 7].try_into().unwrap()) as usize;
            let (message, after) = rest.split_at(tail + 7 + size);
            assert_eq!(
                message.iter().fold(0, |xor, byte| xor ^ byte),
                0x4b,
                "checksum of {message:x?}"
            );
            answers.push(Answer {
                kind: if !self.long && number > 7 {
                    number + 1
                } else {
                    number
                },
                flow,
                flags: u16::from_le_bytes([message[tail + 1], message[tail + 2]]),
                payload: message[tail + 7..].to_vec(),
            });
            rest = after;
        }
        answers
    }

    /// A session as Kenning has it.
    fn session(&mut self) {
        let runs = self.model.runs;
        assert_eq!(self.ask(PING, SUCCESS, &[]), [Answer::done(PING, &[])]);
        assert_eq!(
            self.ask(IO_SPEC, 0, &Doubler::SPEC),
            [Answer::done(IO_SPEC, &[])]
        );
        assert_eq!(self.ask(MODEL, 0, &FILE), [Answer::done(MODEL, &[])]);
        for sample in 0..3 {
            self.sample([sample, 2, 3, 100]);
        }
        let [statistics] = &self.ask(STATS, 0, &[])[..] else {
            panic!("one answer");
        };
        assert_eq!((statistics.kind, statistics.payload.len()), (STATS, 9 * 48));
        assert_eq!(self.model.runs, runs + 3);
        assert_eq!(self.ask(PING, FAIL, &[]), [Answer::done(PING, &[])]);
    }

    fn sample(&mut self, input: [u8; 4]) {
        assert_eq!(self.ask(DATA, 0, &input), [Answer::done(DATA, &[])]);
        assert_eq!(self.ask(PROCESS, 0, &[]), [Answer::done(PROCESS, &[])]);
        let output = input.map(|byte| byte.wrapping_mul(2));
        assert_eq!(self.ask(OUTPUT, 0, &[]), [Answer::done(OUTPUT, &output)]);
    }
}

/// Recorded of Kenning's own client.
#[test]
fn messages_are_those_of_kenning() {
    let connect = [0, 0, 0, 0, 0, 0x7a, 0x31, 0, 0, 0, 0, 0];
    assert_eq!(request(true, PING, SUCCESS, &[]), connect);
    let mut device = Device::new(true);
    device.line.coming.extend(connect);
    device.server.poll(&mut device.model, &mut device.line);
    assert_eq!(
        device.line.sent,
        [0, 0, 0, 0, 0xc0, 0x3a, 0xb1, 0, 0, 0, 0, 0]
    );
    device.line.sent.clear();

    let data = [2, 0, 0, 0, 0, 0x71, 0x38, 0, 4, 0, 0, 0, 1, 2, 3, 4];
    assert_eq!(device.send(&data), [Answer::done(DATA, &[])]);
    assert_eq!(device.ask(PROCESS, 0, &[]), [Answer::done(PROCESS, &[])]);
    device.model.output = [1, 2, 3, 4];
    device.line.coming.extend(request(true, OUTPUT, 0, &[]));
    device.server.poll(&mut device.model, &mut device.line);
    let output = [5, 0, 0, 0, 0xc0, 0x37, 0xb9, 0, 4, 0, 0, 0, 1, 2, 3, 4];
    assert_eq!(device.line.sent, output);
    device.line.sent.clear();

    let disconnect = [0, 0, 0, 0, 0, 0x79, 0x32, 0, 0, 0, 0, 0];
    assert_eq!(device.send(&disconnect), [Answer::done(PING, &[])]);
    // Kenning 0.8.2 connects, with its checksum and without.
    device.long = false;
    for check in [0x7a, 0] {
        assert_eq!(
            device.send(&[0, check, 0x31, 0, 0, 0, 0, 0]),
            [Answer::done(PING, &[])]
        );
    }
    assert_eq!(Crc32::of(b"123456789"), 0xcbf4_3926);
}

#[test]
fn sessions_follow_each_other_in_either_form() {
    let mut device = Device::new(true);
    for long in [true, false, true] {
        device.long = long;
        device.session();
    }
    assert_eq!(device.model.resets, 3);
    // Whoever comes after a client that was killed is no less welcome.
    for _ in 0..2 {
        assert_eq!(device.ask(PING, SUCCESS, &[]), [Answer::done(PING, &[])]);
    }
    assert_eq!(device.ask(RUNTIME, 0, &[]), [Answer::done(RUNTIME, &[])]);
}

#[test]
fn statistics_are_records_that_kenning_reads() {
    let mut device = Device::new(true);
    device.ask(PING, SUCCESS, &[]);
    device.sample([1; 4]);
    let answer = device.ask(STATS, 0, &[]).remove(0);
    let records = answer.payload.chunks(48).map(|record| {
        let name = String::from_utf8_lossy(&record[..32]);
        let number = |at: usize| u64::from_le_bytes(record[at..at + 8].try_into().unwrap());
        (
            name.trim_end_matches('\0').to_owned(),
            number(32),
            number(40),
        )
    });
    let records: Vec<_> = records.collect();
    let expected = [
        ("peak_allocated", 1, 72),
        ("arena", 1, 64),
        ("state", 1, 8),
        ("target_inference_step", 2, 3000),
        ("target_inference_step_min", 2, 3000),
        ("target_inference_step_max", 2, 3000),
        ("inferences", 0, 1),
        ("0 PACK", 2, 1000),
        ("3 ADD", 2, 1000),
    ];
    assert_eq!(
        records,
        expected.map(|(name, unit, value)| (name.to_owned(), unit, value))
    );
}

/// Each failure says why, before it fails, and the next request is served.
#[test]
fn what_is_not_of_this_model_fails_and_says_why() {
    let mut device = Device::new(false);
    device.ask(PING, SUCCESS, &[]);
    let mut fails = |kind: u8, payload: &[u8], why: &str| {
        let answers = device.ask(kind, 0, payload);
        let [log, failure] = &answers[..] else {
            panic!("{answers:?}");
        };
        assert!(
            log.is_log(why) && failure.is_failure(kind),
            "{why}: {answers:?}"
        );
    };
    fails(OUTPUT, &[], "the model has not run");
    fails(PROCESS, &[], "there is no input");
    fails(MODEL, &[8; 300], "as long, but with other bytes");
    fails(DATA, &[1; 4], "another model than the host");
    fails(MODEL, &[7; 299], "299 bytes, not 300");
    fails(RUNTIME, &[1; 40], "compiled into the firmware");
    fails(9, b"{}", "on the host");
    let mut spec = Doubler::SPEC;
    spec[48] = 2;
    fails(IO_SPEC, &spec, "2 outputs, and the model in the firmware 1");
    spec[48] = 1;
    spec[44] = 2;
    fails(IO_SPEC, &spec, "another type for input 0");
    spec[44] = 0;
    spec[16] = 4;
    fails(
        IO_SPEC,
        &spec,
        "4 elements for input 0, and the model in the firmware 3",
    );
    fails(IO_SPEC, &spec[..160], "160 bytes");
    // That no file comes says nothing of what was refused.
    assert_eq!(device.ask(MODEL, 0, &[]), [Answer::done(MODEL, &[])]);
    let answers = device.ask(DATA, 0, &[1; 4]);
    assert!(answers[0].is_log("another model") && answers[1].is_failure(DATA));
    assert_eq!(device.ask(MODEL, 0, &FILE), [Answer::done(MODEL, &[])]);
    for length in [0, 3, 5, 2000] {
        let answers = device.ask(DATA, 0, &vec![0; length]);
        assert!(answers[0].is_log("the model takes 4") && answers[1].is_failure(DATA));
    }
    device.session();
    // Kenning writes rows of less than four sizes one behind the other.
    let mut packed = Doubler::SPEC;
    packed.copy_within(28..32, 20);
    packed[28] = 0;
    assert_eq!(
        device.ask(IO_SPEC, 0, &packed),
        [Answer::done(IO_SPEC, &[])]
    );
}

#[test]
fn damaged_requests_are_sent_again() {
    for long in [true, false] {
        let mut device = Device::new(long);
        device.ask(PING, SUCCESS, &[]);
        let sound = request(long, MODEL, 0, &FILE);
        for at in 0..sound.len() {
            // A bit is another.
            let mut changed = sound.clone();
            changed[at] ^= 1 << (at % 8);
            let mut answers = device.send(&changed);
            answers.extend(device.silence());
            assert!(
                answers.contains(&Answer::denied(MODEL)),
                "{at}: {answers:?}"
            );
            // A byte is lost.
            let mut lost = sound.clone();
            lost.remove(at);
            let mut answers = device.send(&lost);
            answers.extend(device.silence());
            assert!(
                answers.contains(&Answer::denied(MODEL)),
                "{at}: {answers:?}"
            );
            // The message ends.
            let mut answers = device.send(&sound[..at]);
            answers.extend(device.silence());
            assert!(
                at == 0 || answers.contains(&Answer::denied(MODEL)),
                "{at}: {answers:?}"
            );
            assert_eq!(device.send(&sound), [Answer::done(MODEL, &[])], "{at}");
        }
        // A request that came twice does its work once.
        device.sample([1; 4]);
        let runs = device.model.runs;
        assert_eq!(device.ask(PROCESS, 0, &[]), [Answer::done(PROCESS, &[])]);
        assert_eq!(device.model.runs, runs);
        // A boot message, and a session right behind it.
        let mut behind = b"*** Booting ***\r\n\0\0\0".to_vec();
        behind.extend(request(long, PING, SUCCESS, &[]));
        assert_eq!(device.send(&behind), [Answer::done(PING, &[])]);
    }
}

proptest! {
    /// Whatever has been on the line, a session after a silence is one.
    #[test]
    fn noise_loses_no_later_session(
        long: bool,
        noise in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..60),
                (0..14_u8, any::<u16>(), proptest::collection::vec(any::<u8>(), 0..40), any::<bool>())
                    .prop_map(|(kind, flags, payload, long)| message(long, kind, flags & 0xf3, &payload)),
                proptest::collection::vec(0..2_u8, 0..40),
            ],
            0..12,
        ),
    ) {
        let mut device = Device::new(long);
        for bytes in noise {
            device.line.coming.extend(bytes);
            device.server.poll(&mut device.model, &mut device.line);
        }
        device.line.time += 600_000_000;
        device.server.poll(&mut device.model, &mut device.line);
        device.line.sent.clear();
        device.session();
    }
}
