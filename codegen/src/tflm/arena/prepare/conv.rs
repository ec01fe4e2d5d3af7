//! Convolutions and pooling.

use super::site::{image, is_int8_or_int16};
use super::{Look, Requests, dim};
use crate::error::Diagnostic;
use crate::graph::{DType, Options};
use crate::tflm::arena::cmsis::{self, Conv};

const PARAMETERS: &[Look] = &[
    Look::Input(0),
    Look::Input(1),
    Look::Input(2),
    Look::Output(0),
];

/// `CONV_2D` and `DEPTHWISE_CONV_2D`; the filter's output channels are its dimension `channels`.
pub(super) fn conv(r: &mut Requests<'_>, channels: usize) -> Result<(), Diagnostic> {
    let (input, filter) = (r.site.input(0)?, r.site.input(1)?);
    let multipliers = 4 * dim(filter, channels)?;
    r.look(&[Look::Output(0), Look::Input(0), Look::Input(1)]);
    // The reference kernel keeps them for float, too, where nothing reads them.
    if r.is_reference() || is_int8_or_int16(input) {
        r.keep(multipliers);
        r.keep(multipliers);
    }
    r.look(PARAMETERS);
    if r.is_reference() {
        if filter.dtype == DType::Int4 {
            r.scratch(filter.elements());
        }
        return Ok(());
    }
    let shape = geometry(r)?;
    let depthwise = channels == 3;
    let bytes = match input.dtype {
        DType::Int8 if depthwise => shape.depthwise(r.simd, filter.dtype == DType::Int4),
        DType::Int8 => shape.int8(r.simd),
        // Asked for whatever the bias is: the kernel looks it up among its outputs.
        DType::Int16 if !depthwise => shape.int16(r.simd),
        _ => 0,
    };
    r.scratch_if_any(bytes);
    Ok(())
}

fn geometry(r: &Requests<'_>) -> Result<Conv, Diagnostic> {
    let (padding, stride, dilation) = match r.site.options() {
        Options::Conv2d(o) => (o.padding, o.stride, o.dilation),
        Options::DepthwiseConv2d(o) => (o.padding, o.stride, o.dilation),
        Options::TransposeConv(o) => (o.padding, o.stride, (1, 1)),
        _ => return Err(r.site.unfit("a convolution with its options")),
    };
    let position = match r.site.options() {
        Options::TransposeConv(_) => 2,
        _ => 0,
    };
    let filter = image(r.site.input(1)?)?;
    let input = image(r.site.input(position)?)?;
    let before = |axis: usize, stride: usize, dilation: usize| {
        padding
            .windows(input[axis], filter[axis], stride, dilation)
            .1
    };
    Ok(Conv {
        stride,
        dilation,
        padding: (
            before(1, stride.0, dilation.0),
            before(2, stride.1, dilation.1),
        ),
        input,
        filter: (filter[1], filter[2]),
        filter_channels: filter[3],
        output: image(r.site.output(0)?)?,
    })
}

/// `TRANSPOSE_CONV`: the inputs are the output's shape, the filter, the input and perhaps a bias.
pub(super) fn transposed(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    let (filter, input, output) = (r.site.input(1)?, r.site.input(2)?, r.site.output(0)?);
    let multipliers = 4 * dim(filter, 0)?;
    r.look(&[Look::Output(0), Look::Input(2), Look::Input(1)]);
    r.keep(multipliers);
    r.keep(multipliers);
    match input.dtype {
        DType::Int8 if r.is_reference() => r.scratch(4 * output.elements()),
        DType::Int8 => {
            for bytes in geometry(r)?.transposed(r.simd) {
                r.scratch(bytes);
            }
        }
        DType::Int16 => r.scratch(8 * output.elements()),
        _ => {}
    }
    if input.dtype == DType::Float32 {
        return Ok(());
    }
    r.look(&[
        Look::Input(2),
        Look::Input(1),
        Look::Input(3),
        Look::Output(0),
    ]);
    // Biases of early 8×16 models are widened before each run.
    let bias = r
        .site
        .optional_input_id(3)
        .map(|id| r.site.graph.tensor(id));
    let narrow = bias.filter(|bias| (input.dtype, bias.dtype) == (DType::Int16, DType::Int16));
    if let Some(bias) = narrow {
        r.scratch(8 * bias.elements());
    }
    Ok(())
}

/// What CMSIS-NN adds to the reference kernel's Prepare.
pub(super) fn average_pool(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    if r.is_reference() {
        return Ok(());
    }
    let input = r.site.input(0)?;
    r.look(&[Look::Input(0), Look::Output(0)]);
    if is_int8_or_int16(input) {
        r.scratch_if_any(cmsis::average_pool(r.simd, dim(input, 3)?));
    }
    Ok(())
}
