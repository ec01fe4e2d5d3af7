//! A line for the client's log, without the formatting of `core`, which can panic.

/// As long as the protocol's byte of length, with room for a sentence.
const MOST: usize = 128;

/// A line of text, cut where it is too long.
#[derive(Debug)]
pub(super) struct Line {
    bytes: [u8; MOST],
    len: usize,
}

impl Line {
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; MOST],
            len: 0,
        }
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        text.bytes().for_each(|byte| self.push(byte));
        self
    }

    pub(super) fn number(mut self, number: u32) -> Self {
        let mut divisor = 1_000_000_000_u32;
        let mut has_begun = false;
        while let Some(digit) = number.checked_div(divisor) {
            has_begun |= digit > 0 || divisor == 1;
            if has_begun {
                self.push(b'0'.wrapping_add((digit % 10) as u8));
            }
            divisor /= 10;
        }
        self
    }

    fn push(&mut self, byte: u8) {
        // The client decodes ASCII, and nothing else.
        let byte = if byte.is_ascii() { byte } else { b'?' };
        if let Some(next) = self.bytes.get_mut(self.len) {
            *next = byte;
            self.len = self.len.wrapping_add(1);
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
