//! Collects everything found wrong.

use std::borrow::Cow;

use crate::error::{Diagnostic, Error};

/// A broken file can be wrong in as many places as it has bytes; nobody reads them all.
const MOST: usize = 50;

/// The diagnostics so far, and how many were left out.
#[derive(Default)]
pub(super) struct Report {
    diagnostics: Vec<Diagnostic>,
    left_out: usize,
}

impl Report {
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
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
    pub(super) fn count(&self) -> usize {
        self.diagnostics.len() + self.left_out
    }

    /// All of them as one error.
    pub(super) fn into_error(mut self) -> Option<Error> {
        if self.left_out > 0 {
            self.diagnostics
                .push(Diagnostic::new(format!("{} more problems", self.left_out)));
        }
        Error::from_many(self.diagnostics)
    }
}

/// A name of the file for use in a message. Converters join the names of everything they fuse,
/// and a hostile file may have any length repeated in every message.
pub(super) fn short(name: &str) -> Cow<'_, str> {
    const MOST_CHARS: usize = 100;
    match name.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &name[..end])),
        None => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortens_names_between_characters() {
        assert_eq!(short("ü"), "ü");
        assert_eq!(short(&"ü".repeat(200)), format!("{}…", "ü".repeat(100)));
    }

    #[test]
    fn says_how_many_it_left_out() {
        let mut report = Report::default();
        assert!(Report::default().into_error().is_none());
        for _ in 0..MOST + 3 {
            report.push(Diagnostic::new("wrong"));
        }
        assert_eq!(report.count(), MOST + 3);
        let error = report.into_error().expect("there are some");
        assert_eq!(error.diagnostics().len(), MOST + 1);
        assert_eq!(error.diagnostics()[MOST].message, "3 more problems");
    }
}
