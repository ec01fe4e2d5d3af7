//! What matters of subgraphs before their operators: which of them run, and whether TFLM has a size for all tensors.

use super::sizes;
use crate::error::Diagnostic;
use crate::graph::{Graph, Model};

/// The subgraphs that the first one comes to call, itself included.
pub(super) fn reached(model: &Model) -> Vec<bool> {
    let mut reached = vec![false; model.graphs.len()];
    let mut next = vec![0];
    while let Some(index) = next.pop() {
        if std::mem::replace(&mut reached[index], true) {
            continue;
        }
        next.extend(model.graphs[index].callees());
    }
    reached
}

/// Tensors of types that TFLM has no size for.
pub(super) fn unknown_types(graph: &Graph) -> impl Iterator<Item = Diagnostic> {
    let tensors = graph.tensors.iter().enumerate();
    tensors.filter_map(|(index, tensor)| match sizes::bytes(tensor) {
        Some(_) => None,
        None if tensor.is_constant() => None,
        None => Some(
            Diagnostic::new("TFLM has no size for the tensor's type")
                .expected("numbers of at least 4 bits, or BOOL")
                .found(tensor.dtype)
                .help("convert the model with another type")
                .at_tensor(index, &tensor.name),
        ),
    })
}
