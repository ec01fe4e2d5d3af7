//! One operator with its tensors, as the rules look at it.

use crate::graph::{DType, Graph, Options, Tensor, TensorId};

/// An operator within its graph.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) graph: &'a Graph,
    pub(super) operator: usize,
}

impl<'a> Site<'a> {
    pub(super) fn name(&self) -> &'a str {
        self.graph.operators[self.operator].kind.name()
    }

    pub(super) fn options(&self) -> &'a Options {
        &self.graph.operators[self.operator].options
    }

    /// The tensor that is the input of this position, if the operator has one there.
    pub(super) fn input_id(&self, position: usize) -> Option<TensorId> {
        let inputs = &self.graph.operators[self.operator].inputs;
        inputs.get(position).copied().flatten()
    }

    pub(super) fn output_id(&self, position: usize) -> Option<TensorId> {
        let outputs = &self.graph.operators[self.operator].outputs;
        outputs.get(position).copied()
    }
}

/// Bytes that TFLM gives an element; `None` for types that it has no size for.
pub(super) fn element_bytes(dtype: DType) -> Option<usize> {
    match dtype {
        // Packed types are packed in the file only.
        DType::Int4 => Some(1),
        // The number of a resource variable.
        DType::Resource => Some(4),
        DType::Int2 | DType::Uint4 | DType::String | DType::Variant => None,
        DType::Float8E4M3Fn | DType::Float8E5M2 => None,
        _ => Some(dtype.bits() / 8),
    }
}

/// Bytes of a tensor's value in TFLM's arena.
pub(super) fn bytes(tensor: &Tensor) -> Option<usize> {
    tensor.elements().checked_mul(element_bytes(tensor.dtype)?)
}
