//! What changed since the figures in the documentation were published.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use comfy_table::{Table, presets};

use crate::bench::{Entry, Figure, Measured, Outcome};
use crate::firmware::OptLevel;
use crate::report;

/// Figures of a model, by the heading of their column.
type Published = HashMap<String, HashMap<String, u64>>;

/// What is compared, by the heading of its column.
const COMPARED: [(&str, Figure); 6] = [
    ("instructions", |m| m.run.median_instructions()),
    ("code", |m| m.code),
    ("weights", |m| m.weights),
    ("arena", |m| m.run.arena),
    ("state", Measured::state),
    ("stack", |m| m.run.deepest_stack()),
];

/// Figures that differ by more than one in a hundred from those of `docs/benchmarks.md`, as a table; nothing where there are none.
pub(crate) fn table(root: &Path, opt: OptLevel, entries: &[Entry]) -> Result<Option<Table>> {
    let path = root.join(report::PAGE);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let published = published(report::section_of(&text, &report::key(opt)));
    let mut table = report::table(
        presets::UTF8_BORDERS_ONLY,
        &[
            "changed by over 1 %",
            "figure",
            "published",
            "now",
            "change",
        ],
    );
    for entry in entries {
        let (Outcome::Measured(measured), Some(old)) = (&entry.outcome, published.get(&entry.name))
        else {
            continue;
        };
        for (figure, of) in COMPARED {
            let now = of(measured);
            let Some(old) = old.get(figure).copied().filter(|old| differs(*old, now)) else {
                continue;
            };
            let change = match old {
                0 => "new".to_owned(),
                _ => format!("{:+.1} %", (now as f64 / old as f64 - 1.0) * 100.0),
            };
            table.add_row(vec![
                entry.name.clone(),
                figure.to_owned(),
                report::grouped(old),
                report::grouped(now),
                change,
            ]);
        }
    }
    Ok((!table.is_empty()).then_some(table))
}

fn differs(old: u64, now: u64) -> bool {
    old.abs_diff(now) * 100 > old
}

/// The figures of tables whose first column is the model.
fn published(section: &str) -> Published {
    let mut models = Published::new();
    let mut headings = None;
    for line in section.lines() {
        let Some(row) = line.strip_prefix('|') else {
            headings = None;
            continue;
        };
        let mut cells = row.trim_end_matches('|').split('|').map(str::trim);
        let first = cells.next().unwrap_or_default();
        match &headings {
            None => {
                let names: Vec<String> = cells.map(str::to_owned).collect();
                headings = Some((first == "model", names));
            }
            Some((true, names)) => {
                let figures = models.entry(first.to_owned()).or_default();
                for (name, cell) in names.iter().zip(cells) {
                    if let Ok(figure) = cell.replace(',', "").parse() {
                        figures.insert(name.clone(), figure);
                    }
                }
            }
            Some((false, _)) => {}
        }
    }
    models
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_tables_of_models() {
        let section = "| model | code | TFLM |\n|--|--|--|\n| a | 1,234 | – |\n\ntext\n\n\
                       | image of | code |\n|--|--|\n| b | 5 |\n\n| model | stack |\n|--|--|\n| a | 7 |\n";
        let found = published(section);
        assert_eq!(found["a"]["code"], 1234);
        assert_eq!(found["a"]["stack"], 7);
        assert!(!found["a"].contains_key("TFLM"));
        assert!(!found.contains_key("b"));
    }

    #[test]
    fn one_in_a_hundred_is_no_change() {
        assert!(!differs(200, 202) && !differs(200, 198));
        assert!(differs(200, 203) && differs(200, 197) && differs(0, 1));
    }
}
