//! What the rules ask of an operator and its tensors.

pub(super) use super::super::sizes::{bytes, element_bytes};
use crate::error::Diagnostic;
use crate::graph::{DType, Site, Tensor};

impl Site<'_> {
    /// The number of inputs that are there.
    pub(super) fn inputs(&self) -> usize {
        self.operator.inputs.iter().flatten().count()
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

/// A product, cut off where no microcontroller's memory comes near: factors of one tensor multiply
/// to a size that was checked, those of several tensors need not.
pub fn product<const N: usize>(factors: [usize; N]) -> usize {
    let all = factors.into_iter().fold(1, usize::saturating_mul);
    all.min(MOST)
}

/// Far beyond any microcontroller's memory, and what a host of 32 bits can still add a few of.
const MOST: usize = match 1_usize.checked_shl(40) {
    Some(most) => most,
    None => 1 << 30,
};

/// Whether the type is one that TFLM's integer kernels take as an activation.
pub(super) fn is_int8_or_int16(tensor: &Tensor) -> bool {
    matches!(tensor.dtype, DType::Int8 | DType::Int16)
}
