//! Tensors grouped by the bytes they share whatever the order of operators: aliases.

use super::buffers::Buffers;
use super::memory::{OpMemory, OutputMemory};
use crate::graph::{Graph, TensorId};

/// What stands behind a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing reads, writes or returns it.
    Unused,
    /// The bytes of this constant.
    Constant(TensorId),
    /// A variable, which has memory of its own.
    Kept,
    /// An input of which the caller has the rows.
    Rows,
    /// All or a part of one of the caller's buffers: inputs by position, then outputs.
    Held(usize),
    /// A group, by index.
    Group(usize),
}

/// Which tensors may be others' bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    Nothing,
    /// All of others' bytes.
    Aliases,
    /// Parts of them, too, that begin at a multiple of the alignment.
    Parts {
        alignment: usize,
    },
}

/// Tensors that are one run of bytes, or parts of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    pub(super) bytes: usize,
    /// Filled by the caller.
    pub(super) input: bool,
    /// Read by the caller.
    pub(super) output: bool,
    /// Operators that read or write a member, ascending.
    pub(super) touched_by: Vec<usize>,
}

/// The memory side of a graph, before an order is chosen.
pub struct Values {
    pub(super) tensors: Vec<Value>,
    /// Where each tensor begins in its group's bytes.
    pub(super) offsets: Vec<usize>,
    pub(super) groups: Vec<Group>,
    /// Per operator: the groups it touches, without repetition.
    pub(super) touches: Vec<Vec<usize>>,
    /// Whether the caller finds outputs in the arena.
    pub(super) outputs_within: bool,
}

impl Values {
    pub fn new(graph: &Graph, memory: &[OpMemory], sharing: Sharing, buffers: Buffers) -> Self {
        let mut used = vec![false; graph.tensors.len()];
        for id in used_tensors(graph) {
            used[id.index()] = true;
        }
        let mut is_input = vec![false; graph.tensors.len()];
        for id in &graph.inputs {
            is_input[id.index()] = true;
        }
        let mut values = Self {
            tensors: vec![Value::Unused; graph.tensors.len()],
            offsets: vec![0; graph.tensors.len()],
            groups: Vec::new(),
            touches: Vec::new(),
            outputs_within: !buffers.holds_outputs(),
        };
        let by_rows = graph
            .operators
            .iter()
            .zip(memory)
            .filter(|(_, m)| m.by_rows);
        for input in by_rows.filter_map(|(op, _)| op.inputs.first().copied().flatten()) {
            values.tensors[input.index()] = Value::Rows;
        }
        values.hold(graph, memory, sharing, buffers);
        // An alias needs its source's value first; operators are in topological order, so
        // one pass over them reaches chains of any length.
        for (op, memory) in graph.operators.iter().zip(memory) {
            for (position, &output) in op.outputs.iter().enumerate() {
                let (input, part) = match (memory.output(position), sharing) {
                    (_, Sharing::Nothing) => continue,
                    (OutputMemory::Alias(input), _) => (input, None),
                    (OutputMemory::Part { input, offset }, Sharing::Parts { alignment }) => {
                        (input, Some((*offset, alignment)))
                    }
                    _ => continue,
                };
                let Some(source) = op.inputs.get(*input).copied().flatten() else {
                    continue;
                };
                // The caller looks for this output in the arena, not in the buffer of an input.
                if matches!(values.tensors[source.index()], Value::Held(_))
                    && graph.outputs.contains(&output)
                {
                    continue;
                }
                if values.tensors[output.index()] == Value::Unused && !is_input[output.index()] {
                    match part {
                        None => values.alias(graph, source, output),
                        Some(part) => values.part(graph, source, output, part),
                    }
                }
            }
        }
        for (index, _) in used.iter().enumerate().filter(|(_, used)| **used) {
            values.ensure(graph, TensorId(index as u32));
        }
        for &id in &graph.inputs {
            if let Some(group) = values.group_mut(id) {
                group.input = true;
            }
        }
        for &id in &graph.outputs {
            if let Some(group) = values.group_mut(id) {
                group.output = true;
            }
        }
        for (index, op) in graph.operators.iter().enumerate() {
            let mut touches = Vec::new();
            for &id in op.inputs.iter().flatten().chain(&op.outputs) {
                if let Some(group) = values.group(id)
                    && values.groups[group].touched_by.last() != Some(&index)
                {
                    touches.push(group);
                    values.groups[group].touched_by.push(index);
                }
            }
            values.touches.push(touches);
        }
        values
    }

    /// The group of a tensor, if it lies in the arena.
    pub(super) fn group(&self, id: TensorId) -> Option<usize> {
        match self.tensors[id.index()] {
            Value::Group(group) => Some(group),
            Value::Unused | Value::Constant(_) | Value::Kept | Value::Rows | Value::Held(_) => None,
        }
    }

    /// Gives inputs and outputs to the caller, and with an output what it is all the bytes of. What has a place of its own keeps that: it is copied.
    fn hold(&mut self, graph: &Graph, memory: &[OpMemory], sharing: Sharing, buffers: Buffers) {
        let mut hold = |id: TensorId, held: usize| {
            let (tensor, value) = (graph.tensor(id), &mut self.tensors[id.index()]);
            if *value == Value::Unused && !tensor.is_constant() && !tensor.is_variable {
                *value = Value::Held(held);
            }
        };
        if buffers.holds_inputs() {
            // Of a tensor that is several inputs the last one counts, as ever: so it is copied.
            let is_one = |id: &TensorId| graph.inputs.iter().filter(|i| *i == id).count() == 1;
            let inputs = graph.inputs.iter().zip(0..).filter(|(id, _)| is_one(id));
            inputs.for_each(|(id, held)| hold(*id, held));
        }
        if !buffers.holds_outputs() {
            return;
        }
        let is_input = |id: &TensorId| graph.inputs.contains(id);
        let outputs = graph.outputs.iter().zip(graph.inputs.len()..);
        let outputs = outputs.filter(|(id, _)| !is_input(id));
        outputs.for_each(|(id, held)| hold(*id, held));
        if sharing == Sharing::Nothing {
            return;
        }
        // An alias lies where its source does; so the source comes to where the alias has to be. Operators are in topological order.
        for (op, memory) in graph.operators.iter().zip(memory).rev() {
            for (position, output) in op.outputs.iter().enumerate() {
                let value = self.tensors[output.index()];
                let (OutputMemory::Alias(input), Value::Held(_)) = (memory.output(position), value)
                else {
                    continue;
                };
                let source = op.inputs.get(*input).copied().flatten();
                let Some(source) = source.filter(|id| !is_input(id)) else {
                    continue;
                };
                if self.tensors[source.index()] == Value::Unused
                    && !graph.tensor(source).is_constant()
                    && aliasable(graph, source, *output)
                    && graph.tensor(source).bytes() == graph.tensor(*output).bytes()
                {
                    self.tensors[source.index()] = value;
                }
            }
        }
    }

    /// Makes an output all of an input's bytes, where it can be.
    fn alias(&mut self, graph: &Graph, source: TensorId, output: TensorId) {
        if aliasable(graph, source, output)
            && graph.tensor(source).bytes() == graph.tensor(output).bytes()
        {
            self.tensors[output.index()] = self.ensure(graph, source);
            self.offsets[output.index()] = self.offsets[source.index()];
        }
    }

    /// Makes an output a part of an input's bytes, where it can be: an offset, and what that has to be a multiple of.
    fn part(
        &mut self,
        graph: &Graph,
        source: TensorId,
        output: TensorId,
        (offset, alignment): (usize, usize),
    ) {
        let end = offset.checked_add(graph.tensor(output).bytes());
        let lies_within = end.is_some_and(|end| end <= graph.tensor(source).bytes());
        if !aliasable(graph, source, output) || !lies_within {
            return;
        }
        let at = self.offsets[source.index()] + offset;
        let value = self.ensure(graph, source);
        if matches!(value, Value::Group(_) | Value::Held(_)) && at.is_multiple_of(alignment) {
            self.tensors[output.index()] = value;
            self.offsets[output.index()] = at;
        }
    }

    /// The group that a tensor is all of.
    fn whole(&self, graph: &Graph, id: TensorId) -> Option<usize> {
        let group = self.group(id)?;
        (self.groups[group].bytes == graph.tensor(id).bytes()).then_some(group)
    }

    fn group_mut(&mut self, id: TensorId) -> Option<&mut Group> {
        self.group(id).map(|group| &mut self.groups[group])
    }

    /// The tensor's value; a new group if it has none yet.
    fn ensure(&mut self, graph: &Graph, id: TensorId) -> Value {
        if self.tensors[id.index()] == Value::Unused {
            let tensor = graph.tensor(id);
            self.tensors[id.index()] = if tensor.is_constant() {
                Value::Constant(id)
            } else if tensor.is_variable {
                Value::Kept
            } else {
                self.groups.push(Group {
                    bytes: tensor.bytes(),
                    ..Group::default()
                });
                Value::Group(self.groups.len() - 1)
            };
        }
        self.tensors[id.index()]
    }

    /// Outputs of `op` that overwrite an input of their size, as (output position, input position).
    /// `dies` says of a group whether nothing needs it after this operator.
    pub(super) fn in_place(
        &self,
        graph: &Graph,
        op: usize,
        memory: &OpMemory,
        dies: impl Fn(usize) -> bool,
    ) -> Vec<(usize, usize)> {
        let equal = |source: usize, target: usize| source == target;
        self.pairs(graph, op, dies, equal, |output| {
            memory.output(output).in_place()
        })
    }

    /// Outputs of `op` that may overlap an input, in the same manner.
    pub(super) fn overlaps(
        &self,
        graph: &Graph,
        op: usize,
        memory: &OpMemory,
        dies: impl Fn(usize) -> bool,
    ) -> Vec<(usize, usize)> {
        self.pairs(
            graph,
            op,
            dies,
            |_, _| true,
            |output| match memory.output(output) {
                OutputMemory::Overlap { input, .. } => std::slice::from_ref(input),
                _ => &[],
            },
        )
    }

    /// Outputs of `op` and an input of each that may give its bytes to it, as (output position, input position).
    /// `allowed` lists an output's inputs, and `fits` compares sizes.
    fn pairs<'m>(
        &self,
        graph: &Graph,
        op: usize,
        dies: impl Fn(usize) -> bool,
        fits: impl Fn(usize, usize) -> bool,
        allowed: impl Fn(usize) -> &'m [usize],
    ) -> Vec<(usize, usize)> {
        let op = &graph.operators[op];
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        let mut taken: Vec<usize> = op.outputs.iter().filter_map(|&id| self.group(id)).collect();
        for (position, &output) in op.outputs.iter().enumerate() {
            let inputs = allowed(position);
            if inputs.is_empty() {
                continue;
            }
            let Some(target) = self.whole(graph, output) else {
                continue;
            };
            // Listed twice among the outputs, or not this operator's to move.
            if self.groups[target].input || taken.iter().filter(|&&g| g == target).count() != 1 {
                continue;
            }
            for &input in inputs {
                let Some(group) = op
                    .inputs
                    .get(input)
                    .copied()
                    .flatten()
                    .and_then(|id| self.whole(graph, id))
                else {
                    continue;
                };
                // What is read of the group beside a listed input would be overwritten before its turn.
                let only_listed = op.inputs.iter().enumerate().all(|(at, id)| {
                    id.and_then(|id| self.group(id)) != Some(group)
                        || inputs.contains(&at)
                            && id.is_some_and(|id| self.whole(graph, id).is_some())
                });
                if fits(self.groups[group].bytes, self.groups[target].bytes)
                    && !self.groups[group].output
                    && !taken.contains(&group)
                    && only_listed
                    && dies(group)
                {
                    taken.push(group);
                    pairs.push((position, input));
                    break;
                }
            }
        }
        pairs
    }
}

fn used_tensors(graph: &Graph) -> impl Iterator<Item = TensorId> + '_ {
    let in_operators = graph
        .operators
        .iter()
        .flat_map(|op| op.inputs.iter().flatten().chain(&op.outputs));
    graph
        .inputs
        .iter()
        .chain(&graph.outputs)
        .chain(in_operators)
        .copied()
}

/// A variable's bytes change under whoever still holds an alias of them, so it has none. An
/// output with a place of its own (a constant; graph inputs are looked at before) is none either.
fn aliasable(graph: &Graph, source: TensorId, output: TensorId) -> bool {
    let (from, to) = (graph.tensor(source), graph.tensor(output));
    !from.is_variable && !to.is_variable && !to.is_constant()
}
