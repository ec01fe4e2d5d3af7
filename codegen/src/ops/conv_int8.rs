//! Constants of int8 convolutions: folded biases, requantisation factors, proof of their range.

use castiron_runtime::fixed::Downscale;
use castiron_runtime::kernels::Int8;

use super::convolution::expect_biases;
use super::{Site, quantize};
use crate::error::{Diagnostic, Remedy};
use crate::graph::{Activation, BuiltinOperator, DType, OpKind, TensorId};

/// How the product of input and weight scale is rounded before it is divided by the output's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScalePrecision {
    /// In double precision.
    Double,
    /// In single precision where the weights have one scale: TensorFlow Lite does so for
    /// FULLY_CONNECTED, and it shows in the last bit of the multiplier.
    SingleForOneScale,
}

/// What matters of one output channel's weights.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WeightSum {
    sum: i32,
    magnitude: i64,
}

impl WeightSum {
    /// Of every output channel, whose weights are at `index(channel, i)`.
    pub(super) fn of_channels(
        weights: &[i8],
        channels: usize,
        index: impl Fn(usize, usize) -> usize,
    ) -> Vec<Self> {
        let per_channel = weights.len() / channels.max(1);
        let sum = |channel| {
            let mut sum = Self::default();
            for i in 0..per_channel {
                let weight = weights[index(channel, i)];
                sum.sum = sum.sum.wrapping_add(i32::from(weight));
                sum.magnitude += i64::from(weight.unsigned_abs());
            }
            sum
        };
        (0..channels).map(sum).collect()
    }
}

/// Weights as kernels multiply them: without a zero point.
///
/// Of int8 FULLY_CONNECTED with one scale, the references subtract the weights' zero point. What is left
/// has to be int8 for kernels to take it. With int4 weights only one of them takes a zero point, and of other
/// operators they leave it out of account, which is no result that anyone can have meant.
pub(super) fn symmetric(site: &Site<'_>, weights: Vec<i8>) -> Result<Vec<i8>, Diagnostic> {
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

/// Constants of an int8 convolution.
pub(super) struct Constants {
    pub(super) int8: Int8,
    /// One per output channel, with the input's zero point folded in.
    pub(super) folded: Vec<i32>,
    /// One per output channel.
    pub(super) bias: Vec<i32>,
    /// One per output channel, or one for all.
    pub(super) multiplier: Vec<i32>,
    /// As many.
    pub(super) shift: Vec<i8>,
}

impl Constants {
    /// The constants of an operator with input, weights and bias at 0, 1 and 2.
    pub(super) fn new(
        site: &Site<'_>,
        activation: Activation,
        sums: &[WeightSum],
        precision: ScalePrecision,
    ) -> Result<Self, Diagnostic> {
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let (x_scale, in_zero_point) = site.per_tensor(x_id)?;
        let (y_scale, out_zero_point) = site.per_tensor(y_id)?;
        let (min, max) = site.integer_range(activation, y_id)?;
        let bias = match site.optional_input(2) {
            Some(_) => site.constant_i32(2, "the bias")?,
            None => vec![0; sums.len()],
        };
        if site.optional_input_id(2).is_some() {
            expect_biases(site, bias.len(), sums.len())?;
        }
        let folded = std::iter::zip(&bias, sums)
            .map(|(bias, w)| bias.wrapping_sub(in_zero_point.wrapping_mul(w.sum)))
            .collect();
        let (multiplier, shift) = factors(site, sums.len(), x_scale, y_scale, precision)?;
        let small = (0..sums.len()).all(|channel| {
            let shift = shift.get(channel).or(shift.first()).copied().unwrap_or(0);
            is_small(bias[channel], sums[channel].magnitude, shift)
        });
        let int8 = Int8 {
            in_zero_point,
            out_zero_point,
            min,
            max,
            small,
        };
        Ok(Self {
            int8,
            folded,
            bias,
            multiplier,
            shift,
        })
    }
}

/// Whether [`Downscale`] is exact for a channel whatever the input: |x − z| is at most 255.
fn is_small(bias: i32, magnitude: i64, shift: i8) -> bool {
    let greatest = i64::from(bias.unsigned_abs()) + 255 * magnitude;
    greatest < 1 << 30 && Downscale::SHIFTS.contains(&i32::from(shift))
}

/// `x_scale × w_scale / y_scale` by channel.
fn factors(
    site: &Site<'_>,
    channels: usize,
    x_scale: f32,
    y_scale: f32,
    precision: ScalePrecision,
) -> Result<(Vec<i32>, Vec<i8>), Diagnostic> {
    let w_id: TensorId = site.input_id(1)?;
    let weights = site.quantization(w_id)?;
    if weights.scale.len() != 1 && weights.scale.len() != channels {
        return Err(site
            .tensor_error(w_id, "the weights have not one scale per output channel")
            .expected(channels)
            .found(weights.scale.len()));
    }
    let single = precision == ScalePrecision::SingleForOneScale && weights.scale.len() == 1;
    let product = |w_scale: f32| match single {
        true => f64::from(x_scale * w_scale),
        false => f64::from(x_scale) * f64::from(w_scale),
    };
    let factors = weights
        .scale
        .iter()
        .map(|w_scale| product(*w_scale) / f64::from(y_scale));
    let factors: Result<Vec<_>, _> = factors.map(|f| quantize::requantization(site, f)).collect();
    Ok(factors?.into_iter().unzip())
}
