//! A comparison as Markdown, for a pull request.

use super::{Diff, parts};
use crate::markdown::{table, text};

/// The comparison as text.
#[must_use]
pub fn markdown(diff: &Diff) -> String {
    let mut out = String::new();
    for part in parts(diff, text) {
        if let Some(heading) = &part.heading {
            let level = if part.is_title { "#" } else { "##" };
            if !out.is_empty() {
                out.push('\n');
            }
            out += &format!("{level} {heading}\n");
        }
        // Each is a paragraph of its own.
        for sentence in &part.sentences {
            out += &format!("\n{sentence}\n");
        }
        if !part.rows.is_empty() {
            out.push('\n');
            let rows = part.rows.into_iter();
            let in_one_line =
                |row: Vec<String>| row.iter().map(|c| c.replace('\n', "<br>")).collect();
            table(&mut out, &part.header, rows.map(in_one_line));
        }
    }
    if !diff.breaches.is_empty() {
        out += "\n## Over the limit\n\n";
        for breach in &diff.breaches {
            out += &format!("- {}: {breach}\n", text(&breach.model));
        }
    }
    out
}
