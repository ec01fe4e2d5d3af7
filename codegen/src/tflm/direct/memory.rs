//! Where a subgraph's tensors and working memory lie, as TFLM's kernels see them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::Place;
use crate::error::Result;
use crate::graph::variables::Variables;
use crate::graph::{DType, Graph, Model, Options, Tensor, TensorId, callees_first};
use crate::plan::{
    Budget, Kept, Layout, Location, OpMemory, OutputMemory, Placed, PlanOptions, Region, Unit,
};
use crate::tflm::arena::KernelMemory;

/// The memory of subgraph 0 and all that it comes to call: what lasts lies behind the rest.
pub(super) struct Memory {
    layout: Layout,
    state: usize,
}

impl Memory {
    /// Lays a model out with what its kernels ask for.
    pub(super) fn new(
        model: &Model,
        kernels: &HashMap<usize, Vec<KernelMemory>>,
        variables: &Variables,
        budget: &Budget,
    ) -> Result<Self> {
        let order = callees_first(&[0], |index| model.graphs[index].callees().collect());
        let graphs = order
            .iter()
            .map(|index| as_kernels_see(&model.graphs[*index]));
        let graphs: Vec<Cow<'_, Graph>> = graphs.collect();
        let units = order.iter().zip(&graphs).map(|(index, graph)| Unit {
            index: *index,
            memory: memory(*index, graph, &kernels[index]),
            work: Vec::new(),
            graph,
        });
        let variables = variables.values.iter();
        let variables: Vec<usize> = variables
            .map(|value| value.as_ref().map_or(0, bytes))
            .collect();
        let options = PlanOptions {
            // No kernel of TFLM says whether its output may lie on an input.
            in_place: false,
            budget: *budget,
            ..PlanOptions::default()
        };
        let units: Vec<Unit<'_>> = units.collect();
        let layout = Layout::new(&units, &[0], &variables, false, &[], &options)?;
        Ok(Self {
            state: layout.arena_bytes.next_multiple_of(options.alignment),
            layout,
        })
    }

    /// Bytes of all of it.
    pub(super) fn bytes(&self) -> usize {
        match self.layout.state_bytes {
            0 => self.layout.arena_bytes,
            bytes => self.state + bytes,
        }
    }

    /// Where something lies that lasts.
    pub(super) fn kept(&self, kept: Kept) -> usize {
        self.state + self.layout.kept(kept).map_or(0, |region| region.offset)
    }

    /// A subgraph that runs.
    pub(super) fn graph<'a>(&'a self, model: &'a Model, index: usize) -> Planned<'a> {
        Planned {
            memory: self,
            index,
            graph: &model.graphs[index],
            placed: self.layout.graph(index).expect("all that run are laid out"),
        }
    }
}

/// One subgraph's memory.
#[derive(Clone, Copy)]
pub(super) struct Planned<'a> {
    memory: &'a Memory,
    index: usize,
    graph: &'a Graph,
    placed: &'a Placed,
}

/// What each operator does with memory.
fn memory(index: usize, graph: &Graph, kernels: &[KernelMemory]) -> Vec<OpMemory> {
    let of_operator = |(operator, kernel): (usize, &KernelMemory)| OpMemory {
        by_rows: false,
        outputs: match same_bytes(graph, operator) {
            true => vec![OutputMemory::Alias(0)],
            false => Vec::new(),
        },
        scratch: scratch(graph, operator, &kernel.scratch),
        kept: match graph.operators[operator].options {
            // Whether it has run: `castiron::CallOnce` is castiron's own kernel, and like TFLM's one of each operator.
            Options::CallOnce(_) => vec![(Kept::Operator(index, operator, 0), 1)],
            _ => Vec::new(),
        },
    };
    kernels.iter().enumerate().map(of_operator).collect()
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
/// and no place for outputs that are constants, which are read where they are.
fn as_kernels_see(graph: &Graph) -> Cow<'_, Graph> {
    let packed = |t: &Tensor| t.dtype == DType::Int4 && !t.is_constant();
    let constant = |id: &TensorId| graph.tensor(*id).is_constant();
    if !graph.tensors.iter().any(packed) && !graph.outputs.iter().any(constant) {
        return Cow::Borrowed(graph);
    }
    let mut seen = graph.clone();
    for tensor in seen.tensors.iter_mut().filter(|t| packed(t)) {
        tensor.dtype = DType::Int8;
    }
    seen.outputs.retain(|id| !constant(id));
    Cow::Owned(seen)
}

/// Bytes of a tensor as TFLM counts them.
pub(super) fn bytes(tensor: &Tensor) -> usize {
    match tensor.dtype {
        DType::Int4 => tensor.elements(),
        _ => tensor.bytes(),
    }
}

impl<'a> Planned<'a> {
    /// Its operators in the order they run.
    pub(super) fn steps(&self) -> &'a [usize] {
        &self.placed.plan.positions
    }

    /// An operator's own working buffers.
    pub(super) fn scratch(&self, operator: usize) -> Vec<Region> {
        self.placed.scratch(operator).collect()
    }

    /// Whether an operator has nothing to do.
    pub(super) fn is_omitted(&self, index: usize) -> bool {
        let operator = &self.graph.operators[index];
        let ([Some(input), ..], [output]) = (&operator.inputs[..], &operator.outputs[..]) else {
            return false;
        };
        same_bytes(self.graph, index)
            && match (self.location(*input), self.location(*output)) {
                (Location::Arena { buffer: a, .. }, Location::Arena { buffer: b, .. }) => a == b,
                (_, Location::ConstantAlias { .. }) => true,
                _ => false,
            }
    }

    pub(super) fn place(&self, id: TensorId) -> Place {
        let constant = |id: TensorId| {
            let data = self.graph.tensor(id).data.clone();
            Place::Constant(data.unwrap_or_else(|| Arc::from([])))
        };
        match self.location(id) {
            Location::Arena { offset, .. } => Place::Arena(self.placed.base + offset),
            Location::State => Place::Arena(self.memory.kept(Kept::Tensor(self.index, id))),
            Location::Constant => constant(id),
            Location::ConstantAlias { of } => constant(of),
            Location::Unused if self.graph.tensor(id).is_constant() => constant(id),
            // An empty tensor, or one that nothing reads. Inputs by rows are not for TFLM.
            Location::Unused | Location::Rows | Location::Caller { .. } => Place::Arena(0),
        }
    }

    fn location(&self, id: TensorId) -> Location {
        self.placed.plan.tensors[id.index()].location
    }
}
