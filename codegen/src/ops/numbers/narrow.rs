//! Weights of four bits or fewer, in whatever format: two are one byte of flash where size comes first. Otherwise each is a byte, which
//! the other micro-kernels take.

use castiron_runtime::kernels::Numbers;

use super::{Call, Sizes, call_portable};
use crate::graph::DType;
use crate::program::Choosing;
use crate::target::Optimize;

/// Whether weights of a type are packed.
pub(super) fn takes(weights: DType, choosing: &Choosing<'_>) -> bool {
    let is_narrow = matches!(weights, DType::Int4 | DType::Int2);
    is_narrow && choosing.target().optimize == Optimize::Size
}

/// Adds a call, with the weights as small as what is compiled for wants them.
pub(super) fn call<N: Numbers<W = i8>>(
    weights: DType,
    call: Call<'_, N>,
    sizes: &impl Sizes,
    choosing: &mut Choosing<'_>,
) {
    match takes(weights, choosing) {
        true => sizes.call_nibbles(call, choosing),
        false => call_portable(call, sizes, choosing),
    }
}
