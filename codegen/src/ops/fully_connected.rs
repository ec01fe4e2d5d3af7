//! FULLY_CONNECTED, and every convolution that is a matrix product, in every number format.

use castiron_runtime::kernels::{
    self, Dot, FullyConnectedSizes, Numbers, Scalar, Vmla, VmlaRow, Window,
};

use super::channels::Channels;
use super::numbers::{
    Call, Layer, Plain, Product, Reading, ScalePrecision, Sizes, Taps, call_portable,
    choose_in_blocks, dsp, mve, scalar,
};
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::{Activation, FullyConnectedOptions, Options, WeightsFormat};
use crate::program::{Choosing, Constant};
use crate::target::Isa;

pub(super) struct FullyConnected;

/// Elements of a model's largest constant below which the floating-point extension's kernels save less time than they take stack: they save all
/// registers.
const LEAST_ELEMENTS: usize = 64;

impl Family for FullyConnected {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let options = options(site);
        let matrix = matrix(site, options)?;
        if site.input(1)?.blocks.is_some() {
            return choose_in_blocks(site, choosing, matrix, options.activation);
        }
        choose(
            site,
            choosing,
            matrix,
            options.activation,
            ScalePrecision::SingleForOneScale,
        )
    }

    fn channels(&self, site: &Site<'_>) -> Option<Channels> {
        let options = options(site);
        let matrix = matrix(site, options).ok()?;
        let index = |output: usize, i: usize| output * matrix.inputs + i;
        let precision = ScalePrecision::SingleForOneScale;
        let product = product(&matrix, options.activation, precision, &index);
        let reading = Reading::All(matrix.inputs);
        let weighted = product.weighted(site, Taps::one(), reading)?;
        Some(Channels::Weighted(Box::new(weighted)))
    }
}

fn options(site: &Site<'_>) -> FullyConnectedOptions {
    match site.options() {
        Options::FullyConnected(options) => *options,
        _ => FullyConnectedOptions::default(),
    }
}

fn matrix(
    site: &Site<'_>,
    options: FullyConnectedOptions,
) -> Result<FullyConnectedSizes, Diagnostic> {
    if options.weights_format != WeightsFormat::Default {
        return Err(site
            .error("shuffled weights are not supported")
            .expected("weights of format DEFAULT")
            .found("SHUFFLED4x16INT8")
            .help("convert the model again; current converters do not shuffle"));
    }
    let weights_id = site.input_id(1)?;
    let &[out_c, in_c] = &site.input(1)?.shape[..] else {
        return Err(site
            .tensor_error(weights_id, "the weights' rank is wrong")
            .expected("2 dimensions: outputs, inputs")
            .found(format_args!("{:?}", site.input(1)?.shape)));
    };
    let (x, y) = (site.input(0)?, site.output(0)?);
    let batches = x.elements().checked_div(in_c).unwrap_or(0);
    if batches * in_c != x.elements() || batches * out_c != y.elements() {
        return Err(site
            .error("the tensors' sizes do not fit the weights")
            .expected(format_args!(
                "inputs of {in_c} and outputs of {out_c} values"
            ))
            .found(format_args!("{:?} -> {:?}", x.shape, y.shape)));
    }
    Ok(FullyConnectedSizes {
        rows: batches,
        inputs: in_c,
        outputs: out_c,
    })
}

/// Adds a matrix product; weights are row by row.
pub(super) fn choose(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    matrix: FullyConnectedSizes,
    activation: Activation,
    precision: ScalePrecision,
) -> Result<(), Diagnostic> {
    let index = |output: usize, i: usize| output * matrix.inputs + i;
    product(&matrix, activation, precision, &index).choose(&matrix, site, choosing)
}

fn product<'a>(
    matrix: &FullyConnectedSizes,
    activation: Activation,
    precision: ScalePrecision,
    index: &'a dyn Fn(usize, usize) -> usize,
) -> Product<'a> {
    Product {
        activation,
        precision,
        channels: matrix.outputs,
        index,
        pads: false,
    }
}

/// Adds the product of a single row and a matrix in blocks of so many outputs, of float32.
fn row<const CHANNELS: usize>(
    matrix: &FullyConnectedSizes,
    call: Call<'_, kernels::Float>,
    choosing: &mut Choosing<'_>,
) {
    let packed = matrix.pack::<kernels::Float, Vmla<CHANNELS>>(call.weight);
    let kernel = VmlaRow::<CHANNELS> {
        numbers: call.numbers,
    };
    call.add(kernel, &packed, choosing);
}

impl Sizes for FullyConnectedSizes {
    fn call<N: Numbers<W: Constant>, D: Dot<N, Packed: Constant>>(
        &self,
        call: Call<'_, N>,
        dot: D,
        choosing: &mut Choosing<'_>,
    ) {
        let packed = self.pack::<N, D>(call.weight);
        let kernel = kernels::FullyConnected {
            sizes: *self,
            numbers: call.numbers,
            dot,
        };
        call.add(kernel, &packed, choosing);
    }

    fn plain(&self) -> Option<Plain> {
        Some(Plain {
            window: Window {
                batches: self.rows,
                in_c: self.inputs,
                out_c: self.outputs,
                ..Window::PIXEL
            },
            group_in: self.inputs,
            group_out: self.outputs,
        })
    }

    fn call_fp(&self, call: Call<'_, kernels::Float>, choosing: &mut Choosing<'_>) {
        let is_row = self.rows == 1;
        match self.outputs.is_multiple_of(8) {
            _ if choosing.largest_constant() < LEAST_ELEMENTS => {
                call_portable(call, self, choosing);
            }
            true if is_row => row::<8>(self, call, choosing),
            true => self.call(call, Vmla::<8>, choosing),
            false if is_row => row::<4>(self, call, choosing),
            false => self.call(call, Vmla::<4>, choosing),
        }
    }

    fn call_plain<N>(&self, call: Call<'_, N>, choosing: &mut Choosing<'_>)
    where
        N: Numbers<X = i8, W = i8, Acc = i32, Zero = i32>,
    {
        // Single rows have but themselves to share weights with, so that inputs are shared by more channels.
        match choosing.target().isa {
            _ if self.rows < 4 && self.outputs >= 8 => self.call(call, Scalar::<8>, choosing),
            Isa::Rv32m => self.call(call, Scalar::<4>, choosing),
            _ => call_portable(call, self, choosing),
        }
    }

    fn call_mve(&self, layer: &Layer<'_>, choosing: &mut Choosing<'_>) -> bool {
        mve::matrix(self, layer, choosing)
    }

    fn call_scalar(&self, layer: &Layer<'_>, choosing: &mut Choosing<'_>) -> bool {
        scalar::matrix(self, layer, choosing)
    }

    fn call_dsp(&self, layer: &dsp::Layer<'_>, choosing: &mut Choosing<'_>) -> bool {
        dsp::matrix(self, layer, choosing)
    }
}
