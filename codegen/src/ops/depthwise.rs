//! DEPTHWISE_CONV_2D in every number format, with any multiplier.

use castiron_runtime::kernels::{self, Conv2dSizes, DepthwiseConv2dSizes, Dot, Numbers};

use super::numbers::{Call, Product, ScalePrecision, Sizes, dsp};
use super::window::window;
use super::{Family, Site, conv};
use crate::error::Diagnostic;
use crate::graph::Options;
use crate::program::{Choosing, Constant, Place};

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
            (options.padding, options.border),
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
            let sizes = Conv2dSizes {
                window,
                groups: 1,
                group_in: 1,
                group_out: out_c,
            };
            return conv::call(site, choosing, sizes, options.activation, &index);
        }
        let product = Product {
            activation: options.activation,
            precision: ScalePrecision::Double,
            channels: out_c,
            index: &index,
            pads: window.pads(),
        };
        let sizes = DepthwiseConv2dSizes { window, multiplier };
        product.choose(&sizes, site, choosing)
    }
}

impl Sizes for DepthwiseConv2dSizes {
    /// The kernel has no micro-kernel: a window of one channel has no runs of inputs, and neighbouring channels meet
    /// weights of their own.
    fn call<N: Numbers<W: Constant>, D: Dot<N, Packed: Constant>>(
        &self,
        call: Call<'_, N>,
        _: D,
        choosing: &mut Choosing<'_>,
    ) {
        let packed = self.pack::<N>(call.weight);
        let is_alone = [call.x, call.y]
            .iter()
            .all(|argument| matches!(argument.place, Place::Tensor(_)));
        let bytes = call.x.element.bytes();
        if let Some([distance, step]) = self.distance(bytes)
            && is_alone
            && call.y.element.bytes() == bytes
        {
            choosing.overlap(distance, step);
        }
        let kernel = kernels::DepthwiseConv2d {
            sizes: *self,
            numbers: call.numbers,
        };
        call.add(kernel, &packed, choosing);
    }
    fn call_dsp(&self, layer: &dsp::Layer<'_>, choosing: &mut Choosing<'_>) -> bool {
        dsp::depthwise(self, layer, choosing)
    }
}
