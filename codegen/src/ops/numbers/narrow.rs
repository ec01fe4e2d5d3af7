//! Weights of four bits or fewer, in whatever format: two are one byte of flash where size comes first. Otherwise each is a byte, which
//! the other micro-kernels take.

use castiron_runtime::kernels::{Int8, Nibbles, Numbers};

use super::{Call, Format, Product, Sizes, call_portable};
use crate::error::Diagnostic;
use crate::graph::DType;
use crate::ops::Site;
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
        true => sizes.call(call, Nibbles, choosing),
        false => call_portable(call, sizes, choosing),
    }
}

/// Adds the call of an operator of int8.
pub(super) fn choose(
    product: &Product<'_>,
    sizes: &impl Sizes,
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
) -> Result<(), Diagnostic> {
    let (x, y) = (site.input_id(0)?, site.output_id(0)?);
    let (x, y) = (choosing.activation(x)?, choosing.activation(y)?);
    let weights = Int8::weights(site)?;
    let (numbers, constants) = Int8::of(product, &weights, site, choosing)?;
    let call = Call {
        numbers,
        weight: &|channel, i| weights[(product.index)(channel, i)],
        x,
        constants,
        y,
    };
    sizes.call(call, Nibbles, choosing);
    Ok(())
}
