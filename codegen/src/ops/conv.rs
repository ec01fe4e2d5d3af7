//! CONV_2D in every number format; grouped too.

use castiron_runtime::kernels::{
    self, Conv2dSizes, Dot, FullyConnectedSizes, Numbers, Scalar, Vmla,
};

use super::channels::Channels;
use super::numbers::{
    Call, Layer, Plain, Product, Reading, ScalePrecision, Sizes, Taps, call_portable, dsp, mve,
    scalar,
};
use super::window::window;
use super::{Family, Site, fully_connected};
use crate::error::Diagnostic;
use crate::graph::{Activation, Conv2dOptions, Options};
use crate::program::{Choosing, Constant};
use crate::target::Isa;

pub(super) struct Conv2d;

impl Family for Conv2d {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let Options::Conv2d(options) = site.options() else {
            return Err(site.error("the operator has no options"));
        };
        let sizes = geometry(site, options)?;
        choose(site, choosing, sizes, options.activation)
    }

    fn channels(&self, site: &Site<'_>) -> Option<Channels> {
        let Options::Conv2d(options) = site.options() else {
            return None;
        };
        // In groups, as many would have to leave of each.
        let sizes = geometry(site, options).ok().filter(|s| s.groups == 1)?;
        let inputs = sizes.inputs();
        let index = |channel: usize, i: usize| channel * inputs + i;
        let product = product(&sizes, options.activation, &index);
        let reading = Reading::All(sizes.group_in);
        let weighted = product.weighted(site, Taps::of(&sizes.window)?, reading)?;
        Some(Channels::Weighted(Box::new(weighted)))
    }
}

fn geometry(site: &Site<'_>, options: &Conv2dOptions) -> Result<Conv2dSizes, Diagnostic> {
    let filter_id = site.input_id(1)?;
    let [out_c, filter_h, filter_w, group_in] = site.nhwc(filter_id)?;
    let window = window(
        site,
        (options.padding, options.border),
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
    Ok(Conv2dSizes {
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
    sizes: Conv2dSizes,
    activation: Activation,
) -> Result<(), Diagnostic> {
    let w = &sizes.window;
    if sizes.is_pointwise() {
        let matrix = FullyConnectedSizes {
            rows: w.batches * w.in_h * w.in_w,
            inputs: w.in_c,
            outputs: w.out_c,
        };
        return fully_connected::choose(site, choosing, matrix, activation, ScalePrecision::Double);
    }
    let inputs = sizes.inputs();
    call(site, choosing, sizes, activation, &|channel, i| {
        channel * inputs + i
    })
}

/// Adds a convolution whose weights of an output channel are at `index(channel, i)`.
pub(super) fn call(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    sizes: Conv2dSizes,
    activation: Activation,
    index: &dyn Fn(usize, usize) -> usize,
) -> Result<(), Diagnostic> {
    product(&sizes, activation, index).choose(&sizes, site, choosing)
}

/// A convolution whose weights of an output channel are at `index(channel, i)`.
pub(super) fn product<'a>(
    sizes: &Conv2dSizes,
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

impl Sizes for Conv2dSizes {
    fn call<N: Numbers<W: Constant>, D: Dot<N, Packed: Constant>>(
        &self,
        call: Call<'_, N>,
        dot: D,
        choosing: &mut Choosing<'_>,
    ) {
        let packed = self.pack::<N, D>(call.weight);
        let kernel = kernels::Conv2d {
            sizes: *self,
            numbers: call.numbers,
            dot,
        };
        call.add(kernel, &packed, choosing);
    }

    fn plain(&self) -> Option<Plain> {
        Some(Plain {
            window: self.window,
            group_in: self.group_in,
            group_out: self.group_out,
        })
    }

    fn call_fp(&self, call: Call<'_, kernels::Float>, choosing: &mut Choosing<'_>) {
        // A window is runs of inputs that are equally far apart.
        if !self.joined() && self.window.filter_h > 1 {
            call_portable(call, self, choosing);
        } else if self.group_out.is_multiple_of(8) {
            self.call(call, Vmla::<8>, choosing);
        } else {
            self.call(call, Vmla::<4>, choosing);
        }
    }

    fn call_plain<N>(&self, call: Call<'_, N>, choosing: &mut Choosing<'_>)
    where
        N: Numbers<X = i8, W = i8, Acc = i32, Zero = i32>,
    {
        match choosing.target().isa {
            Isa::Rv32m => self.call(call, Scalar::<4>, choosing),
            _ => call_portable(call, self, choosing),
        }
    }

    fn call_scalar(&self, layer: &Layer<'_>, choosing: &mut Choosing<'_>) -> bool {
        scalar::conv(self, layer, choosing)
    }

    fn call_mve(&self, layer: &Layer<'_>, choosing: &mut Choosing<'_>) -> bool {
        mve::conv(self, layer, choosing)
    }

    fn call_dsp(&self, layer: &dsp::Layer<'_>, choosing: &mut Choosing<'_>) -> bool {
        dsp::conv(self, layer, choosing)
    }
}
