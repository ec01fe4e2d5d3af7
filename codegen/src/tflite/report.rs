//! Collects everything found wrong.

use std::borrow::Cow;

use crate::error::{Diagnostic, Error};

/// A broken file can be wrong in as many places as it has bytes; nobody reads them all.
pub const MOST: usize = 50;

/// The diagnostics so far, and how many were left out.
#[derive(Default)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    left_out: usize,
}

impl Report {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MOST {
            self.diagnostics.push(diagnostic);
        } else {
            self.left_out += 1;
        }
    }

    /// Takes over another report, each of its diagnostics with more of its place.
    pub(super) fn append(&mut self, other: Self, place: impl Fn(Diagnostic) -> Diagnostic) {
        other
            .diagnostics
            .into_iter()
            .for_each(|d| self.push(place(d)));
        self.left_out += other.left_out;
    }

    /// How many there are, for telling whether a step found something.
    pub fn count(&self) -> usize {
        self.diagnostics.len() + self.left_out
    }

    /// All of them as one error.
    pub fn into_error(mut self) -> Option<Error> {
        if self.left_out > 0 {
            self.diagnostics
                .push(Diagnostic::new(format!("{} more problems", self.left_out)));
        }
        Error::from_many(self.diagnostics)
    }
}

/// A name of the file for use in a message. Converters join the names of everything they fuse,
/// and a hostile file may have any length repeated in every message.
pub fn short(name: &str) -> Cow<'_, str> {
    const MOST_CHARS: usize = 100;
    match name.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &name[..end])),
        None => Cow::Borrowed(name),
    }
}
