//! Weights or biases that are computed at run time: of float32 and int8, in one loop without packing.

use castiron_runtime::kernels::{ComputedF32, ComputedI8, ComputedSizes, Window};

use super::Product;
use crate::error::Diagnostic;
use crate::graph::{BuiltinOperator, DType, OpKind};
use crate::ops::Site;
use crate::program::{Argument, Choosing, Constant};

/// A convolution as the loop sees it.
pub(in crate::ops) struct Plain {
    pub(in crate::ops) window: Window,
    /// Input channels that an output channel sees.
    pub(in crate::ops) group_in: usize,
    /// Output channels that see the same input channels.
    pub(in crate::ops) group_out: usize,
}

/// Whether some of weights and bias are computed at run time.
pub(super) fn is_needed(site: &Site<'_>) -> Result<bool, Diagnostic> {
    let bias = site.optional_input(2);
    Ok(!site.input(1)?.is_constant() || bias.is_some_and(|bias| !bias.is_constant()))
}

/// Adds the call of the kernel of the operator's types.
pub(super) fn choose(
    product: &Product<'_>,
    plain: &Plain,
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
) -> Result<(), Diagnostic> {
    let (x_id, weights_id, y_id) = (site.input_id(0)?, site.input_id(1)?, site.output_id(0)?);
    let sizes = sizes(product, plain);
    let types = [x_id, weights_id, y_id].map(|id| site.graph.tensor(id).dtype);
    match types {
        [DType::Float32, DType::Float32, DType::Float32] => {
            let range = site.float_range(product.activation)?;
            let operands = operands::<f32>(product, site, choosing, DType::Float32)?;
            let (min, max) = (range.min, range.max);
            choosing.call(ComputedF32 { sizes, min, max }, operands);
        }
        [DType::Int8, DType::Int8, DType::Int8] => {
            let (multiplier, shift) = match &product.factors(site)? {
                (multiplier, shift) if multiplier.len() == 1 => (multiplier[0], shift[0]),
                (multiplier, _) => {
                    return Err(site
                        .tensor_error(
                            weights_id,
                            "the weights have several scales, and weights or bias are computed at run time",
                        )
                        .expected("one scale for all output channels")
                        .found(multiplier.len()));
                }
            };
            let (min, max) = site.integer_range(product.activation, y_id)?;
            let zero_point = |id| site.per_tensor(id).map(|(_, zero_point)| zero_point);
            let kernel = ComputedI8 {
                sizes,
                in_zero_point: zero_point(x_id)?,
                weights_zero_point: weights_zero_point(site)?,
                out_zero_point: zero_point(y_id)?,
                multiplier,
                shift: shift.into(),
                min,
                max,
            };
            let operands = operands::<i32>(product, site, choosing, DType::Int32)?;
            choosing.call(kernel, operands);
        }
        _ => {
            return Err(site.unsupported_types(
                "float32 or int8, the same for all tensors, where weights or the bias are computed at run time",
            ));
        }
    }
    Ok(())
}

fn sizes(product: &Product<'_>, plain: &Plain) -> ComputedSizes {
    let index = product.index;
    let origin = index(0, 0);
    ComputedSizes {
        window: plain.window,
        group_in: plain.group_in,
        group_out: plain.group_out,
        weights: [index(1, 0) - origin, index(0, 1) - origin],
    }
}

/// The weights' zero point. The reference kernels subtract it in FULLY_CONNECTED alone.
fn weights_zero_point(site: &Site<'_>) -> Result<i32, Diagnostic> {
    let id = site.input_id(1)?;
    let (_, zero_point) = site.per_tensor(id)?;
    let is_matrix = site.operator.kind == OpKind::Builtin(BuiltinOperator::FullyConnected);
    if is_matrix || zero_point == 0 {
        return Ok(zero_point);
    }
    Err(site
        .tensor_error(id, "the weights are asymmetric")
        .expected("zero point 0")
        .found(zero_point))
}

/// Input, weights, biases, which may be none, and output.
fn operands<B: Constant>(
    product: &Product<'_>,
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    biases: DType,
) -> Result<[Argument; 4], Diagnostic> {
    let bias = match site.optional_input(2) {
        Some(bias) => {
            product.expect_biases(site, bias.elements())?;
            if bias.dtype != biases {
                return Err(site.unsupported_types(&format!("a bias of {}", biases.name())));
            }
            choosing.tensor(site.input_id(2)?)?
        }
        None => choosing.constant::<B>(&[]),
    };
    Ok([
        choosing.tensor(site.input_id(0)?)?,
        choosing.tensor(site.input_id(1)?)?,
        bias,
        choosing.activation(site.output_id(0)?)?,
    ])
}
