//! What each operator takes on a Cortex-M4, by the types of its tensors: `docs/operator-code.md`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use comfy_table::{CellAlignment, Table, TableStyle, presets};
use serde::Serialize;

use crate::bench::{Entry, Measured, Outcome};
use crate::firmware::OptLevel;
use crate::models::{self, Selection, Subject};
use crate::operators::{Tested, forms};
use crate::report::{self, all_right, grouped, replace_section, table};
use crate::tflm::Figures;

const PAGE: &str = "docs/operator-code.md";

/// An operator with types that a reference test has, and the model that is measured for it.
pub(crate) struct Case {
    /// The operator's name.
    pub(crate) operator: String,
    /// As `docs/operators.md` has them.
    pub(crate) types: String,
    /// The model's name.
    pub(crate) model: String,
}

/// All operators with their types.
pub(crate) struct Cases {
    /// Sorted by operator and types.
    pub(crate) cases: Vec<Case>,
    /// Their models, each once.
    pub(crate) subjects: Vec<Subject>,
    /// What has no model to measure, and why.
    pub(crate) notes: Vec<String>,
}

/// Which models to measure: of those that have an operator with its types, and outputs to compare with, the one
/// of the fewest operators, and the first by name of several.
///
/// # Errors
/// If a model cannot be read.
pub(crate) fn find(root: &Path, selection: &Selection) -> Result<Cases> {
    let mut found = Cases {
        cases: Vec::new(),
        subjects: Vec::new(),
        notes: Vec::new(),
    };
    // A model has outputs to compare with, or says why not, once.
    let mut known: HashMap<PathBuf, Result<(), String>> = HashMap::new();
    for (operator, by_types) in forms(root)? {
        for (types, mut tested) in by_types {
            tested.sort();
            tested.dedup();
            let mut reasons = Vec::new();
            let mut chosen = None;
            for Tested { name, path, .. } in tested {
                let verdict = known.entry(path.clone()).or_insert_with(|| {
                    let goldens = path.with_file_name("golden");
                    models::subject(name.clone(), &path, &goldens)
                        .map(|subject| found.subjects.push(subject))
                        .map_err(|error| format!("{name}: {error:#}"))
                });
                match verdict {
                    Ok(()) => {
                        chosen = Some(name);
                        break;
                    }
                    Err(reason) => reasons.push(reason.clone()),
                }
            }
            match chosen {
                Some(model) if selection.takes(&operator) || selection.takes(&model) => {
                    found.cases.push(Case {
                        operator: operator.clone(),
                        types,
                        model,
                    });
                }
                Some(_) => {}
                None => found.notes.push(format!(
                    "skipped: {operator} of {types}: {}",
                    reasons.join("; ")
                )),
            }
        }
    }
    let taken = |subject: &Subject| found.cases.iter().any(|case| case.model == subject.name);
    found.subjects.retain(taken);
    Ok(found)
}

/// One operator with types as JSON, and the model that was measured for it.
#[derive(Serialize)]
pub(crate) struct Row<'a> {
    operator: &'a str,
    types: &'a str,
    #[serde(flatten)]
    model: report::Row<'a>,
}

/// All of them, for `--json`.
pub(crate) fn rows<'a>(
    cases: &'a [Case],
    entries: &'a [Entry],
    figures: &'a Figures,
) -> Vec<Row<'a>> {
    let row = |case: &'a Case| {
        let entry = entries.iter().find(|entry| entry.name == case.model)?;
        Some(Row {
            operator: &case.operator,
            types: &case.types,
            model: report::row(entry, figures),
        })
    };
    cases.iter().filter_map(row).collect()
}

/// The table as it looks best on a terminal.
pub(crate) fn terminal(cases: &[Case], entries: &[Entry]) -> String {
    lines(cases, entries, presets::UTF8_BORDERS_ONLY).to_string()
}

fn lines(cases: &[Case], entries: &[Entry], style: TableStyle) -> Table {
    let mut table = table(
        style,
        &[
            "operator",
            "types",
            "model",
            "code",
            "weights",
            "stack",
            "instructions",
        ],
    );
    for index in [1, 2] {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Left);
        }
    }
    for case in cases {
        let Some(measured) = measured(case, entries) else {
            continue;
        };
        table.add_row([
            case.operator.clone(),
            case.types.clone(),
            case.model.clone(),
            grouped(measured.code),
            grouped(measured.weights),
            grouped(measured.run.deepest_stack()),
            grouped(measured.run.median_instructions()),
        ]);
    }
    table
}

fn measured<'a>(case: &Case, entries: &'a [Entry]) -> Option<&'a Measured> {
    let entry = entries.iter().find(|entry| entry.name == case.model)?;
    match &entry.outcome {
        Outcome::Measured(measured) => Some(measured),
        Outcome::Failed(_) => None,
    }
}

const INTRODUCTION: &str = "# Code of each operator

Each row is a firmware with one small model, of those in this repository that are compared with reference outputs: the
model of the fewest operators that has the operator with these types, as [operators.md](operators.md) lists them. The
firmware ran the model's golden cases on an emulated Cortex-M4. Every output was right, and no code in the image can
panic or allocate. Code is what the model adds to a firmware, the constants of its kernels included and packed weights
not. Layers of a kind share it: a network takes it once for each kernel. Instructions are the median over the cases.
The models are tiny: their instructions are mostly the cost of a call. Sizes are in bytes.
";

/// Puts the table into the documentation, in the place of that of the same optimisation level.
///
/// # Errors
/// If a model failed, or the page cannot be written.
pub(crate) fn update_docs(
    root: &Path,
    opt: OptLevel,
    cases: &[Case],
    entries: &[Entry],
) -> Result<PathBuf> {
    all_right(entries)?;
    let path = root.join(PAGE);
    let old = std::fs::read_to_string(&path).unwrap_or_else(|_| INTRODUCTION.to_owned());
    let section = format!(
        "## opt-level {opt}\n\n{}\n\nReproduce with `cargo xtask bench --ops --opt-level {opt}`.\n",
        lines(cases, entries, presets::ASCII_MARKDOWN)
    );
    let new = replace_section(&old, &format!("opt-level {opt}"), &section);
    std::fs::write(&path, new).with_context(|| path.display().to_string())?;
    Ok(path)
}
