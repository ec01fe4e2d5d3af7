//! Reductions of any constant axes: MEAN, SUM and the others are lines of the runtime's table, or rules of quantised
//! numbers. ARG_MAX and ARG_MIN, CUMSUM and ADD_N take in elements in the same way.

use castiron_runtime::host::{self, HostKernel, Part};
use castiron_runtime::kernels::{
    self, Fill, Mean, Reducing, Reduction, ScaledProduct, ScaledSum, WholeMean,
};
use castiron_runtime::rows;

use super::channels::Channels;
use super::elementwise::{of_type, taken};
use super::walk::Walk;
use super::{Family, Site, quantize};
use crate::error::Diagnostic;
use crate::graph::{BuiltinOperator as Op, DType, OpKind, Options, ReducerOptions};
use crate::program::Choosing;

/// MEAN, SUM, REDUCE_MAX and their like.
pub(super) struct Reduce;

/// ARG_MAX and ARG_MIN.
pub(super) struct Arg;

/// The types that sums of quantised numbers are computed of.
const QUANTIZED: [DType; 3] = [DType::Int8, DType::Uint8, DType::Int16];

impl Family for Reduce {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let keep_dims = match site.options() {
            Options::Reducer(ReducerOptions { keep_dims }) => *keep_dims,
            _ => false,
        };
        let Reduced { reduction, count } = Reduced::new(site, keep_dims)?;
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let dtype = site.input(0)?.dtype;
        let OpKind::Builtin(operator) = site.operator.kind else {
            return Err(site.unsupported_types("a builtin operator"));
        };
        let row = rows::reduction(operator.name());
        let plain = row.map_or(&[][..], |row| row.kernels);
        let alike = site.output(0)?.dtype == dtype;
        let kernel = match (operator, dtype) {
            _ if !alike => None,
            (Op::Mean | Op::Sum, _) if QUANTIZED.contains(&dtype) => {
                if count == 0 {
                    // What the sum of nothing stands for, references do not say: they write zeros.
                    let y = choosing.activation(y_id)?.as_bytes();
                    choosing.call(Fill { pattern: [0; 8] }, [y]);
                    return Ok(());
                }
                let sum = scaled_sum(site, operator == Op::Mean, count)?;
                Some(quantized(dtype, sum, reduction))
            }
            (Op::ReduceProd, DType::Int8 | DType::Int16) => {
                Some(quantized(dtype, scaled_product(site, count)?, reduction))
            }
            (Op::Mean, DType::Float32) => {
                let count = count.max(1) as f32;
                let function = Mean { count };
                Some(host::reduce::<f32, f32>(of(function, reduction)))
            }
            (Op::Mean, DType::Int32 | DType::Int64) => {
                let function = WholeMean {
                    count: i32::try_from(count.max(1)).unwrap_or(i32::MAX),
                };
                Some(match dtype {
                    DType::Int32 => host::reduce::<i32, i32>(of(function, reduction)),
                    _ => host::reduce::<i64, i64>(of(function, reduction)),
                })
            }
            _ => {
                site.same_quantization(x_id, y_id)?;
                of_type(plain, dtype).map(|kernel| kernel(reduction))
            }
        };
        let Some(kernel) = kernel else {
            let types = match operator {
                Op::Mean => "float32, int8, uint8, int16, int32 or int64".to_owned(),
                _ => {
                    let sum = operator == Op::Sum;
                    let words = sum || operator == Op::ReduceProd;
                    let rules = [
                        (words, DType::Int8),
                        (words, DType::Int16),
                        (sum, DType::Uint8),
                    ];
                    taken(plain, &rules)
                }
            };
            return Err(site.unsupported_types(&format!("{types}, the same for input and output")));
        };
        let operands = [choosing.activation(x_id)?, choosing.activation(y_id)?];
        choosing.call(kernel, operands);
        Ok(())
    }

    fn channels(&self, site: &Site<'_>) -> Option<Channels> {
        let rank = site.input(0).ok()?.shape.len();
        let reduced = reduced_axes(site, rank).ok()?;
        (reduced.last() == Some(&false)).then_some(Channels::Each(1))
    }
}

fn of<F>(function: F, reduction: Reduction) -> kernels::Reduce<F> {
    kernels::Reduce {
        function,
        reduction,
    }
}

/// A reduction of quantised integers, by their type.
fn quantized<F>(dtype: DType, function: F, reduction: Reduction) -> Box<dyn HostKernel>
where
    F: Reducing<i8, i8> + Reducing<u8, u8> + Reducing<i16, i16> + Part,
{
    let kernel = of(function, reduction);
    match dtype {
        DType::Int8 => host::reduce::<i8, i8>(kernel),
        DType::Uint8 => host::reduce::<u8, u8>(kernel),
        _ => host::reduce::<i16, i16>(kernel),
    }
}

/// What a sum of so many elements, or their mean, is made of.
pub(super) fn scaled_sum(
    site: &Site<'_>,
    is_mean: bool,
    count: usize,
) -> Result<ScaledSum, Diagnostic> {
    let (x_scale, x_zero_point) = site.per_tensor(site.input_id(0)?)?;
    let (y_scale, zero_point) = site.per_tensor(site.output_id(0)?)?;
    let scales = f64::from(x_scale) / f64::from(y_scale);
    let (multiplier, shift) = if is_mean {
        // The count takes off what it can of the shift to the left.
        quantize::requantization(site, scales / f64::from(count_bit(count)))?;
        factor(quantize::multiplier(scales), count)
    } else {
        let (multiplier, shift) = quantize::requantization(site, scales)?;
        (multiplier, shift.into())
    };
    Ok(ScaledSum {
        bias: x_zero_point.wrapping_mul(count as i32).wrapping_neg(),
        multiplier,
        shift,
        zero_point,
    })
}

/// The factor of each step is the input's scale by as many roots of the output's as there are factors.
fn scaled_product(site: &Site<'_>, count: usize) -> Result<ScaledProduct, Diagnostic> {
    /// The most that products of 48 bits are shifted to the left.
    const MOST_SHIFT: i8 = 7;
    let (x_scale, in_zero_point) = site.per_tensor(site.input_id(0)?)?;
    let (y_scale, zero_point) = site.per_tensor(site.output_id(0)?)?;
    let root = libm::pow(f64::from(y_scale), 1.0 / count.max(1) as f64);
    let scaling = f64::from(x_scale) / root;
    let (multiplier, shift) = quantize::multiplier(scaling);
    if shift > MOST_SHIFT {
        return Err(site
            .error("the output's scale is too small for the input's")
            .expected("a step of the product that is scaled by less than 128")
            .found(format_args!("{scaling:e}"))
            .help("quantise the model again; the output's range does not hold the product"));
    }
    Ok(ScaledProduct {
        in_zero_point,
        multiplier,
        shift: shift.into(),
        zero_point,
    })
}

impl Family for Arg {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let is_max = site.operator.kind == OpKind::Builtin(Op::ArgMax);
        if site.integers(1, "the axis")?.len() != 1 {
            return Err(site
                .tensor_error(site.input_id(1)?, "the operator takes exactly one axis")
                .expected("a tensor of 1 element")
                .found(format_args!("the shape {:?}", site.input(1)?.shape)));
        }
        let Reduced { reduction, count } = Reduced::new(site, false)?;
        if count == 0 {
            let of_none = "the axis has no elements to choose from";
            return Err(site.tensor_error(site.input_id(0)?, of_none));
        }
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let kernel = match site.output(0)?.dtype {
            DType::Int32 => position::<i32>(site.input(0)?.dtype, is_max, reduction),
            DType::Int64 => position::<i64>(site.input(0)?.dtype, is_max, reduction),
            _ => None,
        };
        let kernel = kernel.ok_or_else(|| {
            site.unsupported_types(
                "float32, bool, int8, uint8, int16, int32 or int64, to int32 or int64",
            )
        })?;
        let operands = [choosing.activation(x_id)?, choosing.activation(y_id)?];
        choosing.call(kernel, operands);
        Ok(())
    }
}

fn position<Y: castiron_runtime::Element + From<i32>>(
    dtype: DType,
    is_max: bool,
    reduction: Reduction,
) -> Option<Box<dyn HostKernel>> {
    macro_rules! of_types {
        ($($dtype:pat => $t:ty;)*) => {
            match (dtype, is_max) {
                $(
                    ($dtype, true) => host::reduce::<$t, Y>(of(kernels::ArgMax, reduction)),
                    ($dtype, false) => host::reduce::<$t, Y>(of(kernels::ArgMin, reduction)),
                )*
                _ => return None,
            }
        };
    }
    Some(of_types! {
        DType::Float32 => f32;
        DType::Int8 => i8;
        DType::Uint8 | DType::Bool => u8;
        DType::Int16 => i16;
        DType::Int32 => i32;
        DType::Int64 => i64;
    })
}

/// What an operator with axes as its second input reduces.
struct Reduced {
    reduction: Reduction,
    /// Elements of one result.
    count: usize,
}

impl Reduced {
    /// Checks the output's shape, too.
    fn new(site: &Site<'_>, keep_dims: bool) -> Result<Self, Diagnostic> {
        let x = site.input(0)?;
        let reduced = reduced_axes(site, x.shape.len())?;
        let axes = x.shape.iter().zip(&reduced);
        let shape: Vec<usize> = axes
            .clone()
            .filter(|(_, reduced)| keep_dims || !**reduced)
            .map(|(size, reduced)| if *reduced { 1 } else { *size })
            .collect();
        site.expect_shape(site.output_id(0)?, &shape)?;
        let reduction = Walk::of(&x.shape).reduction(&reduced).ok_or_else(|| {
            site.error("the reduced axes alternate with others too often")
                .expected(
                    "at most three runs of neighbouring axes, and three before or between them",
                )
                .found(format_args!("{reduced:?} of {:?}", x.shape))
                .help("transpose the tensor, or reduce in two steps")
        })?;
        let count = axes.filter(|(_, reduced)| **reduced);
        let count = count.map(|(size, _)| *size).product();
        Ok(Self { reduction, count })
    }
}

/// Which of the input's axes are reduced. A scalar has none, whatever the operator names.
fn reduced_axes(site: &Site<'_>, rank: usize) -> Result<Vec<bool>, Diagnostic> {
    let axes = site.integers(1, "the axes")?;
    let mut reduced = vec![false; rank];
    for axis in axes.into_iter().filter(|_| rank > 0) {
        let index = site.axis(axis, rank)?;
        reduced[index] = true;
    }
    Ok(reduced)
}

/// The greatest power of two that is not above the count.
fn count_bit(count: usize) -> u32 {
    1 << count.max(1).ilog2().min(31)
}

/// A factor over `count` as a multiplier and a shift.
///
/// `QuantizedMeanOrSum` of TensorFlow Lite divides the multiplier of the scales by the count in
/// integers, having shifted it to the left by as many bits as the count has after its first.
pub fn factor((multiplier, shift): (i32, i8), count: usize) -> (i32, i32) {
    let shift = i32::from(shift);
    let left = (count.max(1).ilog2() as i32).min(32).min(31 + shift);
    let divided = (i64::from(multiplier) << left) / count.max(1) as i64;
    (divided as i32, shift - left)
}
