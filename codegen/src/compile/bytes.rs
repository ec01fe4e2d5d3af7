//! Numbers of bytes as users write them.

use std::fmt;
use std::str::FromStr;

use crate::error::Diagnostic;

/// A number of bytes. Users write `8192`, or `8k` for 8 × 1024 and `1M` for 1024 × 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub usize);

impl FromStr for Bytes {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let (digits, unit) = match text.strip_suffix(['k', 'K']) {
            Some(digits) => (digits, 1024),
            None => match text.strip_suffix('M') {
                Some(digits) => (digits, 1024 * 1024),
                None => (text, 1),
            },
        };
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse::<usize>().ok().filter(|_| is_number);
        match number.and_then(|number| number.checked_mul(unit)) {
            Some(bytes) => Ok(Self(bytes)),
            None => Err(Diagnostic::new("this is not a number of bytes")
                .expected("bytes as 8192, 8k or 1M, where k is 1024")
                .found(format_args!("{text:?}"))),
        }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
