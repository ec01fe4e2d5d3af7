//! What TFLM's planner is given: every buffer of the head with its lifetime.

use std::ops::Range;

use super::greedy::Buffer;
use super::offline::Offline;
use super::prepare::Event;
use super::site::bytes;
use super::variables;
use crate::error::Diagnostic;
use crate::graph::{DType, Graph, Model, Site, TensorId};

/// Operators that TFLM may come by while it walks into subgraphs, each as often as it is called.
const MOST_VISITS: usize = 1_000_000;

/// A working buffer and the operator that asked for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scratch {
    pub(super) subgraph: usize,
    pub(super) operator: usize,
    pub(super) bytes: usize,
}

/// Whose a planned buffer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Tensor { subgraph: usize, tensor: usize },
    Scratch { subgraph: usize, operator: usize },
}

/// Buffers in TFLM's order, and whose each is.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) buffers: Vec<Buffer>,
    pub(super) owners: Vec<Owner>,
}

#[derive(Clone, Copy)]
struct Life {
    first: i64,
    last: i64,
}

/// Never reached.
const UNBORN: Life = Life {
    first: -1,
    last: -1,
};

impl Life {
    fn create(&mut self, now: i64) {
        if self.first == UNBORN.first {
            self.first = now;
        }
    }

    fn extend(&mut self, now: i64) {
        self.last = now;
    }
}

/// Walks through the model as TFLM does, and lists its buffers.
pub(super) fn buffers(
    model: &Model,
    scratch: &[Scratch],
    offline: Option<&Offline>,
    alignment: usize,
) -> Result<Planned, Diagnostic> {
    let mut walk = Walk::new(model, scratch);
    walk.subgraph(0)?;
    let mut planned = Planned::default();
    let mut index = 0;
    for (subgraph, graph) in model.graphs.iter().enumerate() {
        let handles = variables::handles(graph);
        for (tensor, t) in graph.tensors.iter().enumerate() {
            let fixed = offline.and_then(|plan| plan.offset(index));
            index += 1;
            let size = bytes(t).unwrap_or(0);
            let handle = t.dtype == DType::Resource
                && u32::try_from(tensor).is_ok_and(|id| handles.contains_key(&TensorId(id)));
            let free = !t.is_variable && !handle && size > 0;
            if t.is_constant() || !(free || (t.is_variable && fixed.is_some())) {
                continue;
            }
            let life = walk.tensors[subgraph][tensor];
            planned.buffers.push(Buffer {
                bytes: size.next_multiple_of(alignment),
                first: life.first,
                last: life.last,
                fixed,
            });
            planned.owners.push(Owner::Tensor { subgraph, tensor });
        }
    }
    for (request, life) in scratch.iter().zip(&walk.requests) {
        planned.buffers.push(Buffer {
            bytes: request.bytes.next_multiple_of(alignment),
            first: life.first,
            last: life.last,
            fixed: None,
        });
        planned.owners.push(Owner::Scratch {
            subgraph: request.subgraph,
            operator: request.operator,
        });
    }
    Ok(planned)
}

/// What a walk has to do next.
enum Step {
    /// Go into a subgraph.
    Enter(usize),
    /// Come to an operator of a subgraph, or to the subgraph's end.
    Begin(usize, usize),
    /// Follow an operator's call.
    Call(usize),
    /// Leave an operator that began at a moment.
    End(usize, usize, i64),
}

struct Walk<'a> {
    model: &'a Model,
    scratch: &'a [Scratch],
    now: i64,
    visits: usize,
    tensors: Vec<Vec<Life>>,
    requests: Vec<Life>,
}

impl<'a> Walk<'a> {
    fn new(model: &'a Model, scratch: &'a [Scratch]) -> Self {
        let unborn = |graph: &Graph| vec![UNBORN; graph.tensors.len()];
        Self {
            model,
            scratch,
            now: 0,
            visits: 0,
            tensors: model.graphs.iter().map(unborn).collect(),
            requests: vec![UNBORN; scratch.len()],
        }
    }

    /// Follows a subgraph and all that it calls. Calls nest as deep as the file wants them to, so
    /// what is left to do is a list and not the stack.
    fn subgraph(&mut self, index: usize) -> Result<(), Diagnostic> {
        let mut left = vec![Step::Enter(index)];
        while let Some(step) = left.pop() {
            match step {
                Step::Enter(index) => {
                    self.mark(index, &self.model.graphs[index].inputs);
                    left.push(Step::Begin(index, 0));
                }
                Step::Begin(index, number) => {
                    let graph = &self.model.graphs[index];
                    let Some(operator) = graph.operators.get(number) else {
                        self.mark(index, &graph.outputs);
                        continue;
                    };
                    self.visit()?;
                    self.now += 1;
                    for id in &operator.outputs {
                        self.tensors[index][id.index()].create(self.now);
                    }
                    left.push(Step::End(index, number, self.now));
                    left.extend(operator.options.callees().rev().map(Step::Call));
                }
                Step::Call(callee) => {
                    self.now += 1;
                    left.push(Step::Enter(callee));
                }
                Step::End(index, number, start) => {
                    let operator = &self.model.graphs[index].operators[number];
                    for id in operator.inputs.iter().flatten().chain(&operator.outputs) {
                        self.tensors[index][id.index()].extend(self.now);
                    }
                    for request in self.requests_of(index, number) {
                        self.requests[request].create(start);
                        self.requests[request].extend(self.now);
                    }
                    left.push(Step::Begin(index, number + 1));
                }
            }
        }
        Ok(())
    }

    fn visit(&mut self) -> Result<(), Diagnostic> {
        self.visits += 1;
        if self.visits <= MOST_VISITS {
            return Ok(());
        }
        Err(
            Diagnostic::new("subgraphs call each other too often to plan memory")
                .expected(format_args!("up to {MOST_VISITS} operators in all calls"))
                .found("more")
                .help("use fewer calls in the model's source"),
        )
    }

    /// The numbers of an operator's requests; those of all operators are in order.
    fn requests_of(&self, subgraph: usize, operator: usize) -> Range<usize> {
        let whose = |s: &Scratch| (s.subgraph, s.operator);
        let from = self
            .scratch
            .partition_point(|s| whose(s) < (subgraph, operator));
        let to = self
            .scratch
            .partition_point(|s| whose(s) <= (subgraph, operator));
        from..to
    }

    fn mark(&mut self, graph: usize, ids: &[TensorId]) {
        for id in ids {
            let life = &mut self.tensors[graph][id.index()];
            life.create(self.now);
            life.extend(self.now);
        }
    }
}

/// The scratch requests among an operator's events.
pub(super) fn scratch_of(site: Site<'_>, subgraph: usize, events: &[Event]) -> Vec<Scratch> {
    let requests = events.iter().filter_map(|event| match event {
        Event::Scratch(bytes) => Some(Scratch {
            subgraph,
            operator: site.index,
            bytes: *bytes,
        }),
        _ => None,
    });
    requests.collect()
}
