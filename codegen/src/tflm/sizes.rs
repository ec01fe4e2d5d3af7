//! Sizes of tensors as TFLM counts them.

use crate::graph::{DType, Tensor};

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
