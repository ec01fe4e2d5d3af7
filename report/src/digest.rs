//! SHA-256, by which files and values are told apart.

use std::fmt::Write as _;
use std::io;

use sha2::{Digest as _, Sha256};

/// In hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    digits(&Sha256::digest(bytes))
}

/// The first 16 digits, which are enough to tell values of one model from another's.
pub(crate) fn short(bytes: &[u8]) -> String {
    let mut text = sha256(bytes);
    text.truncate(16);
    text
}

/// Of what is written bit by bit.
#[derive(Default)]
pub(crate) struct Hashing(Sha256);

impl Hashing {
    pub(crate) fn finish(self) -> String {
        digits(&self.0.finalize())
    }
}

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn digits(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
