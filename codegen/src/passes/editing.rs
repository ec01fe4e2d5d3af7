//! A graph in the hands of a pass: who writes and who reads each tensor, and which operators are gone.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Change, Effect, Pass};
use crate::graph::{Graph, Operator, Part, Tensor, TensorId};

/// A graph that a pass changes. Positions of operators stay as they are until [`finish`](Self::finish).
pub struct Editing<'a> {
    pass: Pass,
    graph: Cow<'a, Graph>,
    /// Operators by what they compute.
    producers: HashMap<TensorId, usize>,
    /// Operators that read a tensor, and how often each does.
    readers: HashMap<TensorId, BTreeMap<usize, usize>>,
    outputs: HashSet<TensorId>,
    gone: Vec<bool>,
    changes: Vec<Change>,
}

impl<'a> Editing<'a> {
    pub fn new(graph: Cow<'a, Graph>, pass: Pass) -> Self {
        let mut editing = Self {
            pass,
            producers: HashMap::new(),
            readers: HashMap::new(),
            outputs: graph.outputs.iter().copied().collect(),
            gone: vec![false; graph.operators.len()],
            changes: Vec::new(),
            graph,
        };
        for position in 0..editing.gone.len() {
            editing.enter(position);
        }
        editing
    }

    /// Notes what an operator reads and computes.
    fn enter(&mut self, position: usize) {
        let operator = &self.graph.operators[position];
        (self.producers).extend(operator.outputs.iter().map(|id| (*id, position)));
        for id in operator.inputs.iter().flatten() {
            *(self.readers.entry(*id).or_default())
                .entry(position)
                .or_default() += 1;
        }
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(super) fn tensor(&self, id: TensorId) -> &Tensor {
        self.graph.tensor(id)
    }

    pub(super) fn operator(&self, position: usize) -> &Operator {
        &self.graph.operators[position]
    }

    /// The operator that computes a tensor. One that reads or writes a variable is not for others to become part of: later, the
    /// variable may have another value.
    pub(super) fn producer(&self, id: TensorId) -> Option<usize> {
        let producer = self.producers.get(&id).copied()?;
        let operator = self.operator(producer);
        let mut ids = operator.inputs.iter().flatten().chain(&operator.outputs);
        (!ids.any(|id| self.tensor(*id).is_variable)).then_some(producer)
    }

    /// The operators that read a tensor.
    pub(super) fn readers(&self, id: TensorId) -> impl Iterator<Item = usize> {
        let readers = self.readers.get(&id).into_iter();
        readers.flat_map(|readers| readers.keys().copied())
    }

    /// Whether the caller of the graph reads a tensor.
    pub(super) fn is_output(&self, id: TensorId) -> bool {
        self.outputs.contains(&id)
    }

    /// Whether one operator reads a tensor, once, and nobody else does.
    pub(super) fn is_read_once(&self, id: TensorId) -> bool {
        let mut readers = self.readers.get(&id).into_iter().flatten();
        readers.next().is_some_and(|(_, times)| *times == 1)
            && readers.next().is_none()
            && !self.is_output(id)
    }

    pub(super) fn is_gone(&self, position: usize) -> bool {
        self.gone[position]
    }

    /// Whether an operator may run as late as one that reads what it computes: what it reads itself is kept for no longer than
    /// that would be, or takes no more bytes.
    pub(super) fn may_wait(&self, producer: usize, reader: usize) -> bool {
        let bytes = |ids: &mut dyn Iterator<Item = &TensorId>| -> usize {
            let tensors = ids.map(|id| self.tensor(*id));
            tensors
                .filter(|x| !x.is_constant())
                .map(Tensor::bytes)
                .sum()
        };
        let operator = self.operator(producer);
        (producer + 1..reader).all(|position| self.gone[position])
            || bytes(&mut operator.inputs.iter().flatten()) <= bytes(&mut operator.outputs.iter())
    }

    /// Adds a tensor. It has no index in the file.
    pub(super) fn add_tensor(&mut self, tensor: Tensor) -> TensorId {
        let tensors = &mut self.graph.to_mut().tensors;
        tensors.push(tensor);
        TensorId(tensors.len() as u32 - 1)
    }

    /// Gives a tensor of the graph other sizes. It stays the file's, so that a trace shows what there is of it.
    pub(super) fn resize(&mut self, id: TensorId, shape: Vec<usize>) {
        let tensor = &mut self.graph.to_mut().tensors[id.index()];
        tensor.shape = shape;
        tensor.shape_signature = None;
    }

    /// Takes an operator out.
    pub(super) fn remove(&mut self, position: usize) {
        self.gone[position] = true;
        for id in self.operator(position).inputs.clone().into_iter().flatten() {
            if let Some(readers) = self.readers.get_mut(&id) {
                readers.remove(&position);
            }
        }
        for id in self.operator(position).outputs.clone() {
            if self.producers.get(&id) == Some(&position) {
                self.producers.remove(&id);
            }
        }
    }

    /// Puts another operator at a position. It computes `parts`, and what the one before it did.
    pub(super) fn replace(&mut self, position: usize, mut operator: Operator, parts: Vec<Part>) {
        operator.origin = parts;
        operator.origin.extend(self.graph.parts(position));
        self.remove(position);
        self.gone[position] = false;
        self.graph.to_mut().operators[position] = operator;
        self.enter(position);
    }

    /// Lets everybody who reads a tensor read another one, but the caller of the graph.
    pub(super) fn read_instead(&mut self, id: TensorId, other: TensorId) {
        let readers = self.readers.remove(&id).unwrap_or_default();
        for reader in readers.keys() {
            let inputs = &mut self.graph.to_mut().operators[*reader].inputs;
            for input in inputs.iter_mut().filter(|input| **input == Some(id)) {
                *input = Some(other);
            }
        }
        let now = self.readers.entry(other).or_default();
        for (reader, times) in readers {
            *now.entry(reader).or_default() += times;
        }
    }

    /// Lets the operator that computes a tensor compute another one.
    pub(super) fn compute_instead(&mut self, id: TensorId, other: TensorId) {
        if let Some(producer) = self.producers.remove(&id) {
            let outputs = &mut self.graph.to_mut().operators[producer].outputs;
            for output in outputs.iter_mut().filter(|output| **output == id) {
                *output = other;
            }
            self.producers.insert(other, producer);
        }
    }

    /// Says what becomes of operators, those of the file that are at positions. What a step takes in once more is said once.
    pub(super) fn say(&mut self, effect: Effect, positions: &[usize]) {
        let parts = positions.iter().flat_map(|at| self.graph.parts(*at));
        let mut operators: Vec<usize> = parts.map(|part| part.index).collect();
        operators.sort_unstable();
        operators.dedup();
        if effect == Effect::Joined {
            let is_in = |index: &usize| operators.binary_search(index).is_ok();
            (self.changes)
                .retain(|said| said.effect != Effect::Joined || !said.operators.iter().all(is_in));
        }
        self.changes.push(Change {
            pass: self.pass,
            operators,
            effect,
        });
    }

    /// The graph without what is gone, and what was said.
    pub fn finish(self) -> (Cow<'a, Graph>, Vec<Change>) {
        let graph = match self.gone.contains(&true) {
            true => without(self.graph, &self.gone),
            false => self.graph,
        };
        (graph, self.changes)
    }
}

/// A graph without some of its operators; the others remember where they were.
fn without<'a>(graph: Cow<'_, Graph>, gone: &[bool]) -> Cow<'a, Graph> {
    let mut graph = graph.into_owned();
    let parts: Vec<Vec<Part>> = (0..gone.len()).map(|at| graph.parts(at)).collect();
    let operators = graph.operators.into_iter().zip(parts).zip(gone);
    graph.operators = operators
        .filter(|(_, gone)| !**gone)
        .map(|((mut operator, parts), _)| {
            operator.origin = parts;
            operator
        })
        .collect();
    Cow::Owned(graph)
}
