//! Writes a line of JSON without `core::fmt`, which would bring code that can panic.

use crate::subject::{CASES, OPERATORS};

/// Bytes of a line: instructions may take 12, of each operator and of each case, and its stack as many.
const BYTES: usize = 2048 + 12 * OPERATORS + 24 * CASES;

/// A line under construction. What does not fit is dropped, which leaves JSON that the host rejects.
pub(crate) struct Line {
    bytes: [u8; BYTES],
    used: usize,
}

impl Line {
    /// An empty line.
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; BYTES],
            used: 0,
        }
    }

    /// Appends text as it is.
    #[inline(never)]
    pub(crate) fn text(&mut self, text: &str) {
        for &byte in text.as_bytes() {
            self.byte(byte);
        }
    }

    /// Appends a number in decimal.
    #[inline(never)]
    pub(crate) fn number(&mut self, mut value: u64) {
        let mut digits = [0; 20];
        let mut count = 0;
        for slot in &mut digits {
            *slot = b'0' + (value % 10) as u8;
            value /= 10;
            count += 1;
            if value == 0 {
                break;
            }
        }
        for &digit in digits.iter().take(count).rev() {
            self.byte(digit);
        }
    }

    /// Appends an array of numbers.
    pub(crate) fn numbers(&mut self, values: impl Iterator<Item = u64>) {
        let mut separator = "[";
        for value in values {
            self.text(separator);
            self.number(value);
            separator = ",";
        }
        self.text("]");
    }

    /// The line so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }

    fn byte(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.used) {
            *slot = byte;
            self.used += 1;
        }
    }
}
