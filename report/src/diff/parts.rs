//! A comparison as headings, sentences and tables: what all forms for people are made from.

use serde_json::Number;

use super::{Build, Changed, Diff, Figure, ModelDiff, OperatorDiff, SubgraphDiff, Told};
use crate::markdown::{grouped, plural};

/// Something to read: a heading, sentences, and a table.
#[derive(Debug, Default)]
pub struct Part {
    /// The heading; none of a part that goes on with the one before.
    pub heading: Option<String>,
    /// Whether the heading is of the whole.
    pub is_title: bool,
    /// Sentences above the table.
    pub sentences: Vec<String>,
    /// The names of the columns, of which those that begin with `>` are aligned right.
    pub header: Vec<&'static str>,
    /// The rows; a cell may have several lines.
    pub rows: Vec<Vec<String>>,
}

/// What a comparison has to say, with names and texts of models as `escape` gives them.
#[must_use]
pub fn parts(diff: &Diff, escape: fn(&str) -> String) -> Vec<Part> {
    let mut parts = Vec::new();
    let several = diff.models.len() + diff.added.len() + diff.removed.len() > 1;
    parts.push(Part {
        heading: Some(format!(
            "{} → {}",
            escape(&diff.old.file),
            escape(&diff.new.file)
        )),
        is_title: true,
        sentences: of_builds(diff, several, escape),
        ..Part::default()
    });
    for model in &diff.models {
        of_model(model, several, escape, &mut parts);
    }
    let says = |part: &Part| !part.sentences.is_empty() || !part.rows.is_empty();
    parts.retain(|part| part.heading.is_some() || says(part));
    parts
}

/// What holds for all models.
fn of_builds(diff: &Diff, several: bool, escape: fn(&str) -> String) -> Vec<String> {
    let (old, new) = (&diff.old, &diff.new);
    let mut sentences = Vec::new();
    let clock = |build: &Build| {
        let hz = build.clock_hz;
        hz.map_or_else(String::new, |hz| format!("{} Hz", grouped(hz)))
    };
    for (what, a, b, unsaid) in [
        ("castiron", &old.castiron, &new.castiron, "unknown"),
        ("--isa", &old.isa, &new.isa, "unknown"),
        ("--optimize", &old.optimize, &new.optimize, "unknown"),
        ("--board", &old.board, &new.board, "none"),
        ("--clock", &clock(old), &clock(new), "unknown"),
    ] {
        if a != b {
            let or_unsaid = |text: &String| match text.is_empty() {
                true => unsaid.to_owned(),
                false => escape(text),
            };
            sentences.push(format!("{what}: {} → {}.", or_unsaid(a), or_unsaid(b)));
        }
    }
    for (list, what) in [(&diff.removed, "gone"), (&diff.added, "new")] {
        if !list.is_empty() {
            let names: Vec<String> = list.iter().map(|name| escape(name)).collect();
            sentences.push(format!(
                "{} {what}: {}.",
                plural(list.len(), "model"),
                names.join(", ")
            ));
        }
    }
    if several {
        let same: Vec<String> = (diff.models.iter())
            .filter(|model| model.is_same())
            .map(|model| escape(&model.new))
            .collect();
        if !same.is_empty() {
            sentences.push(format!("No difference: {}.", same.join(", ")));
        }
    }
    sentences
}

fn of_model(model: &ModelDiff, several: bool, escape: fn(&str) -> String, parts: &mut Vec<Part>) {
    if model.is_same() {
        if !several {
            let sentence = match model.same_file {
                Some(true) => "There is no difference: the file is the same.",
                Some(false) => {
                    "There is no difference, except in bytes of the file that say nothing of the model."
                }
                None => "There is no difference.",
            };
            parts.push(Part {
                sentences: vec![sentence.to_owned()],
                ..Part::default()
            });
        }
        return;
    }
    let (changed, same): (Vec<&Figure>, Vec<&Figure>) = model
        .figures
        .iter()
        .partition(|figure| figure.old != figure.new);
    parts.push(Part {
        heading: several.then(|| escape(&model.new)),
        header: vec!["Figure", ">Old", ">New", ">Change"],
        rows: changed.into_iter().map(row).collect(),
        ..Part::default()
    });
    let mut sentences = Vec::new();
    if !same.is_empty() {
        let names: Vec<&str> = same.iter().map(|figure| figure.name).collect();
        sentences.push(format!("As before: {}.", names.join(", ")));
    }
    let facts = model.facts.iter();
    sentences.extend(facts.map(|change| format!("{}.", capital(&told(change, escape)))));
    parts.push(Part {
        sentences,
        ..Part::default()
    });
    let alone = model.subgraphs.len() == 1;
    for graph in &model.subgraphs {
        of_subgraph(graph, alone, escape, parts);
    }
}

fn of_subgraph(
    graph: &SubgraphDiff,
    alone: bool,
    escape: fn(&str) -> String,
    parts: &mut Vec<Part>,
) {
    let which = match alone {
        true => String::new(),
        false => format!(" of subgraph {}", graph.index),
    };
    if !graph.ports.is_empty() {
        let rows = graph.ports.iter().map(|port| {
            let changes = list(&port.changes, escape);
            vec![format!("{} {}", port.role, port.index), changes]
        });
        parts.push(Part {
            heading: Some(format!("Inputs and outputs{which}")),
            header: vec!["", "What changed"],
            rows: rows.collect(),
            ..Part::default()
        });
    }
    if graph.operators.is_empty() {
        return;
    }
    let count = |is: fn(&OperatorDiff) -> bool| graph.operators.iter().filter(|o| is(o)).count();
    let counts = [
        (count(|o| o.old.is_none()), "new"),
        (count(|o| o.new.is_none()), "gone"),
        (count(|o| o.old.is_some() && o.new.is_some()), "changed"),
        (graph.same_operators, "as before"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let index = |at: Option<usize>| at.map_or_else(String::new, |at| at.to_string());
    let rows = graph.operators.iter().map(|operator| {
        let what = match (operator.old, operator.new) {
            (None, _) => "new".to_owned(),
            (_, None) => "gone".to_owned(),
            _ => list(&operator.changes, escape),
        };
        vec![
            index(operator.old),
            index(operator.new),
            escape(&operator.name),
            escape(&operator.output),
            what,
        ]
    });
    parts.push(Part {
        heading: Some(format!("Operators{which}")),
        sentences: vec![format!("{}.", counts.join(", "))],
        header: vec![">Old", ">New", "Operator", "Output", "What changed"],
        rows: rows.collect(),
        ..Part::default()
    });
}

fn row(figure: &Figure) -> Vec<String> {
    let title = match figure.unit {
        "" => figure.title.to_owned(),
        unit => format!("{}, {unit}", figure.title),
    };
    let shown = |value: &Option<Number>| value.as_ref().map_or_else(|| "–".to_owned(), number);
    let change = figure.old.as_ref().zip(figure.new.as_ref());
    vec![
        title,
        shown(&figure.old),
        shown(&figure.new),
        change.map_or_else(String::new, |(old, new)| growth(old, new)),
    ]
}

fn list(changes: &[Changed], escape: fn(&str) -> String) -> String {
    let all: Vec<String> = changes.iter().map(|change| told(change, escape)).collect();
    all.join("\n")
}

fn told(change: &Changed, escape: fn(&str) -> String) -> String {
    let shown = |told: &Option<Told>| match told {
        None => "none".to_owned(),
        Some(Told::Number(number)) => grouped(number),
        Some(Told::Text(text)) => escape(text),
    };
    let what = escape(&change.what);
    // Digests say nothing to people but that they differ.
    match change.what.ends_with("values") {
        true => format!("{what} differ"),
        false => format!("{what} {} → {}", shown(&change.old), shown(&change.new)),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    // A name keeps its letters.
    match text.starts_with("castiron") {
        true => text.to_owned(),
        false => first.chain(letters).collect(),
    }
}

/// A number for people.
pub(super) fn number(number: &Number) -> String {
    match number.as_u64() {
        Some(whole) => grouped(whole),
        None => number
            .as_f64()
            .map_or_else(String::new, |real| format!("{real:.6}")),
    }
}

/// By how much a number grew, or fell.
pub(super) fn growth(old: &Number, new: &Number) -> String {
    let (Some(before), Some(after)) = (old.as_f64(), new.as_f64()) else {
        return String::new();
    };
    let sign = if after < before { "−" } else { "+" };
    let apart = match old.as_u64().zip(new.as_u64()) {
        Some((old, new)) => grouped(old.abs_diff(new)),
        None => format!("{:.6}", (after - before).abs()),
    };
    match before {
        0.0 => format!("{sign}{apart}"),
        _ => format!(
            "{sign}{apart} ({sign}{:.1} %)",
            ((after - before) / before * 100.0).abs()
        ),
    }
}
