//! Inputs and outputs as Kenning describes them, from a model or from an I/O specification alone.

use crate::emit::facts::{GraphFacts, TensorFacts};
use crate::emit::io_spec::{Entry, IoSpec, in_order};
use crate::error::{Diagnostic, Error, Result};
use crate::labels;

use super::dtype;

/// The inputs and outputs of what a runtime calls.
#[derive(Debug, Clone)]
pub(crate) struct Interface {
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    /// The function a runtime has to call; empty for none.
    pub(crate) entry_func: String,
}

/// One input or output.
#[derive(Debug, Clone)]
pub(crate) struct Port {
    /// Index of its tensor in the model, where one is at hand.
    pub(crate) tensor: Option<usize>,
    pub(crate) name: String,
    /// The element type in castiron's words, or as the specification has it.
    pub(crate) dtype: String,
    /// Kenning's name of the type; none where it has no name for it.
    pub(crate) kenning_dtype: Option<String>,
    /// Sizes of the dimensions; empty for a scalar.
    pub(crate) shape: Vec<usize>,
    /// 0 when it is not quantised.
    pub(crate) scale: f64,
    pub(crate) zero_point: i32,
    /// How many scales there are.
    pub(crate) scales: usize,
    pub(crate) prequantized_dtype: Option<String>,
    pub(crate) labels: Vec<String>,
}

impl Interface {
    /// The inputs and outputs of a model.
    pub(crate) fn of_facts(facts: &GraphFacts) -> Self {
        Self {
            inputs: facts.inputs.iter().map(Port::of_facts).collect(),
            outputs: facts.outputs.iter().map(Port::of_facts).collect(),
            entry_func: facts.entry_func.clone(),
        }
    }

    /// What a specification says without its model.
    pub(crate) fn of_spec(spec: IoSpec) -> Result<Self> {
        let mut found = Vec::new();
        let mut ports = |entries: Vec<Entry>| -> Vec<Port> {
            let entries = in_order(entries).into_iter();
            entries.map(|e| Port::of_entry(e, &mut found)).collect()
        };
        let inputs = ports(spec.inputs);
        let mut outputs = ports(spec.outputs);
        if let Some(output) = outputs.first_mut()
            && output.labels.is_empty()
        {
            output.labels = spec.processed_labels;
        }
        match Error::from_many(found) {
            Some(error) => Err(error),
            None => Ok(Self {
                inputs,
                outputs,
                entry_func: spec.entry_func,
            }),
        }
    }
}

impl Port {
    fn of_facts(facts: &TensorFacts) -> Self {
        let (scale, zero_point) = facts.per_tensor().unwrap_or((0.0, 0));
        Self {
            tensor: Some(facts.tensor),
            name: facts.name.clone(),
            dtype: facts.dtype.to_string(),
            kenning_dtype: dtype::names(facts.dtype).first().map(|s| (*s).to_owned()),
            shape: facts.shape.clone(),
            scale: scale.into(),
            zero_point,
            scales: facts.quantization.len(),
            prequantized_dtype: facts.prequantized_dtype.clone(),
            labels: facts.labels.clone(),
        }
    }

    /// What an entry says; what it does not, but has to, is added to `found`.
    fn of_entry(entry: Entry, found: &mut Vec<Diagnostic>) -> Self {
        let place = entry.place;
        let mut problem = |what: &str, expected: &str, ours: String, help: &str| {
            let d = Diagnostic::new(format!("{place}.{what} cannot be used"));
            found.push(d.expected(expected).found(ours).help(help));
        };
        let shape = known_shape(&entry.shapes).unwrap_or_else(|ours| {
            problem(
                "shape",
                "sizes from 1 to 4294967295, in one shape or in several of equal size",
                ours,
                "write the one shape that the model uses",
            );
            vec![1]
        });
        let name = entry.dtype.as_deref().unwrap_or_default();
        if let Err(expected) = dtype::code(name) {
            let ours = match &entry.dtype {
                Some(name) => format!("\"{}\"", name.escape_debug()),
                None => "none".to_owned(),
            };
            problem(
                "dtype",
                expected,
                ours,
                "write the type of the model's elements",
            );
        }
        let zero_point = entry.zero_point.unwrap_or(0);
        let zero_point = i32::try_from(zero_point).unwrap_or_else(|_| {
            problem(
                "zero_point",
                "a number of 32 bits",
                zero_point.to_string(),
                "write the model's zero point",
            );
            0
        });
        if !entry.labels.is_empty() && !labels::fit(&shape, entry.labels.len()) {
            problem(
                "class_names",
                "a name for each element",
                format!("{} names for the shape {shape:?}", entry.labels.len()),
                "name every class, or none",
            );
        }
        Self {
            tensor: None,
            name: entry.name.unwrap_or_default(),
            dtype: name.to_owned(),
            kenning_dtype: entry.dtype.clone(),
            shape,
            scale: entry.scale.unwrap_or(0.0),
            zero_point,
            scales: entry.scale.iter().len(),
            prequantized_dtype: entry.prequantized_dtype,
            labels: entry.labels,
        }
    }
}

/// The first of a specification's shapes, if all of them are known and are as large; else what there is.
fn known_shape(shapes: &[Vec<i64>]) -> Result<Vec<usize>, String> {
    let ours = || match shapes {
        [] => "none".to_owned(),
        _ => {
            let listed: Vec<_> = shapes.iter().map(|s| format!("{s:?}")).collect();
            listed.join(" or ")
        }
    };
    let size = |d: &i64| u32::try_from(*d).ok().filter(|d| *d > 0);
    let shapes: Option<Vec<Vec<u32>>> = (shapes.iter())
        .map(|shape| shape.iter().map(size).collect())
        .collect();
    let shapes = shapes.ok_or_else(ours)?;
    let elements = |s: &[u32]| s.iter().try_fold(1_u64, |n, d| n.checked_mul((*d).into()));
    let [first, others @ ..] = &shapes[..] else {
        return Err(ours());
    };
    if others.iter().any(|s| elements(s) != elements(first)) {
        return Err(ours());
    }
    let sizes: Option<Vec<usize>> = first.iter().map(|d| usize::try_from(*d).ok()).collect();
    sizes.ok_or_else(ours)
}
