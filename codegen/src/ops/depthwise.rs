//! DEPTHWISE_CONV_2D in every number format, with any multiplier.

use castiron_runtime::kernels::{
    self, Conv2dSizes, DepthwiseConv2dSizes, Dot, Numbers, VmlaDepthwise,
};

use super::channels::Channels;
use super::numbers::{
    Call, Layer, Plain, Product, Reading, ScalePrecision, Sizes, Taps, call_portable, dsp, mve,
    scalar,
};
use super::window::window;
use super::{Family, Site, conv};
use crate::error::Diagnostic;
use crate::graph::{Activation, DepthwiseConv2dOptions, Options};
use crate::program::{Argument, Choosing, Constant, Place};

pub(super) struct DepthwiseConv2d;

impl Family for DepthwiseConv2d {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let Options::DepthwiseConv2d(options) = site.options() else {
            return Err(site.error("the operator has no options"));
        };
        let sizes = geometry(site, options)?;
        let out_c = sizes.window.out_c;
        let index = |channel: usize, i: usize| i * out_c + channel;
        if let Some(sizes) = ordinary(&sizes) {
            return conv::call(site, choosing, sizes, options.activation, &index);
        }
        product(&sizes, options.activation, &index).choose(&sizes, site, choosing)
    }

    fn channels(&self, site: &Site<'_>) -> Option<Channels> {
        let Options::DepthwiseConv2d(options) = site.options() else {
            return None;
        };
        let sizes = geometry(site, options).ok()?;
        let out_c = sizes.window.out_c;
        let index = |channel: usize, i: usize| i * out_c + channel;
        let reading = match ordinary(&sizes) {
            Some(_) => Reading::AllAcross(1),
            None => Reading::Own(sizes.multiplier),
        };
        let product = product(&sizes, options.activation, &index);
        let weighted = product.weighted(site, Taps::of(&sizes.window)?, reading)?;
        Some(Channels::Weighted(Box::new(weighted)))
    }
}

fn geometry(
    site: &Site<'_>,
    options: &DepthwiseConv2dOptions,
) -> Result<DepthwiseConv2dSizes, Diagnostic> {
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
    Ok(DepthwiseConv2dSizes { window, multiplier })
}

/// With one input channel for all outputs, it is an ordinary convolution, which shares its loads.
fn ordinary(sizes: &DepthwiseConv2dSizes) -> Option<Conv2dSizes> {
    (sizes.window.in_c == 1).then_some(Conv2dSizes {
        window: sizes.window,
        groups: 1,
        group_in: 1,
        group_out: sizes.window.out_c,
    })
}

fn product<'a>(
    sizes: &DepthwiseConv2dSizes,
    activation: Activation,
    index: &'a dyn Fn(usize, usize) -> usize,
) -> Product<'a> {
    Product {
        activation,
        precision: ScalePrecision::Double,
        channels: sizes.window.out_c,
        index,
        pads: sizes.window.pads(),
    }
}

/// Lets the output overwrite what kernels have read of the input that compute it pixel by pixel, or channel by channel.
pub(super) fn overlap(
    sizes: &DepthwiseConv2dSizes,
    [x, y]: [Argument; 2],
    choosing: &mut Choosing<'_>,
) {
    let is_alone = [x, y]
        .iter()
        .all(|argument| matches!(argument.place, Place::Tensor(_)));
    let bytes = x.element.bytes();
    if let Some([distance, step]) = sizes.distance(bytes)
        && is_alone
        && y.element.bytes() == bytes
    {
        choosing.overlap(distance, step);
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
        overlap(self, [call.x, call.y], choosing);
        let kernel = kernels::DepthwiseConv2d {
            sizes: *self,
            numbers: call.numbers,
        };
        call.add(kernel, &packed, choosing);
    }

    fn plain(&self) -> Option<Plain> {
        Some(Plain {
            window: self.window,
            group_in: 1,
            group_out: self.multiplier,
        })
    }

    fn call_nibbles<N: Numbers<W = i8>>(&self, call: Call<'_, N>, choosing: &mut Choosing<'_>) {
        let packed = self.pack_nibbles::<N>(call.weight);
        overlap(self, [call.x, call.y], choosing);
        let kernel = kernels::DepthwiseConv2dNibbles {
            sizes: *self,
            numbers: call.numbers,
        };
        call.add(kernel, &packed, choosing);
    }

    fn call_fp(&self, call: Call<'_, kernels::Float>, choosing: &mut Choosing<'_>) {
        let packed = self.pack::<kernels::Float>(call.weight);
        let (sizes, numbers) = (*self, call.numbers);
        if VmlaDepthwise::<1>::fits(self) {
            call.add(VmlaDepthwise::<1> { sizes, numbers }, &packed, choosing);
        } else if VmlaDepthwise::<2>::fits(self) {
            call.add(VmlaDepthwise::<2> { sizes, numbers }, &packed, choosing);
        } else {
            call_portable(call, self, choosing);
        }
    }

    fn call_mve(&self, layer: &Layer<'_>, choosing: &mut Choosing<'_>) -> bool {
        mve::depthwise(self, layer, choosing)
    }

    fn call_scalar(&self, layer: &Layer<'_>, choosing: &mut Choosing<'_>) -> bool {
        scalar::depthwise(self, layer, choosing)
    }

    fn call_dsp(&self, layer: &dsp::Layer<'_>, choosing: &mut Choosing<'_>) -> bool {
        dsp::depthwise(self, layer, choosing)
    }
}
