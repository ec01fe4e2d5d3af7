//! CONV_2D: int8 (weights per tensor or per channel, int4 unpacked) and float32; grouped too.

use castiron_runtime::kernels::{self, CHANNELS, Conv2dF32, Conv2dI8, FullyConnected};

use super::conv_int8::ScalePrecision;
use super::convolution::{Border, Convolution};
use super::window::window;
use super::{Family, Site, fully_connected};
use crate::error::Diagnostic;
use crate::graph::{Activation, Conv2dOptions, Options};
use crate::program::Choosing;

pub(super) struct Conv2d;

impl Family for Conv2d {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let Options::Conv2d(options) = site.options() else {
            return Err(site.error("the operator has no options"));
        };
        let conv = geometry(site, options)?;
        choose(site, choosing, conv, options.activation)
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

/// Adds a convolution; one whose windows are single pixels is a matrix product, which has a
/// smaller and faster kernel.
fn choose(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    conv: kernels::Conv2d,
    activation: Activation,
) -> Result<(), Diagnostic> {
    let w = &conv.window;
    if conv.is_pointwise() {
        let matrix = FullyConnected {
            rows: w.batches * w.in_h * w.in_w,
            inputs: w.in_c,
            outputs: w.out_c,
        };
        return fully_connected::choose(site, choosing, matrix, activation, ScalePrecision::Double);
    }
    let per_channel = w.filter_h * w.filter_w * conv.group_in;
    call(site, choosing, conv, activation, |channel, i| {
        channel * per_channel + i
    })
}

/// Adds a convolution whose weights of an output channel are at `index(channel, i)`.
pub(super) fn call(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    conv: kernels::Conv2d,
    activation: Activation,
    index: impl Fn(usize, usize) -> usize,
) -> Result<(), Diagnostic> {
    let convolution = Convolution {
        activation,
        precision: ScalePrecision::Double,
        blocks: conv.channel_blocks().collect(),
        width: CHANNELS,
        index,
        border: Border::of(&conv.window),
    };
    convolution.call(
        site,
        choosing,
        |int8| Conv2dI8 { conv, int8 },
        |float| Conv2dF32 { conv, float },
    )
}
