//! What is compared of a report, read from its JSON. Reports of other versions may lack keys, and have others.

use std::collections::BTreeMap;

use castiron_codegen::error::{Diagnostic, Error, Result};
use serde::Deserialize;
use serde_json::Value;

use super::Build;
use super::figures::Figures;
use crate::data::{self, Report};

/// One side of a comparison.
#[derive(Debug)]
pub struct Side {
    file: String,
    pub(super) seen: Seen,
}

impl Side {
    /// Whether a file's bytes are JSON, and not a model.
    #[must_use]
    pub fn is_json(bytes: &[u8]) -> bool {
        bytes.trim_ascii_start().starts_with(b"{")
    }

    /// The side that a report is.
    ///
    /// # Errors
    /// Only if castiron is at fault.
    pub fn of(file: &str, report: &Report) -> Result<Self> {
        let value = serde_json::to_value(report);
        let value = value.map_err(|e| Diagnostic::fault(format_args!("its report: {e}")))?;
        Self::of_value(file, value)
    }

    /// The side that a report's JSON is.
    ///
    /// # Errors
    /// If it is no JSON, or none of a report, or of one that this castiron does not know.
    pub fn parse(file: &str, json: &[u8]) -> Result<Self> {
        let value: Value = serde_json::from_slice(json)
            .map_err(|e| Error::from(Diagnostic::new("this is not JSON").found(e)).in_file(file))?;
        Self::of_value(file, value)
    }

    fn of_value(file: &str, value: Value) -> Result<Self> {
        let wrong = |problem: Diagnostic| {
            let problem = problem.help("write one with `castiron report MODEL --format json`");
            Error::from(problem).in_file(file)
        };
        match value.get("report").map(Value::as_u64) {
            Some(Some(version)) if version == u64::from(data::VERSION) => {}
            Some(_) => {
                let other = Diagnostic::new("this castiron does not read the report's form")
                    .expected(format_args!("\"report\": {}", data::VERSION))
                    .found(format_args!("\"report\": {}", value["report"]));
                return Err(wrong(other));
            }
            None => return Err(wrong(Diagnostic::new("this is no report of castiron's"))),
        }
        let models = value.get("models").and_then(Value::as_array);
        let figures: Vec<Figures> = models.into_iter().flatten().map(Figures::of).collect();
        let mut seen: Seen = serde_json::from_value(value)
            .map_err(|e| wrong(Diagnostic::new("this is no whole report").found(e)))?;
        for (model, figures) in seen.models.iter_mut().zip(figures) {
            model.figures = figures;
        }
        if seen.models.is_empty() {
            return Err(wrong(Diagnostic::new("the report has no model")));
        }
        seen.check().map_err(wrong)?;
        Ok(Self {
            file: file.to_owned(),
            seen,
        })
    }

    pub(super) fn build(&self) -> Build {
        Build {
            file: self.file.clone(),
            castiron: self.seen.castiron.clone(),
            isa: self.seen.isa.clone(),
            optimize: self.seen.optimize.clone(),
            board: self.seen.board(),
            clock_hz: self.seen.clock(),
        }
    }
}

/// What is compared of a report.
#[derive(Debug, Deserialize)]
pub(super) struct Seen {
    #[serde(default)]
    pub(super) castiron: String,
    #[serde(default)]
    pub(super) isa: String,
    #[serde(default)]
    pub(super) optimize: String,
    board: Option<Board>,
    #[serde(default)]
    boards: Vec<Board>,
    #[serde(default)]
    pub(super) models: Vec<Model>,
}

/// A board, of which the name and the clock tell.
#[derive(Debug, Deserialize)]
struct Board {
    name: String,
    clock_hz: Option<u64>,
}

impl Seen {
    /// The boards; reports of former versions have one.
    fn boards(&self) -> impl Iterator<Item = &Board> {
        let one = self.board.iter().filter(|_| self.boards.is_empty());
        self.boards.iter().chain(one)
    }

    /// The names of the boards.
    fn board(&self) -> String {
        let names: Vec<&str> = self.boards().map(|board| &board.name[..]).collect();
        names.join(", ")
    }

    /// The clock of the board, if it is one.
    fn clock(&self) -> Option<u64> {
        let mut boards = self.boards();
        match (boards.next(), boards.next()) {
            (Some(board), None) => board.clock_hz,
            _ => None,
        }
    }

    /// Whether indices are of tensors that there are.
    fn check(&self) -> Result<(), Diagnostic> {
        for graph in self.models.iter().flat_map(|model| &model.subgraphs) {
            let operators = graph.operators.iter();
            let operands = operators.flat_map(|o| o.inputs.iter().flatten().chain(&o.outputs));
            let mut all = operands.chain(&graph.inputs).chain(&graph.outputs);
            if let Some(index) = all.find(|index| **index >= graph.tensors.len()) {
                let missing = Diagnostic::new("the report names a tensor that it does not have")
                    .expected(format_args!("one of {}", graph.tensors.len()))
                    .found(format_args!("tensor {index}"));
                return Err(missing);
            }
        }
        Ok(())
    }
}

/// A model.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Model {
    pub(super) name: String,
    pub(super) sha256: Option<String>,
    pub(super) arithmetic: Option<String>,
    pub(super) compiled: Verdict,
    pub(super) tflm: Verdict,
    pub(super) advice: Vec<Advice>,
    pub(super) subgraphs: Vec<Subgraph>,
    memory: Memory,
    #[serde(skip)]
    pub(super) figures: Figures,
}

impl Model {
    /// The operators that run when the arena is full.
    pub(super) fn full_at(&self) -> Option<String> {
        let plan = self.memory.after.as_ref()?;
        let operators = plan.steps.get(plan.peak_step)?.operators.iter();
        let named = operators.filter_map(|index| {
            let operator = self.subgraphs.first()?.operators.get(*index)?;
            Some(format!("{index} {}", operator.name))
        });
        let named: Vec<String> = named.collect();
        (!named.is_empty()).then(|| named.join(", "))
    }
}

/// Whether an engine runs the model.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Verdict {
    pub(super) ok: Option<bool>,
}

/// Advice, of which the rule tells.
#[derive(Debug, Deserialize)]
pub(super) struct Advice {
    pub(super) rule: String,
}

#[derive(Debug, Default, Deserialize)]
struct Memory {
    after: Option<Plan>,
}

#[derive(Debug, Deserialize)]
struct Plan {
    peak_step: usize,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    operators: Vec<usize>,
}

/// A subgraph.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Subgraph {
    pub(super) inputs: Vec<usize>,
    pub(super) outputs: Vec<usize>,
    pub(super) tensors: Vec<Tensor>,
    pub(super) operators: Vec<Operator>,
}

/// A tensor.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tensor {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) dtype: String,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: u64,
    pub(super) constant: bool,
    pub(super) digest: Option<String>,
    pub(super) quantization: Option<Quantization>,
}

/// Quantisation.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Quantization {
    pub(super) scale: f32,
    pub(super) greatest_scale: Option<f32>,
    pub(super) scales: usize,
    pub(super) zero_point: i32,
}

/// An operator.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Operator {
    pub(super) name: String,
    pub(super) inputs: Vec<Option<usize>>,
    pub(super) outputs: Vec<usize>,
    pub(super) options: Option<BTreeMap<String, String>>,
    pub(super) macs: Option<u64>,
    pub(super) packed_bytes: Option<u64>,
    pub(super) kernels: Vec<String>,
    pub(super) compiled: Option<bool>,
    pub(super) tflm: Option<bool>,
}

impl Subgraph {
    pub(super) fn outputs<'s>(
        &'s self,
        operator: &'s Operator,
    ) -> impl Iterator<Item = &'s Tensor> {
        operator.outputs.iter().map(|index| &self.tensors[*index])
    }

    /// The operands of an operator that are constant, with their positions.
    pub(super) fn constants<'s>(
        &'s self,
        operator: &'s Operator,
    ) -> impl Iterator<Item = (usize, &'s Tensor)> {
        let operands = operator.inputs.iter().enumerate();
        let operands = operands.filter_map(|(at, index)| Some((at, &self.tensors[(*index)?])));
        operands.filter(|(_, tensor)| tensor.constant)
    }
}
