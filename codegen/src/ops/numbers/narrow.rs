//! Weights of four bits or fewer, in whatever format: two are one byte of flash, for a fifth to a quarter more instructions. With `speed`
//! each is a byte; and with `balanced`, where a kernel for the DSP extension takes bytes, in a third of the instructions and less.

use castiron_runtime::kernels::Numbers;

use super::{Call, Sizes, call_portable};
use crate::graph::DType;
use crate::program::Choosing;
use crate::target::Optimize;

/// Whether weights of a type are packed, whatever kernels there are for bytes.
pub(super) fn comes_first(weights: DType, choosing: &Choosing<'_>) -> bool {
    is_narrow(weights) && choosing.target().optimize == Optimize::Size
}

/// Whether weights of a type are packed, where they meet a kernel in plain Rust.
pub(super) fn are_packed(weights: DType, choosing: &Choosing<'_>) -> bool {
    is_narrow(weights) && choosing.target().optimize != Optimize::Speed
}

fn is_narrow(weights: DType) -> bool {
    matches!(weights, DType::Int4 | DType::Int2)
}

/// Adds a call, with the weights as small as what is compiled for wants them.
pub(super) fn call<N: Numbers<W = i8>>(
    weights: DType,
    call: Call<'_, N>,
    sizes: &impl Sizes,
    choosing: &mut Choosing<'_>,
) {
    match are_packed(weights, choosing) {
        true => sizes.call_nibbles(call, choosing),
        false => call_portable(call, sizes, choosing),
    }
}
