//! DEPTHWISE_CONV_2D: int8 (weights per tensor or per channel) and float32, any multiplier.

use castiron_runtime::kernels::{self, DepthwiseConv2dF32, DepthwiseConv2dI8};

use super::conv_int8::ScalePrecision;
use super::convolution::{Border, Convolution};
use super::window::window;
use super::{Family, Site, conv};
use crate::error::Diagnostic;
use crate::graph::Options;
use crate::program::Choosing;

pub(super) struct DepthwiseConv2d;

impl Family for DepthwiseConv2d {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let Options::DepthwiseConv2d(options) = site.options() else {
            return Err(site.error("the operator has no options"));
        };
        let filter_id = site.input_id(1)?;
        let [one, filter_h, filter_w, out_c] = site.nhwc(filter_id)?;
        let window = window(
            site,
            options.padding,
            options.stride,
            options.dilation,
            (filter_h, filter_w),
            out_c,
        )?;
        let multiplier = out_c.checked_div(window.in_c).unwrap_or(0);
        if one != 1 || multiplier * window.in_c != out_c {
            return Err(site
                .tensor_error(filter_id, "the filter does not fit the input's channels")
                .expected(format_args!(
                    "[1, height, width, a multiple of {}]",
                    window.in_c
                ))
                .found(format_args!("{:?}", site.input(1)?.shape)));
        }
        let index = |channel: usize, i: usize| i * out_c + channel;
        if window.in_c == 1 {
            // One input channel for all outputs: an ordinary convolution, which shares its loads.
            let conv = kernels::Conv2d {
                window,
                groups: 1,
                group_in: 1,
                group_out: out_c,
            };
            return conv::call(site, choosing, conv, options.activation, index);
        }
        let conv = kernels::DepthwiseConv2d { window, multiplier };
        let convolution = Convolution {
            activation: options.activation,
            precision: ScalePrecision::Double,
            blocks: conv.channel_blocks().collect(),
            width: conv.block_width(),
            index,
            border: Border::of(&window),
        };
        convolution.call(
            site,
            choosing,
            |int8| DepthwiseConv2dI8 { conv, int8 },
            |float| DepthwiseConv2dF32 { conv, float },
        )
    }
}
