//! Bytes of a line → messages: where one begins, and what is lost.

use super::wire::{CHECK, Header, MOST_HEADER, Start};

/// Nothing for longer than this, and what has come of a message is all that will come.
pub(super) const GAP: u64 = 500_000_000;

/// What a byte was.
#[derive(Debug)]
pub(super) enum Event {
    /// Part of a header.
    Nothing,
    /// The last of a header. A payload follows if it has a size; else the message is over.
    Header(Header),
    /// One of the payload.
    Payload(u8),
    /// The last of it.
    PayloadEnd(u8),
}

/// Where in a message the line is.
#[derive(Debug)]
pub(super) struct Receiver {
    header: [u8; MOST_HEADER],
    filled: usize,
    /// Bytes of the payload to come.
    left: u32,
    xor: u8,
    is_checked: bool,
    /// Bytes that belong to no message since the last one.
    pub(super) skipped: bool,
}

impl Receiver {
    pub(super) const fn new() -> Self {
        Self {
            header: [0; MOST_HEADER],
            filled: 0,
            left: 0,
            xor: 0,
            is_checked: false,
            skipped: false,
        }
    }

    /// Whether a message has begun and not ended.
    pub(super) fn is_within(&self) -> bool {
        self.filled > 0 || self.left > 0
    }

    /// Takes the next byte for the first of a message.
    pub(super) fn restart(&mut self) {
        self.filled = 0;
        self.left = 0;
    }

    /// Whether the message that is over has come as it was sent, as far as its checksum says.
    pub(super) fn is_sound(&self) -> bool {
        !self.is_checked || self.xor == CHECK
    }

    pub(super) fn take(&mut self, byte: u8) -> Event {
        if self.left > 0 {
            self.left = self.left.wrapping_sub(1);
            self.xor ^= byte;
            return match self.left {
                0 => Event::PayloadEnd(byte),
                _ => Event::Payload(byte),
            };
        }
        if let Some(next) = self.header.get_mut(self.filled) {
            *next = byte;
            self.filled = self.filled.wrapping_add(1);
        }
        loop {
            let bytes = self.header.get(..self.filled).unwrap_or_default();
            match Start::of(bytes) {
                Start::Yes => return Event::Nothing,
                Start::No => {
                    // The message may begin at the next byte.
                    self.header.rotate_left(1);
                    self.filled = self.filled.saturating_sub(1);
                    self.skipped = true;
                }
                Start::Header(header) => {
                    self.xor = bytes.iter().fold(0, |xor, byte| xor ^ byte);
                    self.is_checked = header.is_checked;
                    self.left = header.size;
                    self.filled = 0;
                    return Event::Header(header);
                }
            }
        }
    }
}
