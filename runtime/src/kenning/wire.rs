//! Messages as bytes: a header of 8 or 12 bytes, and a payload.
//!
//! Of the longer one, bytes 0 to 4 are a word whose two highest bits say who speaks, and the others what of; byte 0 alone is that word of the
//! shorter one. A checksum, 16 flags and the payload's length follow.

/// The form of a message, which an answer shares with its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Form {
    /// 12 bytes: Kenning's main branch since April 2026.
    #[default]
    Long,
    /// 8 bytes: Kenning 0.8.1 and 0.8.2.
    Short,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ping,
    Status,
    Data,
    Model,
    Process,
    Output,
    Stats,
    IoSpec,
    TraceData,
    Optimizers,
    OptimizeModel,
    Runtime,
    UnoptimizedModel,
    Logs,
}

/// By the numbers of the long form; the short one has no `TraceData`.
const KINDS: [Kind; 14] = [
    Kind::Ping,
    Kind::Status,
    Kind::Data,
    Kind::Model,
    Kind::Process,
    Kind::Output,
    Kind::Stats,
    Kind::IoSpec,
    Kind::TraceData,
    Kind::Optimizers,
    Kind::OptimizeModel,
    Kind::Runtime,
    Kind::UnoptimizedModel,
    Kind::Logs,
];

impl Kind {
    fn of(form: Form, number: u8) -> Option<Self> {
        let number = match form {
            Form::Short if number >= Self::TraceData as u8 => number.wrapping_add(1),
            _ => number,
        };
        KINDS.get(usize::from(number)).copied()
    }

    fn number(self, form: Form) -> u8 {
        let number = self as u8;
        match form {
            Form::Short if number > Self::TraceData as u8 => number.wrapping_sub(1),
            _ => number,
        }
    }
}

pub(super) const SUCCESS: u16 = 1 << 0;
pub(super) const FAIL: u16 = 1 << 1;
const HAS_PAYLOAD: u16 = 1 << 3;
pub(super) const FIRST: u16 = 1 << 4;
pub(super) const LAST: u16 = 1 << 5;
/// Kenning takes an answer with this flag for one of a device.
const IS_ZEPHYR: u16 = 1 << 7;
const RESERVED: u16 = 0xf << 8;
/// A specification that is no `model_spec_t`; of other kinds nothing.
const SERIALIZED: u16 = 1 << 12;
const OF_KIND: u16 = 0xf << 12;

/// Who speaks, in the two highest bits.
const ACKNOWLEDGE: u8 = 2 << 6;
const TRANSMISSION: u8 = 3 << 6;

/// What all bytes of a message come to, exclusive or.
pub(super) const CHECK: u8 = 0x4b;
/// Kenning sends smaller parts, and the protocol knows no larger ones.
const MOST_PAYLOAD: u32 = 1 << 20;
/// Bytes of the longer header.
pub(super) const MOST_HEADER: usize = 12;

/// The header of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) form: Form,
    pub(super) kind: Kind,
    pub(super) flags: u16,
    pub(super) size: u32,
    /// Whether the checksum counts: a client may leave it out.
    pub(super) is_checked: bool,
}

/// What bytes are that may be the start of a request.
#[derive(Debug)]
pub(super) enum Start {
    /// None.
    No,
    /// As far as they go.
    Yes,
    /// A header as a whole.
    Header(Header),
}

impl Start {
    /// The third byte tells forms apart: the short one has flags there, of which a request has one at least, and the long one is zero.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let (form, rest) = match bytes {
            [] => return Self::Yes,
            [number] | [number, _] => return Self::of_number(*number),
            [_, 0, 0] => return Self::Yes,
            [_, 0, 0, 0, rest @ ..] => match rest {
                [] => return Self::Yes,
                [0, rest @ ..] => (Form::Long, rest),
                _ => return Self::No,
            },
            [_, _, 0, ..] => return Self::No,
            [_, rest @ ..] => (Form::Short, rest),
        };
        let number = bytes.first().copied().unwrap_or_default();
        let Some(kind) = Kind::of(form, number) else {
            return Self::No;
        };
        let (checksum, flags, size) = match rest {
            [checksum, low, high, a, b, c, d] => (
                *checksum,
                u16::from_le_bytes([*low, *high]),
                u32::from_le_bytes([*a, *b, *c, *d]),
            ),
            [_, _, high, ..] if u16::from(*high) << 8 & RESERVED != 0 => return Self::No,
            _ => return Self::Yes,
        };
        let header = Header {
            form,
            kind,
            flags,
            size,
            is_checked: checksum != 0,
        };
        match header.is_request() {
            true => Self::Header(header),
            false => Self::No,
        }
    }

    fn of_number(number: u8) -> Self {
        match usize::from(number) < KINDS.len() {
            true => Self::Yes,
            false => Self::No,
        }
    }
}

impl Header {
    fn is_request(&self) -> bool {
        let has = |flags: u16| self.flags & flags != 0;
        let of_kind = match self.kind {
            Kind::IoSpec => SERIALIZED,
            _ => 0,
        };
        let is_whole = self.is(FIRST | LAST);
        !has(RESERVED)
            && self.flags & OF_KIND & !of_kind == 0
            && self.size <= MOST_PAYLOAD
            && (has(HAS_PAYLOAD) || self.size == 0)
            && (is_whole || self.size > 0)
            // A verdict is of answers, and says of a PING alone what it asks for.
            && has(SUCCESS | FAIL) == (self.kind == Kind::Ping)
            && (self.kind != Kind::Ping || is_whole)
    }

    /// Whether it has all of these flags.
    pub(super) fn is(&self, flags: u16) -> bool {
        self.flags & flags == flags
    }
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// An answer: done.
    Done,
    /// An answer: not done, and not to be tried again.
    Failed,
    /// The request is to be sent again.
    Denied,
    /// No answer, but a message of the device's.
    Pushed,
}

/// A header with the bytes that it has.
pub(super) struct Encoded {
    bytes: [u8; MOST_HEADER],
    form: Form,
}

impl Encoded {
    /// Of a message of one part; `xor` is of the payload's bytes.
    pub(super) fn new(form: Form, kind: Kind, outcome: Outcome, size: u32, xor: u8) -> Self {
        let (flow, verdict) = match outcome {
            Outcome::Done => (TRANSMISSION, SUCCESS),
            Outcome::Failed => (TRANSMISSION, FAIL),
            Outcome::Denied => (ACKNOWLEDGE, FAIL),
            Outcome::Pushed => (TRANSMISSION, 0),
        };
        let payload = if size > 0 { HAS_PAYLOAD } else { 0 };
        let [low, high] = (verdict | payload | FIRST | LAST | IS_ZEPHYR).to_le_bytes();
        let [a, b, c, d] = size.to_le_bytes();
        let number = kind.number(form);
        let xor = [number, flow, low, high, a, b, c, d]
            .iter()
            .fold(xor ^ CHECK, |xor, byte| xor ^ byte);
        let bytes = match form {
            Form::Long => [number, 0, 0, 0, flow, xor, low, high, a, b, c, d],
            Form::Short => [number | flow, xor, low, high, a, b, c, d, 0, 0, 0, 0],
        };
        Self { bytes, form }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let (short, _) = self
            .bytes
            .split_first_chunk::<8>()
            .map_or((&[][..], &[][..]), |(short, rest)| (short, rest));
        match self.form {
            Form::Long => &self.bytes,
            Form::Short => short,
        }
    }
}
