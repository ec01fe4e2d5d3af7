//! Writing down what was decided: groups, lifetimes and offsets become a [`Plan`].

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::alloc::Allocation;
use super::lifetime::Lifetimes;
use super::values::{Value, Values};
use super::{
    InPlace, Location, OutputCopy, Plan, PlanOptions, PlannedBuffer, PlannedOperator,
    PlannedTensor, Region,
};
use crate::graph::{Graph, TensorId};
use crate::sorted;

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
                Value::Kept => (Location::State, Vec::new()),
                Value::Rows => (Location::Rows, Vec::new()),
                Value::Held(held) => {
                    let offset = values.offsets[index];
                    (Location::Caller { held, offset }, Vec::new())
                }
                Value::Constant(of) if of.index() == index => (Location::Constant, Vec::new()),
                Value::Constant(of) => (Location::ConstantAlias { of }, Vec::new()),
                Value::Group(group) => {
                    let buffer = lifetimes.group[group];
                    let offset = region(buffer).offset + values.offsets[index];
                    let bytes = tensor.bytes();
                    let (first, last) = lives[index];
                    let shares_with = neighbours(&buffers[buffer].tensors, index);
                    (
                        Location::Arena {
                            offset,
                            bytes,
                            first,
                            last,
                            buffer,
                        },
                        shares_with,
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

        let steps = order.len() + 2;
        let mut live = live_bytes(&buffers, steps, options.alignment);
        let mut overlaps: Vec<Vec<InPlace>> = vec![Vec::new(); order.len()];
        for (overlap, &(op, pair)) in lifetimes.overlaps.iter().zip(&lifetimes.overlapping) {
            let output = &buffers[overlap.output];
            let bytes = shared_bytes(&buffers[overlap.input], output, options.alignment);
            if bytes > 0 {
                live[output.first] -= bytes;
                overlaps[op].push(pair);
            }
        }
        let mut operators: Vec<PlannedOperator> = graph
            .operators
            .iter()
            .enumerate()
            .map(|(index, op)| PlannedOperator {
                index: graph.origin(index),
                name: op.kind.name().to_owned(),
                joined: op.origin.split_last().map_or_else(Vec::new, |(_, joined)| {
                    joined.iter().map(|part| part.index).collect()
                }),
                step: 0,
                live_bytes: 0,
                in_place: lifetimes.in_place[index].clone(),
                overlaps: std::mem::take(&mut overlaps[index]),
                scratch: lifetimes.scratch[index]
                    .iter()
                    .map(|&b| region(b))
                    .collect(),
            })
            .collect();
        for (at, &op) in order.iter().enumerate() {
            operators[op].step = at + 1;
            operators[op].live_bytes = live[at + 1];
        }

        let tops = tops(&buffers, steps, options.alignment);
        let peak_step = (0..steps)
            .max_by_key(|&step| (tops[step], live[step], Reverse(step)))
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
            order: order.iter().map(|&op| graph.origin(op)).collect(),
            positions: order,
            tensors,
            operators,
            buffers,
            output_copies,
            memories: Vec::new(),
        }
    }
}

/// As many tensors of one buffer as [`PlannedTensor::shares_with`] lists: in a long chain of
/// operators in place, each would list all the others.
const MOST_NEIGHBOURS: usize = 64;

/// The other tensors of a buffer, those nearest by index where they are many.
fn neighbours(tensors: &[usize], index: usize) -> Vec<usize> {
    let at = tensors.partition_point(|&t| t < index);
    let last = tensors.len().saturating_sub(MOST_NEIGHBOURS + 1);
    let from = at.saturating_sub(MOST_NEIGHBOURS / 2).min(last);
    let near = tensors[from..].iter().copied().filter(|&t| t != index);
    near.take(MOST_NEIGHBOURS).collect()
}

/// Bytes live at each step, each buffer rounded up to the alignment.
fn live_bytes(buffers: &[PlannedBuffer], steps: usize, alignment: usize) -> Vec<usize> {
    let (mut born, mut died) = (vec![0; steps + 1], vec![0; steps + 1]);
    for buffer in buffers.iter().filter(|b| b.first <= b.last) {
        let bytes = buffer.bytes.next_multiple_of(alignment);
        born[buffer.first] += bytes;
        died[buffer.last + 1] += bytes;
    }
    let mut live = 0;
    let changes = born.iter().zip(&died).take(steps);
    let after = changes.map(|(born, died)| {
        live = live + born - died;
        live
    });
    after.collect()
}

/// Addresses that two buffers both have, rounded up to the alignment.
fn shared_bytes(a: &PlannedBuffer, b: &PlannedBuffer, alignment: usize) -> usize {
    let [a, b] = [a, b].map(|buffer| {
        let bytes = buffer.bytes.next_multiple_of(alignment);
        buffer.offset..buffer.offset + bytes
    });
    a.end.min(b.end).saturating_sub(a.start.max(b.start))
}

/// The highest end of a buffer at each step, rounded up to the alignment.
fn tops(buffers: &[PlannedBuffer], steps: usize, alignment: usize) -> Vec<usize> {
    let mut births: Vec<&PlannedBuffer> = buffers.iter().filter(|b| b.bytes > 0).collect();
    sorted::by_key(&mut births, |b| b.first);
    let mut births = births.into_iter().peekable();
    // By end; those that died leave when they come to the top.
    let mut live: BinaryHeap<(usize, usize)> = BinaryHeap::new();
    let top = |step: usize| {
        while let Some(buffer) = births.next_if(|b| b.first <= step) {
            live.push((buffer.offset + buffer.bytes, buffer.last));
        }
        while live.peek().is_some_and(|(_, last)| *last < step) {
            live.pop();
        }
        let highest = live.peek().map_or(0, |(end, _)| *end);
        highest.next_multiple_of(alignment)
    };
    (0..steps).map(top).collect()
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
    lives
}
