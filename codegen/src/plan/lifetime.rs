//! From an order of operators to buffers with lifetimes.
//!
//! Time steps: at 0 the caller fills the inputs, at 1 + *k* the *k*-th operator of the order
//! runs, and at 1 + *operators* the caller reads the outputs.

use super::InPlace;
use super::alloc::Buffer;
use super::memory::OpMemory;
use super::values::{Value, Values};
use crate::graph::{Graph, TensorId};

/// The packing problem of one order of operators, and who lies where in it.
pub struct Lifetimes {
    pub buffers: Vec<Buffer>,
    /// Per group of [`Values`]: its buffer.
    pub(super) group: Vec<usize>,
    /// Per operator and scratch request: its buffer.
    pub(super) scratch: Vec<Vec<usize>>,
    /// Graph outputs that are constants, and the buffer for a copy.
    pub(super) copies: Vec<(TensorId, usize)>,
    /// Per operator: outputs that overwrite an input.
    pub(super) in_place: Vec<Vec<InPlace>>,
}

impl Lifetimes {
    pub fn new(
        graph: &Graph,
        values: &Values,
        memory: &[OpMemory],
        order: &[usize],
        in_place: bool,
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
        for &op in order.iter().filter(|_| in_place) {
            let pairs = values.in_place(graph, op, &memory[op], |g| lives[g].1 == step[op]);
            for (output, input) in pairs {
                let source = graph.operators[op].inputs[input].and_then(|id| values.group(id));
                let target = values.group(graph.operators[op].outputs[output]);
                if let (Some(source), Some(target)) = (source, target) {
                    heir_of[target] = heir_of[source];
                    decisions[op].push(InPlace { output, input });
                }
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
        let copies = constant_outputs(graph, values)
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
        }
    }
}

/// Graph outputs whose value is a constant, each once.
pub(super) fn constant_outputs(graph: &Graph, values: &Values) -> Vec<TensorId> {
    let mut seen = vec![false; graph.tensors.len()];
    let outputs = graph.outputs.iter().copied();
    let constants = outputs.filter(|id| matches!(values.tensors[id.index()], Value::Constant(_)));
    constants
        .filter(|id| !std::mem::replace(&mut seen[id.index()], true))
        .collect()
}
