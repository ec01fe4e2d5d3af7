//! Text and numbers as C source: whatever a model's author wrote stays data.

use std::fmt::Write as _;

/// Longest string written as one literal, in bytes. C99 promises 4095 characters after
/// concatenation and compilers warn beyond; four characters may stand for one byte.
pub const MAX_STRING: usize = 1000;

/// A C and C++ string literal with its quotes, holding the bytes of `text`.
///
/// Bytes outside printable ASCII become three-digit octal escapes, which cannot run into a digit
/// that follows; question marks are escaped so that no trigraph arises.
pub fn c_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | b'?' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
    out.push('"');
    out
}

/// `text` cut to [`MAX_STRING`] bytes at a character, with `...` where something is missing.
pub fn shortened(text: &str) -> String {
    shortened_to(text, MAX_STRING)
}

/// `text` cut to `max` bytes at a character, with `...` where something is missing.
pub(super) fn shortened_to(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = (0..=max.saturating_sub(3))
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0);
    format!("{}...", &text[..end])
}

/// `text` as it may stand within quotes inside a `/* */` comment.
pub fn c_comment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // A space parts the pairs that mean something even in a comment.
        if let ('*', '/') | ('/', '*') | ('?', '?') = (out.chars().next_back().unwrap_or(' '), c) {
            out.push(' ');
        }
        match c {
            ' '..='~' => out.push(c),
            _ => out.extend(c.escape_default()),
        }
    }
    out
}

/// A C `double` constant with exactly the value of `value`; add `f` for the same `float`.
/// `None` for values C has no constant for.
pub fn c_float(value: f32) -> Option<String> {
    // The shortest decimal of the *double*: neither reading converts it to a neighbour, whereas
    // the shortest decimal of the float could be rounded twice.
    value.is_finite().then(|| format!("{:?}", f64::from(value)))
}
