//! int8 by int8: folded biases, and proof of the sums' range.

use castiron_runtime::fixed::Downscale;
use castiron_runtime::kernels::Int8;

use super::weighted::{Foreseen, Sums};
use super::{Call, Format, Product, Sizes, call_int8, narrow};
use crate::error::{Diagnostic, Remedy};
use crate::graph::{BuiltinOperator, DType, OpKind};
use crate::ops::Site;
use crate::program::{Argument, Choosing};

impl Format for Int8 {
    const TYPES: &'static str = "int8 with int8 or int4 weights";

    fn takes(types: [DType; 3]) -> bool {
        matches!(types, [DType::Int8, DType::Int8 | DType::Int4, DType::Int8])
    }

    fn weights(site: &Site<'_>) -> Result<Vec<i8>, Diagnostic> {
        symmetric(site, site.constant_i8(1, "weights")?)
    }

    fn of(
        product: &Product<'_>,
        weights: &[i8],
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
    ) -> Result<(Self, Vec<Argument>), Diagnostic> {
        let quantized = Quantized::of(product, weights, site)?;
        let plain = match product.pads {
            true => &quantized.bias[..],
            false => &[],
        };
        let constants = vec![
            choosing.constant(&quantized.folded),
            choosing.constant(plain),
            choosing.constant(&quantized.multiplier),
            choosing.constant(&quantized.shift),
        ];
        let int8 = Self {
            in_zero_point: quantized.in_zero_point,
            out_zero_point: quantized.out_zero_point,
            min: quantized.min,
            max: quantized.max,
            small: quantized.small,
        };
        Ok((int8, constants))
    }

    fn call(weights: DType, call: Call<'_, Self>, sizes: &impl Sizes, choosing: &mut Choosing<'_>) {
        match narrow::are_packed(weights, choosing) {
            true => sizes.call_nibbles(call, choosing),
            false => call_int8(call, sizes, choosing),
        }
    }
}

impl Foreseen for Int8 {
    fn sums(product: &Product<'_>, weights: &[i8], site: &Site<'_>) -> Result<Sums, Diagnostic> {
        let quantized = Quantized::of(product, weights, site)?;
        Ok(Sums {
            in_zero_point: quantized.in_zero_point,
            out_zero_point: quantized.out_zero_point,
            min: quantized.min,
            max: quantized.max,
            bias: quantized.bias.into_iter().map(i64::from).collect(),
            multiplier: quantized.multiplier,
            shift: quantized.shift,
            wide: false,
        })
    }
}

/// What an operator's quantisation comes to, for any kernel of int8.
pub(super) struct Quantized {
    pub(super) in_zero_point: i32,
    pub(super) out_zero_point: i32,
    /// Least and greatest output value, by type and activation.
    pub(super) min: i32,
    pub(super) max: i32,
    /// By output channel.
    pub(super) bias: Vec<i32>,
    /// The same with the input's zero point folded in.
    pub(super) folded: Vec<i32>,
    /// By output channel, or one for all.
    pub(super) multiplier: Vec<i32>,
    pub(super) shift: Vec<i8>,
    /// Whether every accumulator and shift is in the range of [`Downscale`].
    small: bool,
}

impl Quantized {
    /// Of an operator with weights in the file's order.
    pub(super) fn of(
        product: &Product<'_>,
        weights: &[i8],
        site: &Site<'_>,
    ) -> Result<Self, Diagnostic> {
        let y_id = site.output_id(0)?;
        let (_, in_zero_point) = site.per_tensor(site.input_id(0)?)?;
        let (_, out_zero_point) = site.per_tensor(y_id)?;
        let (min, max) = site.integer_range(product.activation, y_id)?;
        let bias = match site.optional_input(2) {
            Some(_) => {
                let bias = site.constant_i32(2, "the bias")?;
                product.expect_biases(site, bias.len())?;
                bias
            }
            None => vec![0; product.channels],
        };
        let sums = WeightSum::of_channels(product, weights);
        let folded: Vec<i32> = std::iter::zip(&bias, &sums)
            .map(|(bias, w)| bias.wrapping_sub(in_zero_point.wrapping_mul(w.sum)))
            .collect();
        let (multiplier, shift) = product.factors(site)?;
        let small = (0..product.channels).all(|channel| {
            let shift = shift.get(channel).or(shift.first()).copied().unwrap_or(0);
            is_small(bias[channel], sums[channel].magnitude, shift)
        });
        Ok(Self {
            in_zero_point,
            out_zero_point,
            min,
            max,
            bias,
            folded,
            multiplier,
            shift,
            small,
        })
    }
}

/// Whether [`Downscale`] is exact for a channel whatever the input: |x − z| is at most 255.
fn is_small(bias: i32, magnitude: i64, shift: i8) -> bool {
    let greatest = i64::from(bias.unsigned_abs()) + 255 * magnitude;
    greatest < 1 << 30 && Downscale::SHIFTS.contains(&i32::from(shift))
}

/// What matters of one output channel's weights.
#[derive(Debug, Clone, Copy, Default)]
struct WeightSum {
    sum: i32,
    magnitude: i64,
}

impl WeightSum {
    /// Of every output channel.
    fn of_channels(product: &Product<'_>, weights: &[i8]) -> Vec<Self> {
        let per_channel = weights.len() / product.channels.max(1);
        let sum = |channel| {
            let mut sum = Self::default();
            for i in 0..per_channel {
                let weight = weights[(product.index)(channel, i)];
                sum.sum = sum.sum.wrapping_add(i32::from(weight));
                sum.magnitude += i64::from(weight.unsigned_abs());
            }
            sum
        };
        (0..product.channels).map(sum).collect()
    }
}

/// Weights as kernels multiply them: without a zero point.
///
/// Of int8 FULLY_CONNECTED with one scale, the references subtract the weights' zero point. What is left
/// has to be int8 for kernels to take it. With int4 weights only one of them takes a zero point, and of other
/// operators they leave it out of account, which is no result that anyone can have meant.
fn symmetric(site: &Site<'_>, weights: Vec<i8>) -> Result<Vec<i8>, Diagnostic> {
    let w_id = site.input_id(1)?;
    let quantization = site.quantization(w_id)?;
    if quantization.zero_point.iter().all(|z| *z == 0) {
        return Ok(weights);
    }
    let refused = |message: &str| {
        site.tensor_error(w_id, message)
            .expected("zero point 0")
            .found(format_args!("{:?}", quantization.zero_point))
    };
    let fully_connected = OpKind::Builtin(BuiltinOperator::FullyConnected);
    match quantization.zero_point[..] {
        [zero_point]
            if site.operator.kind == fully_connected && site.input(1)?.dtype == DType::Int8 =>
        {
            weights
                .iter()
                .map(|w| i8::try_from(i32::from(*w) - zero_point).ok())
                .collect::<Option<Vec<i8>>>()
                .ok_or_else(|| {
                    refused("the weights without their zero point do not fit int8")
                        .remedy(Remedy::Tflm)
                })
        }
        _ => Err(refused("int8 weights must be symmetric")
            .help("quantise the model again; the converter gives int8 weights the zero point 0")),
    }
}
