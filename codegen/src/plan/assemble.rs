//! Writing down what was decided: groups, lifetimes and offsets become a [`Plan`].

use std::cmp::Reverse;

use super::alloc::Allocation;
use super::lifetime::Lifetimes;
use super::values::{Value, Values};
use super::{
    Location, OutputCopy, Plan, PlanOptions, PlannedBuffer, PlannedOperator, PlannedTensor, Region,
};
use crate::graph::{Graph, TensorId};

impl Plan {
    pub(super) fn assemble(
        graph: &Graph,
        values: &Values,
        order: Vec<usize>,
        order_optimal: bool,
        lifetimes: &Lifetimes,
        allocation: &Allocation,
        options: &PlanOptions,
    ) -> Self {
        let mut buffers: Vec<PlannedBuffer> = lifetimes
            .buffers
            .iter()
            .zip(&allocation.offsets)
            .map(|(b, &offset)| PlannedBuffer {
                offset,
                bytes: b.bytes,
                first: b.first,
                last: b.last,
                tensors: Vec::new(),
            })
            .collect();
        for (index, value) in values.tensors.iter().enumerate() {
            if let Value::Group(group) = value {
                buffers[lifetimes.group[*group]].tensors.push(index);
            }
        }
        let region = |buffer: usize| Region {
            offset: buffers[buffer].offset,
            bytes: buffers[buffer].bytes,
        };

        let lives = tensor_lives(graph, &order);
        let tensors = graph.tensors.iter().enumerate().map(|(index, tensor)| {
            let (location, shares_with) = match values.tensors[index] {
                Value::Unused => (Location::Unused, Vec::new()),
                Value::Constant(of) if of.index() == index => (Location::Constant, Vec::new()),
                Value::Constant(of) => (Location::ConstantAlias { of }, Vec::new()),
                Value::Group(group) => {
                    let buffer = lifetimes.group[group];
                    let Region { offset, bytes } = region(buffer);
                    let (first, last) = lives[index];
                    let others = buffers[buffer].tensors.iter().copied();
                    (
                        Location::Arena {
                            offset,
                            bytes,
                            first,
                            last,
                            buffer,
                        },
                        others.filter(|&t| t != index).collect(),
                    )
                }
            };
            PlannedTensor {
                index,
                name: tensor.name.clone(),
                dtype: tensor.dtype.name(),
                shape: tensor.shape.clone(),
                location,
                shares_with,
            }
        });
        let tensors = tensors.collect();

        let live = |step: usize| -> usize {
            let at = buffers.iter().filter(|b| b.first <= step && step <= b.last);
            at.map(|b| b.bytes.next_multiple_of(options.alignment))
                .sum()
        };
        let mut operators: Vec<PlannedOperator> = graph
            .operators
            .iter()
            .enumerate()
            .map(|(index, op)| PlannedOperator {
                index,
                name: op.kind.name().to_owned(),
                step: 0,
                live_bytes: 0,
                in_place: lifetimes.in_place[index].clone(),
                scratch: lifetimes.scratch[index]
                    .iter()
                    .map(|&b| region(b))
                    .collect(),
            })
            .collect();
        for (at, &op) in order.iter().enumerate() {
            operators[op].step = at + 1;
            operators[op].live_bytes = live(at + 1);
        }

        let top = |step: usize| {
            let at = buffers
                .iter()
                .filter(|b| b.first <= step && step <= b.last && b.bytes > 0);
            at.map(|b| b.offset + b.bytes)
                .max()
                .unwrap_or(0)
                .next_multiple_of(options.alignment)
        };
        let peak_step = (0..=order.len() + 1)
            .max_by_key(|&step| (top(step), live(step), Reverse(step)))
            .unwrap_or(0);
        let output_copies = lifetimes
            .copies
            .iter()
            .map(|&(tensor, buffer)| {
                let Region { offset, bytes } = region(buffer);
                OutputCopy {
                    tensor,
                    offset,
                    bytes,
                }
            })
            .collect();
        Self {
            peak_bytes: allocation.peak_bytes,
            lower_bound_bytes: allocation.lower_bound_bytes,
            optimal: allocation.optimal,
            order_optimal,
            alignment: options.alignment,
            peak_step,
            order,
            tensors,
            operators,
            buffers,
            output_copies,
        }
    }
}

/// First and last step of each tensor by itself.
fn tensor_lives(graph: &Graph, order: &[usize]) -> Vec<(usize, usize)> {
    let end = order.len() + 1;
    let mut lives = vec![(usize::MAX, 0); graph.tensors.len()];
    let mut touch = |id: TensorId, step: usize| {
        let (first, last) = &mut lives[id.index()];
        *first = step.min(*first);
        *last = step.max(*last);
    };
    for (at, &op) in order.iter().enumerate() {
        let op = &graph.operators[op];
        for &id in op.inputs.iter().flatten().chain(&op.outputs) {
            touch(id, at + 1);
        }
    }
    graph.inputs.iter().for_each(|&id| touch(id, 0));
    graph.outputs.iter().for_each(|&id| touch(id, end));
    for (tensor, life) in graph.tensors.iter().zip(&mut lives) {
        if tensor.is_variable {
            *life = (0, end);
        }
    }
    lives
}
