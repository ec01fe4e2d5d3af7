//! Kenning's I/O specification: a JSON file beside a model that names what the model does not.

use serde_json::{Map, Value};

use crate::error::{Diagnostic, Error, Result};

use super::facts::{GraphFacts, TensorFacts, misfit_of_labels};
use super::kenning::dtype;
use super::literal::shortened_to;

/// The most inputs or outputs of a specification; Kenning takes two and twelve.
const MOST_ENTRIES: usize = 4096;
/// Characters of shapes that an error shows.
const MOST_SHOWN: usize = 200;

/// An I/O specification as the caller read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoSpecFile<'a> {
    /// The file's name, for messages.
    pub file: &'a str,
    /// The file's text.
    pub text: &'a str,
}

/// A parsed I/O specification, reduced to what describes the model itself.
#[derive(Debug, Clone)]
pub(super) struct IoSpec {
    file: String,
    pub(super) inputs: Vec<Entry>,
    pub(super) outputs: Vec<Entry>,
    /// Class names of what the outputs become after post-processing, for want of better.
    pub(super) processed_labels: Vec<String>,
    /// The function a runtime has to call; empty for none.
    pub(super) entry_func: String,
}

/// One tensor of the specification; `None` where it is silent.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    /// Where in the specification, for messages.
    pub(super) place: String,
    pub(super) name: Option<String>,
    /// Any of these; −1 stands for any size. Empty when the specification gives none.
    pub(super) shapes: Vec<Vec<i64>>,
    pub(super) dtype: Option<String>,
    pub(super) scale: Option<f64>,
    pub(super) zero_point: Option<i64>,
    pub(super) prequantized_dtype: Option<String>,
    pub(super) labels: Vec<String>,
    order: Option<usize>,
}

impl IoSpec {
    pub(super) fn parse(file: IoSpecFile<'_>) -> Result<Self> {
        Self::parse_text(file).map_err(|e| e.in_file(file.file))
    }

    fn parse_text(file: IoSpecFile<'_>) -> Result<Self> {
        let value: Value = serde_json::from_str(file.text)
            .map_err(|e| Diagnostic::new(format!("the I/O specification is not JSON: {e}")))?;
        let Value::Object(top) = &value else {
            return Err(wrong("the I/O specification", "an object", &value));
        };
        // What the model takes is the processed input; what it gives is the output, before the
        // application's post-processing.
        let input_key = if top.contains_key("processed_input") {
            "processed_input"
        } else {
            "input"
        };
        let inputs = entries(top, input_key)?;
        let outputs = entries(top, "output")?;
        let processed_labels = match top.get("processed_output") {
            Some(Value::Array(list)) => list
                .iter()
                .filter_map(Value::as_object)
                .find_map(|o| {
                    class_names(o, "processed_output")
                        .ok()
                        .filter(|l| !l.is_empty())
                })
                .unwrap_or_default(),
            _ => Vec::new(),
        };
        let entry_func = match top.get("entry_func") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(s)) => s.clone(),
            Some(other) => return Err(wrong("entry_func", "a string", other)),
        };
        Ok(Self {
            file: file.file.to_owned(),
            inputs,
            outputs,
            processed_labels,
            entry_func,
        })
    }

    /// Puts names, labels and types before quantisation into `facts`, and checks all the rest.
    pub(super) fn complete(self, facts: &mut GraphFacts, model_file: &str) -> Result<()> {
        let mut found = Vec::new();
        let contradiction = |d: Diagnostic| {
            d.help(format!(
                "correct {}, or remove it to use only the facts in {model_file}",
                self.file
            ))
        };
        for (side, entries, tensors) in [
            ("input", self.inputs, &mut facts.inputs),
            ("output", self.outputs, &mut facts.outputs),
        ] {
            if entries.len() != tensors.len() {
                found.push(contradiction(
                    Diagnostic::new(format!("the number of {side}s differs from the model's"))
                        .expected(format!("{} ({model_file})", tensors.len()))
                        .found(format!("{} ({})", entries.len(), self.file)),
                ));
                continue;
            }
            for (i, entry) in in_order(entries).into_iter().enumerate() {
                let Some(tensor) = tensors.get_mut(i) else {
                    continue;
                };
                for (what, ours, theirs) in entry.contradictions(tensor) {
                    found.push(contradiction(
                        Diagnostic::new(format!(
                            "the {what} of {side} {i} differs from the model's"
                        ))
                        .at_tensor(tensor.tensor, &tensor.name)
                        .expected(format!("{ours} ({model_file})"))
                        .found(format!("{theirs} ({})", self.file)),
                    ));
                }
                if !entry.labels.is_empty()
                    && let Some(d) = misfit_of_labels(tensor, entry.labels.len())
                {
                    found.push(contradiction(d));
                }
                if let Some(name) = entry.name {
                    tensor.name = name;
                }
                tensor.labels = entry.labels;
                tensor.prequantized_dtype = entry.prequantized_dtype;
            }
        }
        if let Some(output) = facts.outputs.first_mut()
            && output.labels.is_empty()
        {
            output.labels = self.processed_labels;
        }
        facts.entry_func = self.entry_func;
        match Error::from_many(found) {
            Some(error) => Err(error.in_file(&self.file)),
            None => Ok(()),
        }
    }
}

impl Entry {
    /// What this entry says otherwise than the model: the thing, the model's value, the entry's.
    fn contradictions(&self, tensor: &TensorFacts) -> Vec<(&'static str, String, String)> {
        let mut out = Vec::new();
        let shape: Vec<i64> = tensor
            .shape
            .iter()
            .map(|d| i64::try_from(*d).unwrap_or(i64::MAX))
            .collect();
        let agrees = |s: &Vec<i64>| {
            s.len() == shape.len() && s.iter().zip(&shape).all(|(a, b)| *a == -1 || a == b)
        };
        if !self.shapes.is_empty() && !self.shapes.iter().any(agrees) {
            let listed: Vec<_> = self.shapes.iter().map(|s| format!("{s:?}")).collect();
            let listed = shortened_to(&listed.join(" or "), MOST_SHOWN);
            out.push(("shape", format!("{:?}", tensor.shape), listed));
        }
        if let Some(dtype) = &self.dtype
            && !dtype::names(tensor.dtype).contains(&dtype.as_str())
        {
            let ours = dtype::names(tensor.dtype).first().copied();
            out.push((
                "dtype",
                ours.unwrap_or(tensor.dtype.name()).to_owned(),
                dtype.clone(),
            ));
        }
        // Written by hand or by tools that round, a scale is the model's to about six digits.
        let close = |theirs: f64, ours: f32| {
            (theirs - f64::from(ours)).abs() <= 1e-5 * f64::from(ours).abs()
        };
        let ours = tensor.per_tensor();
        let none = || "not quantised".to_owned();
        if let Some(theirs) = self.scale
            && !ours.map_or(theirs == 0.0, |(scale, _)| close(theirs, scale))
        {
            let ours = ours.map_or_else(none, |(scale, _)| f64::from(scale).to_string());
            out.push(("scale", ours, theirs.to_string()));
        }
        if let Some(theirs) = self.zero_point
            && theirs != ours.map_or(0, |(_, zero_point)| i64::from(zero_point))
        {
            let ours = ours.map_or_else(none, |(_, zero_point)| zero_point.to_string());
            out.push(("zero point", ours, theirs.to_string()));
        }
        out
    }
}

/// The entries in the model's order: by `order` where that numbers them all, else as listed.
pub(super) fn in_order(entries: Vec<Entry>) -> Vec<Entry> {
    sorted(entries, |e| e.order)
}

/// The same for entries as they stand in a specification; none where there is no list of them.
pub(super) fn raw_in_order(list: Option<&Value>) -> Vec<Map<String, Value>> {
    let list = list
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let entries = list.iter().filter_map(Value::as_object).cloned();
    sorted(entries.collect(), |e| e.get("order").and_then(order))
}

fn sorted<T>(mut entries: Vec<T>, order: impl Fn(&T) -> Option<usize>) -> Vec<T> {
    let mut orders: Vec<_> = entries.iter().filter_map(&order).collect();
    orders.sort_unstable();
    if orders.into_iter().eq(0..entries.len()) {
        entries.sort_by_key(order);
    }
    entries
}

fn order(value: &Value) -> Option<usize> {
    whole(value).and_then(|n| usize::try_from(n).ok())
}

fn wrong(what: &str, expected: &str, found: &Value) -> Error {
    let mut text = found.to_string();
    if text.len() > 60 {
        text = shortened_to(&text, 60);
    }
    Diagnostic::new(format!("{what} is not {expected}"))
        .expected(expected)
        .found(text)
        .into()
}

fn entries(top: &Map<String, Value>, key: &str) -> Result<Vec<Entry>> {
    let list = match top.get(key) {
        Some(Value::Array(list)) => list,
        Some(other) => return Err(wrong(&format!("`{key}`"), "a list of tensors", other)),
        None => {
            return Err(
                Diagnostic::new(format!("the I/O specification has no `{key}`"))
                    .expected(format!("a list of tensors under `{key}`"))
                    .into(),
            );
        }
    };
    if list.len() > MOST_ENTRIES {
        return Err(Diagnostic::new(format!("`{key}` has too many tensors"))
            .expected(format!("at most {MOST_ENTRIES}"))
            .found(list.len())
            .help("check that this is the right file")
            .into());
    }
    list.iter()
        .enumerate()
        .map(|(i, value)| {
            let place = format!("{key}[{i}]");
            match value {
                Value::Object(map) => entry(map, &place),
                other => Err(wrong(&place, "an object", other)),
            }
        })
        .collect()
}

fn entry(map: &Map<String, Value>, place: &str) -> Result<Entry> {
    Ok(Entry {
        place: place.to_owned(),
        name: field(map, place, "name", "a string", Value::as_str)?.map(str::to_owned),
        shapes: shapes(map, place)?,
        dtype: field(map, place, "dtype", "a string", Value::as_str)?.map(str::to_owned),
        scale: field(map, place, "scale", "a number", Value::as_f64)?,
        zero_point: field(map, place, "zero_point", "a whole number", whole)?,
        prequantized_dtype: field(map, place, "prequantized_dtype", "a string", Value::as_str)?
            .map(str::to_owned),
        labels: class_names(map, place)?,
        order: field(map, place, "order", "a whole number", whole)?
            .and_then(|n| usize::try_from(n).ok()),
    })
}

/// A field that may be missing or null.
fn field<'a, T>(
    map: &'a Map<String, Value>,
    place: &str,
    key: &str,
    expected: &str,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<Option<T>> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match read(value) {
            Some(got) => Ok(Some(got)),
            None => Err(wrong(&format!("{place}.{key}"), expected, value)),
        },
    }
}

/// A whole number, also when it is written as `-1.0`.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        // Exact in both types.
        (number.fract() == 0.0 && number.abs() < 9.0e15).then_some(number as i64)
    })
}

/// One shape or a list of alternatives.
fn shapes(map: &Map<String, Value>, place: &str) -> Result<Vec<Vec<i64>>> {
    let value = match map.get("shape") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(value) => value,
    };
    let one = |value: &Value| -> Option<Vec<i64>> { value.as_array()?.iter().map(whole).collect() };
    let several = |value: &Value| -> Option<Vec<Vec<i64>>> {
        value
            .as_array()
            .filter(|list| !list.is_empty())?
            .iter()
            .map(one)
            .collect()
    };
    several(value)
        .or_else(|| one(value).map(|shape| vec![shape]))
        .ok_or_else(|| {
            wrong(
                &format!("{place}.shape"),
                "a list of sizes, or a list of such lists",
                value,
            )
        })
}

/// Class names under either spelling in use; a mere count names nothing.
fn class_names(map: &Map<String, Value>, place: &str) -> Result<Vec<String>> {
    let key = if map.contains_key("class_names") {
        "class_names"
    } else {
        "class_name"
    };
    match map.get(key) {
        None | Some(Value::Null | Value::Number(_)) => Ok(Vec::new()),
        Some(Value::Array(list)) => list
            .iter()
            .map(|v| match v {
                Value::String(s) => Ok(s.clone()),
                other => Err(wrong(
                    &format!("an element of {place}.{key}"),
                    "a string",
                    other,
                )),
            })
            .collect(),
        Some(other) => Err(wrong(
            &format!("{place}.{key}"),
            "a list of strings or a count",
            other,
        )),
    }
}
