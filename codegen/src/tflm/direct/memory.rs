//! Where tensors and working memory lie.

use std::sync::Arc;

use super::Place;
use crate::error::Result;
use crate::graph::{DType, Graph, Tensor, TensorId};
use crate::plan::{Budget, Location, OpMemory, OutputMemory, Plan, PlanOptions};
use crate::tflm::arena::KernelMemory;

/// A plan of a graph as TFLM's kernels see it.
pub(super) struct Planned {
    pub(super) plan: Plan,
}

/// Plans a graph's memory with what its kernels ask for.
pub(super) fn plan(graph: &Graph, kernels: &[KernelMemory], budget: &Budget) -> Result<Planned> {
    let memory = |graph: &Graph, operator: usize| OpMemory {
        outputs: match same_bytes(graph, operator) {
            true => vec![OutputMemory::Alias(0)],
            false => Vec::new(),
        },
        scratch: scratch(graph, operator, &kernels[operator].scratch),
    };
    let options = PlanOptions {
        // No kernel of TFLM says whether its output may lie on an input.
        in_place: false,
        budget: *budget,
        ..PlanOptions::default()
    };
    Ok(Planned {
        plan: Plan::new(&as_kernels_see(graph), memory, &options)?,
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
/// and no place for outputs that are constants, which are read where they are.
fn as_kernels_see(graph: &Graph) -> Graph {
    let mut graph = graph.clone();
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
        match self.location(id) {
            Location::Arena { offset, .. } => Place::Arena(offset),
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
