//! One operator with its tensors, as the rules look at it.

use crate::error::Diagnostic;
use crate::graph::{DType, Graph, Options, Tensor, TensorId};

/// An operator within its graph.
#[derive(Clone, Copy)]
pub(in crate::tflm) struct Site<'a> {
    pub(in crate::tflm) graph: &'a Graph,
    pub(in crate::tflm) operator: usize,
}

impl<'a> Site<'a> {
    pub(in crate::tflm) fn name(&self) -> &'a str {
        self.graph.operators[self.operator].kind.name()
    }

    pub(in crate::tflm) fn options(&self) -> &'a Options {
        &self.graph.operators[self.operator].options
    }

    /// The tensor that is the input of this position, if the operator has one there.
    pub(in crate::tflm) fn input_id(&self, position: usize) -> Option<TensorId> {
        let inputs = &self.graph.operators[self.operator].inputs;
        inputs.get(position).copied().flatten()
    }

    pub(in crate::tflm) fn output_id(&self, position: usize) -> Option<TensorId> {
        let outputs = &self.graph.operators[self.operator].outputs;
        outputs.get(position).copied()
    }

    pub(super) fn input(&self, position: usize) -> Result<&'a Tensor, Diagnostic> {
        self.input_id(position)
            .map(|id| self.graph.tensor(id))
            .ok_or_else(|| self.lacks("input", position))
    }

    pub(super) fn output(&self, position: usize) -> Result<&'a Tensor, Diagnostic> {
        self.output_id(position)
            .map(|id| self.graph.tensor(id))
            .ok_or_else(|| self.lacks("output", position))
    }

    /// The number of inputs that are there.
    pub(super) fn inputs(&self) -> usize {
        let inputs = &self.graph.operators[self.operator].inputs;
        inputs.iter().flatten().count()
    }

    fn lacks(&self, what: &str, position: usize) -> Diagnostic {
        Diagnostic::new(format!("the operator has no {what} {position}"))
            .expected("every input that TFLM's kernel reads")
            .found("fewer")
            .help("the file was edited; convert the model again")
    }

    /// That the file leaves out what TFLM's kernel needs to be prepared.
    pub(super) fn unfit(&self, needed: &str) -> Diagnostic {
        Diagnostic::new("TFLM's kernel does not accept the operator")
            .expected(needed)
            .found("a supported form of the operator")
            .help("convert the model again, or run it with the compiled engine")
    }
}

/// The size of dimension `axis`.
pub(super) fn dim(tensor: &Tensor, axis: usize) -> Result<usize, Diagnostic> {
    tensor.shape.get(axis).copied().ok_or_else(|| {
        Diagnostic::new("a tensor has too few dimensions for TFLM's kernel")
            .expected(format_args!("more than {axis}"))
            .found(format_args!("shape {:?}", tensor.shape))
            .help("convert the model again")
    })
}

/// Batch, height, width and channels of an image.
pub(super) fn image(tensor: &Tensor) -> Result<[usize; 4], Diagnostic> {
    tensor.shape[..].try_into().map_err(|_| {
        Diagnostic::new("a tensor is not an image")
            .expected("four dimensions: batch, height, width, channels")
            .found(format_args!("shape {:?}", tensor.shape))
            .help("convert the model again")
    })
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

/// A product, cut off where no microcontroller's memory comes near: factors of one tensor multiply
/// to a size that was checked, those of several tensors need not.
pub(super) fn product<const N: usize>(factors: [usize; N]) -> usize {
    let all = factors.into_iter().fold(1, usize::saturating_mul);
    all.min(1 << 40)
}

/// Whether the type is one that TFLM's integer kernels take as an activation.
pub(super) fn is_int8_or_int16(tensor: &Tensor) -> bool {
    matches!(tensor.dtype, DType::Int8 | DType::Int16)
}
