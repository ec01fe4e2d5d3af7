//! From an order of operators to buffers with lifetimes.
//!
//! Time steps: at 0 the caller fills the inputs, at 1 + *k* the *k*-th operator of the order
//! runs, and at 1 + *operators* the caller reads the outputs.

use super::InPlace;
use super::alloc::{Buffer, Overlap};
use super::memory::{OpMemory, OutputMemory};
use super::values::{Value, Values};
use crate::graph::{Graph, TensorId};

/// What outputs may take of the bytes of inputs that die with their operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    Nothing,
    /// All of them, byte for byte.
    Whole,
    /// All of them or, where that cannot be, some.
    WholeOrSome,
    /// The same, but where the operator may do with some, whether it is all of them is left to the packing.
    Some,
}

/// The packing problem of one order of operators, and who lies where in it.
pub struct Lifetimes {
    pub buffers: Vec<Buffer>,
    /// Per group of [`Values`]: its buffer.
    pub(super) group: Vec<usize>,
    /// Per operator and scratch request: its buffer.
    pub(super) scratch: Vec<Vec<usize>>,
    /// Graph outputs that lie elsewhere, and the buffer for a copy.
    pub(super) copies: Vec<(TensorId, usize)>,
    /// Per operator: outputs that overwrite an input.
    pub(super) in_place: Vec<Vec<InPlace>>,
    /// Buffers that may overlap for the step of an operator.
    pub overlaps: Vec<Overlap>,
    /// The operator of each of `overlaps`, and its output and input.
    pub(super) overlapping: Vec<(usize, InPlace)>,
}

impl Lifetimes {
    pub fn new(
        graph: &Graph,
        values: &Values,
        memory: &[OpMemory],
        order: &[usize],
        alignment: usize,
        reuse: Reuse,
    ) -> Self {
        let end = order.len() + 1;
        let mut step = vec![0; order.len()];
        for (at, &op) in order.iter().enumerate() {
            step[op] = at + 1;
        }
        let lives: Vec<(usize, usize)> = values
            .groups
            .iter()
            .map(|group| {
                let steps = || group.touched_by.iter().map(|&op| step[op]);
                let first = if group.input {
                    0
                } else {
                    steps().min().unwrap_or(end)
                };
                let last = if group.output {
                    end
                } else {
                    steps().max().unwrap_or(first)
                };
                (first, last)
            })
            .collect();

        // An input that dies where an output of its size is born hands its bytes over. Chains
        // of such groups become one buffer, kept at the first group.
        let mut heir_of: Vec<usize> = (0..values.groups.len()).collect();
        let mut decisions: Vec<Vec<InPlace>> = vec![Vec::new(); order.len()];
        let groups = |op: usize, (output, input): (usize, usize)| {
            let source = graph.operators[op].inputs[input].and_then(|id| values.group(id))?;
            Some((source, values.group(graph.operators[op].outputs[output])?))
        };
        let mut some = Vec::new();
        for &op in order.iter().filter(|_| reuse != Reuse::Nothing) {
            let dies = |g: usize| lives[g].1 == step[op];
            for pair in values.in_place(graph, op, &memory[op], dies) {
                let may_overlap = matches!(memory[op].output(pair.0), OutputMemory::Overlap { .. });
                if let (Some((source, target)), false) =
                    (groups(op, pair), may_overlap && reuse == Reuse::Some)
                {
                    heir_of[target] = heir_of[source];
                    let (output, input) = pair;
                    decisions[op].push(InPlace { output, input });
                }
            }
            if matches!(reuse, Reuse::WholeOrSome | Reuse::Some) {
                let pairs = values.overlaps(graph, op, &memory[op], dies);
                some.extend(pairs.into_iter().map(|pair| (op, pair)));
            }
        }

        let mut buffers: Vec<Buffer> = Vec::new();
        let mut group = vec![usize::MAX; values.groups.len()];
        for (g, &(first, last)) in lives.iter().enumerate() {
            let root = heir_of[g];
            if group[root] == usize::MAX {
                group[root] = buffers.len();
                buffers.push(Buffer {
                    bytes: values.groups[g].bytes,
                    first,
                    last,
                });
            }
            group[g] = group[root];
            let buffer = &mut buffers[group[root]];
            buffer.first = buffer.first.min(first);
            buffer.last = buffer.last.max(last);
        }
        let mut overlaps = Vec::new();
        let mut overlapping = Vec::new();
        for (op, (output, input)) in some {
            let OutputMemory::Overlap { distance, step, .. } = *memory[op].output(output) else {
                continue;
            };
            let Some((source, target)) = groups(op, (output, input)) else {
                continue;
            };
            // Another output that has taken the input's bytes may be live for this step alone: its lifetime does not tell.
            let is_taken = decisions[op].iter().any(|taken| {
                groups(op, (taken.output, taken.input)).is_some_and(|(from, _)| from == source)
            });
            if group[source] != group[target] && !is_taken {
                overlaps.push(Overlap {
                    input: group[source],
                    output: group[target],
                    distance,
                    farther: alignment.is_multiple_of(step),
                });
                overlapping.push((op, InPlace { output, input }));
            }
        }
        let scratch = memory
            .iter()
            .enumerate()
            .map(|(op, memory)| {
                memory
                    .scratch
                    .iter()
                    .map(|&bytes| {
                        buffers.push(Buffer {
                            bytes,
                            first: step[op],
                            last: step[op],
                        });
                        buffers.len() - 1
                    })
                    .collect()
            })
            .collect();
        let copies = outputs_elsewhere(graph, values)
            .into_iter()
            .map(|id| {
                let bytes = graph.tensor(id).bytes();
                buffers.push(Buffer {
                    bytes,
                    first: end,
                    last: end,
                });
                (id, buffers.len() - 1)
            })
            .collect();
        Self {
            buffers,
            group,
            scratch,
            copies,
            in_place: decisions,
            overlaps,
            overlapping,
        }
    }
}

/// Graph outputs that the caller looks for in the arena and whose value is a constant, or one of the caller's buffers: each once.
fn outputs_elsewhere(graph: &Graph, values: &Values) -> Vec<TensorId> {
    let mut seen = vec![false; graph.tensors.len()];
    let outputs = graph.outputs.iter().copied();
    let elsewhere = outputs.filter(|id| {
        let value = values.tensors[id.index()];
        values.outputs_within && matches!(value, Value::Constant(_) | Value::Held(_))
    });
    elsewhere
        .filter(|id| !std::mem::replace(&mut seen[id.index()], true))
        .collect()
}
