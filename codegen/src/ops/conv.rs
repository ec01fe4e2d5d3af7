//! CONV_2D: int8 (weights per tensor or per channel, int4 unpacked) and float32; grouped too.

use castiron_runtime::kernels::{self, Conv2dF32, Conv2dI8, Float, Window};

use super::conv_int8::{Constants, ScalePrecision, WeightSum};
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::{Activation, Conv2dOptions, DType, Options, Padding};
use crate::lower::{Lowering, Operand};

pub(super) struct Conv2d;

impl Family for Conv2d {
    fn macs(&self, site: &Site<'_>) -> u64 {
        let (Ok(filter), Ok(y)) = (site.input(1), site.output(0)) else {
            return 0;
        };
        let per_output: usize = filter.shape.iter().skip(1).product();
        (per_output as u64).saturating_mul(y.elements() as u64)
    }

    fn lower(&self, site: &Site<'_>, lowering: &mut Lowering<'_>) -> Result<(), Diagnostic> {
        let Options::Conv2d(options) = site.options() else {
            return Err(site.error("the operator has no options"));
        };
        let conv = geometry(site, options)?;
        lower(
            site,
            lowering,
            conv,
            options.activation,
            ScalePrecision::Double,
        )
    }
}

fn geometry(site: &Site<'_>, options: &Conv2dOptions) -> Result<kernels::Conv2d, Diagnostic> {
    let filter_id = site.input_id(1)?;
    let [out_c, filter_h, filter_w, group_in] = site.nhwc(filter_id)?;
    let window = window(
        site,
        options.padding,
        options.stride,
        options.dilation,
        (filter_h, filter_w),
        out_c,
    )?;
    let groups = window.in_c / group_in.max(1);
    if groups == 0 || groups * group_in != window.in_c || !out_c.is_multiple_of(groups) {
        return Err(site
            .tensor_error(filter_id, "the filter's channels do not divide the input's")
            .expected(format_args!("a divisor of {}", window.in_c))
            .found(group_in));
    }
    Ok(kernels::Conv2d {
        window,
        groups,
        group_in,
        group_out: out_c / groups,
    })
}

/// The farthest that a window may reach or step: positions are computed in 32 bits on the target,
/// and none lies beyond the input's size and two reaches.
const FARTHEST: usize = 1 << 28;

/// The geometry of a window operator on input 0 and output 0, checked against the output's shape.
pub(super) fn window(
    site: &Site<'_>,
    padding: Padding,
    stride: (usize, usize),
    dilation: (usize, usize),
    filter: (usize, usize),
    out_c: usize,
) -> Result<Window, Diagnostic> {
    let [batches, in_h, in_w, in_c] = site.nhwc(site.input_id(0)?)?;
    for (what, pair) in [
        ("stride", stride),
        ("dilation", dilation),
        ("filter", filter),
    ] {
        if pair.0 == 0 || pair.1 == 0 {
            return Err(site
                .error(format!("the {what} must be positive"))
                .found(format_args!("{pair:?}")));
        }
    }
    for (filter, stride, dilation) in [
        (filter.0, stride.0, dilation.0),
        (filter.1, stride.1, dilation.1),
    ] {
        let reach = (filter - 1)
            .saturating_mul(dilation)
            .max(filter)
            .max(stride);
        if reach > FARTHEST {
            return Err(site
                .error("the window is too large")
                .expected(format_args!("a reach of at most {FARTHEST} elements"))
                .found(format_args!(
                    "filter {filter}, stride {stride}, dilation {dilation}"
                )));
        }
    }
    let (out_h, pad_top) = output_size(padding, in_h, filter.0, stride.0, dilation.0);
    let (out_w, pad_left) = output_size(padding, in_w, filter.1, stride.1, dilation.1);
    site.expect_shape(site.output_id(0)?, &[batches, out_h, out_w, out_c])?;
    Ok(Window {
        batches,
        in_h,
        in_w,
        in_c,
        out_h,
        out_w,
        out_c,
        filter_h: filter.0,
        filter_w: filter.1,
        stride_h: stride.0,
        stride_w: stride.1,
        dilation_h: dilation.0,
        dilation_w: dilation.1,
        pad_top,
        pad_left,
    })
}

/// Output size and leading padding of one dimension, as TensorFlow defines SAME and VALID.
fn output_size(
    padding: Padding,
    size: usize,
    filter: usize,
    stride: usize,
    dilation: usize,
) -> (usize, isize) {
    let extent = (filter - 1).saturating_mul(dilation).saturating_add(1);
    let out = match padding {
        Padding::Same => size.div_ceil(stride),
        Padding::Valid => (size + stride).saturating_sub(extent) / stride,
    };
    // VALID rounds up, so the last window may still exceed the input by nothing: needed <= size.
    let needed = (out.saturating_sub(1) * stride).saturating_add(extent);
    let pad = match padding {
        Padding::Same => (needed.saturating_sub(size) / 2) as isize,
        Padding::Valid => 0,
    };
    (out, pad)
}

/// Emits a convolution, which FULLY_CONNECTED is one of.
pub(super) fn lower(
    site: &Site<'_>,
    lowering: &mut Lowering<'_>,
    conv: kernels::Conv2d,
    activation: Activation,
    precision: ScalePrecision,
) -> Result<(), Diagnostic> {
    let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
    let (x, y) = (lowering.activation(x_id)?, lowering.activation(y_id)?);
    let per_channel = conv.window.filter_h * conv.window.filter_w * conv.group_in;
    let index = |channel: usize, i: usize| channel * per_channel + i;
    match (
        site.input(0)?.dtype,
        site.input(1)?.dtype,
        site.output(0)?.dtype,
    ) {
        (DType::Float32, DType::Float32, DType::Float32) => {
            let weights = site.constant_f32(1, "weights")?;
            let packed = interleave(&weights, conv.channel_blocks(), index);
            let operands = [
                x,
                lowering.constant(&packed),
                float_bias(site, lowering, conv.window.out_c)?,
                y,
            ];
            let float = float_range(site, activation)?;
            lowering.call(Conv2dF32 { conv, float }, operands);
        }
        (DType::Int8, DType::Int8 | DType::Int4, DType::Int8) => {
            let weights = site.constant_i8(1, "weights")?;
            let mut sums = vec![WeightSum::default(); conv.window.out_c];
            for (sum, weights) in sums.iter_mut().zip(weights.chunks(per_channel.max(1))) {
                weights.iter().for_each(|w| sum.add(*w));
            }
            let constants = Constants::new(site, activation, &sums, precision)?;
            let packed = interleave(&weights, conv.channel_blocks(), index);
            let int8 = constants.int8;
            let operands = constants.operands(lowering, x, &packed, conv.window.pads(), y);
            lowering.call(Conv2dI8 { conv, int8 }, operands);
        }
        _ => return Err(site.unsupported_types("float32, or int8 with int8 or int4 weights")),
    }
    Ok(())
}

/// Weights in the order of channel blocks, the channel innermost.
pub(super) fn interleave<T: Copy>(
    weights: &[T],
    blocks: impl Iterator<Item = std::ops::Range<usize>>,
    index: impl Fn(usize, usize) -> usize,
) -> Vec<T> {
    let mut packed = Vec::with_capacity(weights.len());
    let blocks: Vec<_> = blocks.collect();
    let channels: usize = blocks.iter().map(|b| b.len()).sum();
    let per_channel = weights.len() / channels.max(1);
    for block in blocks {
        for i in 0..per_channel {
            packed.extend(block.clone().map(|c| weights[index(c, i)]));
        }
    }
    packed
}

/// Range of a float convolution's output.
pub(super) fn float_range(site: &Site<'_>, activation: Activation) -> Result<Float, Diagnostic> {
    let (min, max) = site.float_range(activation)?;
    Ok(Float { min, max })
}

/// Checks that the bias has one value per output channel.
pub(super) fn expect_biases(
    site: &Site<'_>,
    biases: usize,
    channels: usize,
) -> Result<(), Diagnostic> {
    if biases == channels {
        return Ok(());
    }
    Err(site
        .tensor_error(
            site.input_id(2)?,
            "the bias has not one value per output channel",
        )
        .expected(channels)
        .found(biases))
}

/// The float bias as an operand; empty where it is left out.
pub(super) fn float_bias(
    site: &Site<'_>,
    lowering: &mut Lowering<'_>,
    channels: usize,
) -> Result<Operand, Diagnostic> {
    let bias = match site.optional_input(2) {
        Some(_) => site.constant_f32(2, "the bias")?,
        None => Vec::new(),
    };
    if site.optional_input_id(2).is_some() {
        expect_biases(site, bias.len(), channels)?;
    }
    Ok(lowering.constant(&bias))
}
