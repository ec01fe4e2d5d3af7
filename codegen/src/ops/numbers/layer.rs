//! Operators of int8 for processors whose kernels own all that belongs to a layer.

use castiron_runtime::kernels::Int8;

use super::int8::Quantized;
use super::{Format, Product};
use crate::error::Diagnostic;
use crate::ops::Site;
use crate::program::{Argument, Choosing};

/// An operator of int8 that multiplies by int8 weights.
pub(in crate::ops) struct Layer<'a> {
    pub(super) quantized: Quantized,
    pub(super) in_zero_point: i8,
    /// Weight *i* of an output channel.
    pub(super) weight: &'a dyn Fn(usize, usize) -> i8,
    pub(super) x: Argument,
    pub(super) y: Argument,
}

/// Adds the call of a kernel for an operator, which `call` chooses; says whether there is one.
pub(super) fn choose(
    product: &Product<'_>,
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    call: impl FnOnce(&Layer<'_>, &mut Choosing<'_>) -> bool,
) -> Result<bool, Diagnostic> {
    let weights = Int8::weights(site)?;
    let quantized = Quantized::of(product, &weights, site)?;
    let Ok(in_zero_point) = i8::try_from(quantized.in_zero_point) else {
        return Ok(false);
    };
    let layer = Layer {
        quantized,
        in_zero_point,
        weight: &|channel, i| weights[(product.index)(channel, i)],
        x: choosing.activation(site.input_id(0)?)?,
        y: choosing.activation(site.output_id(0)?)?,
    };
    Ok(call(&layer, choosing))
}
