//! What a validation found.

use std::collections::BTreeMap;

use castiron_codegen::graph::{Graph, TensorId};
use serde::Serialize;

use super::compare::{Mismatch, Tally, coordinates};
use super::identity::Identity;
use super::trace::{COUNTERS, Counts};

/// What a validation found. Its JSON is kept stable; keys may be added.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Outcome {
    /// Where the firmware ran.
    pub on: &'static str,
    /// What computed there.
    pub engine: &'static str,
    /// Cases run.
    pub cases: usize,
    /// Whether nothing differed.
    pub agree: bool,
    /// The first difference.
    pub first: Option<Difference>,
    /// The model's outputs against castiron on this machine.
    pub outputs: Vec<Compared>,
    /// The model's outputs against those that came with the inputs.
    pub references: Vec<Compared>,
    /// The outputs of every operator against castiron on this machine, in the order they run.
    pub operators: Vec<Compared>,
    /// Operators that could not be seen on both sides: they are computed at build time or together with a later one, or
    /// move no byte.
    pub unseen: Vec<usize>,
    /// The most instructions that a run took.
    pub instructions: Option<u64>,
    /// What the processor's counters say of a run, by the name of the counter.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<&'static str, Counted>,
    /// What the firmware on a board says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Identity>,
    /// The greatest share of a float output's magnitude that it might differ by.
    pub tolerance: f64,
}

/// What a counter says. The first run fills caches and prefetchers, so it has a count of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counted {
    /// Of the first case.
    pub first: Option<u64>,
    /// The most of all later ones.
    pub steady: Option<u64>,
}

/// Takes in what the counters say of one more case.
pub(super) fn count(
    counters: &mut BTreeMap<&'static str, Counted>,
    counts: &Counts,
    is_first: bool,
) {
    for (name, count) in COUNTERS.iter().zip(counts) {
        if count.is_some() {
            let counted = counters.entry(name).or_default();
            match is_first {
                true => counted.first = *count,
                false => counted.steady = counted.steady.max(*count),
            }
        }
    }
}

/// A tensor and how its values agree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// Which.
    #[serde(flatten)]
    pub tensor: Seen,
    /// How they agree.
    #[serde(flatten)]
    pub tally: Tally,
    /// The most instructions that the operator took in a case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<u64>,
    /// What the processor's counters say of the operator.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<&'static str, Counted>,
}

/// A tensor that is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The operator that computes it; none for the model's outputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<Operator>,
    /// Position among the outputs of the operator, or of the model.
    pub output: usize,
    /// Index of the tensor.
    pub tensor: usize,
    /// The writer's name for it.
    pub name: String,
    /// Name of the element type.
    pub dtype: &'static str,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
}

/// An operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operator {
    /// Its index in the subgraph.
    pub index: usize,
    /// Its name.
    pub name: String,
}

/// The first element that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The case.
    pub case: String,
    /// What the firmware was compared with.
    pub against: Against,
    /// The tensor.
    #[serde(flatten)]
    pub tensor: Seen,
    /// Position in the tensor.
    pub element: usize,
    /// The same by dimension.
    pub coordinates: Vec<usize>,
    /// What the firmware computed.
    pub got: String,
    /// What it should have.
    pub expected: String,
}

/// What firmware is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// castiron on this machine.
    Castiron,
    /// Outputs that came with the inputs.
    Reference,
}

impl Seen {
    pub(super) fn output(graph: &Graph, output: usize) -> Self {
        Self::new(graph, graph.outputs[output], output)
    }

    pub(super) fn of_operator(graph: &Graph, operator: usize, output: usize) -> Self {
        let found = &graph.operators[operator];
        Self {
            operator: Some(Operator {
                index: operator,
                name: found.kind.name().to_owned(),
            }),
            ..Self::new(graph, found.outputs[output], output)
        }
    }

    fn new(graph: &Graph, id: TensorId, output: usize) -> Self {
        let tensor = graph.tensor(id);
        Self {
            operator: None,
            output,
            tensor: id.index(),
            name: tensor.name.clone(),
            dtype: tensor.dtype.name(),
            shape: tensor.shape.clone(),
        }
    }
}

impl Compared {
    pub(super) fn new(tensor: Seen) -> Self {
        Self {
            tensor,
            tally: Tally::default(),
            instructions: None,
            counters: BTreeMap::new(),
        }
    }

    pub(super) fn measured(&mut self, instructions: Option<u64>) {
        self.instructions = self.instructions.max(instructions);
    }

    pub(super) fn difference(
        &self,
        case: &str,
        against: Against,
        mismatch: Mismatch,
    ) -> Difference {
        Difference {
            case: case.to_owned(),
            against,
            tensor: self.tensor.clone(),
            element: mismatch.element,
            coordinates: coordinates(&self.tensor.shape, mismatch.element),
            got: mismatch.got,
            expected: mismatch.expected,
        }
    }
}

impl Outcome {
    /// What a counter says of an operator. Each of several outputs was waited for after the one before it.
    pub fn counted(&self, operator: usize, counter: &str) -> Counted {
        let its = |c: &&Compared| (c.tensor.operator.as_ref()).is_some_and(|o| o.index == operator);
        let counts = self
            .operators
            .iter()
            .filter(its)
            .filter_map(|c| c.counters.get(counter));
        let add = |a: Option<u64>, b: Option<u64>| Some(a.unwrap_or(0) + b?).or(a);
        counts.fold(Counted::default(), |sum, counted| Counted {
            first: add(sum.first, counted.first),
            steady: add(sum.steady, counted.steady),
        })
    }

    /// The most instructions that an operator took, where they were counted.
    pub fn instructions_of(&self, operator: usize) -> Option<u64> {
        let its = |c: &&Compared| (c.tensor.operator.as_ref()).is_some_and(|o| o.index == operator);
        let counts = self.operators.iter().filter(its).map(|c| c.instructions);
        // Each of several outputs was waited for after the one before it.
        counts
            .flatten()
            .fold(None, |sum, n| Some(sum.unwrap_or(0) + n))
    }
}
