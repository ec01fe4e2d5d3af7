//! Where a subgraph's tensors and working memory lie.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Place;
use crate::error::Result;
use crate::graph::{DType, Graph, Tensor, TensorId};
use crate::plan::{Budget, Location, OpMemory, OutputMemory, Plan, PlanOptions, Region};
use crate::tflm::arena::KernelMemory;

/// A plan of a graph as TFLM's kernels see it.
pub(super) struct Planned {
    pub(super) plan: Plan,
    /// Where in the arena it begins.
    pub(super) base: usize,
    /// Tensors that lie elsewhere, and where.
    elsewhere: HashMap<TensorId, usize>,
    /// Which of an operator's working buffers the subgraphs lie in that it calls.
    inner: HashMap<usize, usize>,
}

/// Plans a graph's memory with what its kernels ask for, except for tensors that lie `elsewhere`.
/// `inner` gives the bytes of the subgraphs that an operator calls.
pub(super) fn plan(
    graph: &Graph,
    kernels: &[KernelMemory],
    elsewhere: Vec<TensorId>,
    inner: impl Fn(usize) -> Option<usize>,
    budget: &Budget,
) -> Result<Planned> {
    let is_elsewhere: HashSet<TensorId> = elsewhere.iter().copied().collect();
    let moved = |id: &TensorId| is_elsewhere.contains(id);
    let memory = |graph: &Graph, operator: usize| {
        let of = &graph.operators[operator];
        let mut scratch = scratch(graph, operator, &kernels[operator].scratch);
        scratch.extend(inner(operator));
        OpMemory {
            outputs: match same_bytes(graph, operator) {
                true if !of.inputs.iter().flatten().any(moved) => vec![OutputMemory::Alias(0)],
                _ => Vec::new(),
            },
            scratch,
        }
    };
    let options = PlanOptions {
        // No kernel of TFLM says whether its output may lie on an input.
        in_place: false,
        budget: *budget,
        ..PlanOptions::default()
    };
    let calls = (0..graph.operators.len()).filter(|n| inner(*n).is_some());
    Ok(Planned {
        plan: Plan::new(&as_kernels_see(graph, &elsewhere), memory, &options)?,
        base: 0,
        inner: calls.map(|n| (n, kernels[n].scratch.len())).collect(),
        elsewhere: elsewhere.iter().map(|id| (*id, 0)).collect(),
    })
}

/// A list of pointers is twice as long on a 64-bit host; everything else is as large everywhere.
fn scratch(graph: &Graph, operator: usize, bytes: &[usize]) -> Vec<usize> {
    let factor = match graph.operators[operator].kind.name() {
        "ADD_N" => 2,
        _ => 1,
    };
    bytes.iter().map(|bytes| bytes * factor).collect()
}

/// Whether the operator does nothing but give its input's bytes another shape.
fn same_bytes(graph: &Graph, operator: usize) -> bool {
    let operator = &graph.operators[operator];
    let ([Some(input), ..], [output]) = (&operator.inputs[..], &operator.outputs[..]) else {
        return false;
    };
    let (input, output) = (graph.tensor(*input), graph.tensor(*output));
    matches!(operator.kind.name(), "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS")
        && input.dtype == output.dtype
        && input.elements() == output.elements()
}

/// The graph with the memory that kernels expect: a byte to each element of packed activations,
/// and no place for outputs that are constants, which are read where they are, nor for tensors
/// that lie elsewhere.
fn as_kernels_see(graph: &Graph, elsewhere: &[TensorId]) -> Graph {
    let mut graph = graph.clone();
    for id in elsewhere {
        let tensor = &mut graph.tensors[id.index()];
        tensor.is_variable = false;
        tensor.data = Some(Arc::from([]));
    }
    for tensor in &mut graph.tensors {
        if tensor.dtype == DType::Int4 && !tensor.is_constant() {
            tensor.dtype = DType::Int8;
        }
    }
    let constants: Vec<bool> = graph.tensors.iter().map(Tensor::is_constant).collect();
    graph.outputs.retain(|id| !constants[id.index()]);
    graph
}

/// Bytes of a tensor as TFLM counts them.
pub(super) fn bytes(tensor: &Tensor) -> usize {
    match tensor.dtype {
        DType::Int4 => tensor.elements(),
        _ => tensor.bytes(),
    }
}

impl Planned {
    /// Bytes of tensors and working memory.
    pub(super) fn bytes(&self) -> usize {
        self.plan.peak_bytes
    }

    /// An operator's own working buffers.
    pub(super) fn scratch(&self, operator: usize) -> Vec<Region> {
        let regions = &self.plan.operators[operator].scratch;
        let own = self.inner.get(&operator).copied().unwrap_or(regions.len());
        let moved = |region: &Region| Region {
            offset: self.base + region.offset,
            ..*region
        };
        regions.iter().take(own).map(moved).collect()
    }

    /// Where the subgraphs begin that an operator calls.
    pub(super) fn inner(&self, operator: usize) -> usize {
        let regions = &self.plan.operators[operator].scratch;
        let region = self.inner.get(&operator).and_then(|n| regions.get(*n));
        self.base + region.map_or(0, |region| region.offset)
    }

    /// Tensors that lie elsewhere, in their order.
    pub(super) fn lasting(&self) -> Vec<TensorId> {
        let mut ids: Vec<TensorId> = self.elsewhere.keys().copied().collect();
        ids.sort();
        ids
    }

    /// Says where a tensor lies that is not part of the plan.
    pub(super) fn put(&mut self, id: TensorId, offset: usize) {
        self.elsewhere.insert(id, offset);
    }

    /// Whether an operator has nothing to do.
    pub(super) fn is_omitted(&self, graph: &Graph, index: usize) -> bool {
        let operator = &graph.operators[index];
        let ([Some(input), ..], [output]) = (&operator.inputs[..], &operator.outputs[..]) else {
            return false;
        };
        same_bytes(graph, index)
            && match (self.location(*input), self.location(*output)) {
                (Location::Arena { buffer: a, .. }, Location::Arena { buffer: b, .. }) => a == b,
                (_, Location::ConstantAlias { .. }) => true,
                _ => false,
            }
    }

    pub(super) fn place(&self, graph: &Graph, id: TensorId) -> Place {
        let constant = |id: TensorId| {
            let data = graph.tensor(id).data.clone();
            Place::Constant(data.unwrap_or_else(|| Arc::from([])))
        };
        if let Some(offset) = self.elsewhere.get(&id) {
            return Place::Arena(*offset);
        }
        match self.location(id) {
            Location::Arena { offset, .. } => Place::Arena(self.base + offset),
            Location::Constant => constant(id),
            Location::ConstantAlias { of } => constant(of),
            Location::Unused if graph.tensor(id).is_constant() => constant(id),
            // An empty tensor, or one that nothing reads.
            Location::Unused => Place::Arena(0),
        }
    }

    fn location(&self, id: TensorId) -> Location {
        self.plan.tensors[id.index()].location
    }
}
