//! FULLY_CONNECTED, and every convolution that is a matrix product: int8 (int4 unpacked), float32.

use castiron_runtime::kernels::{self, CHANNELS, FullyConnectedF32, FullyConnectedI8};

use super::conv_int8::ScalePrecision;
use super::convolution::{Border, Convolution};
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::{Activation, FullyConnectedOptions, Options, WeightsFormat};
use crate::program::Choosing;

pub(super) struct FullyConnected;

impl Family for FullyConnected {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let options = match site.options() {
            Options::FullyConnected(options) => *options,
            _ => FullyConnectedOptions::default(),
        };
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
        let matrix = kernels::FullyConnected {
            rows: batches,
            inputs: in_c,
            outputs: out_c,
        };
        choose(
            site,
            choosing,
            matrix,
            options.activation,
            ScalePrecision::SingleForOneScale,
        )
    }
}

/// Adds a matrix product; weights are row by row.
pub(super) fn choose(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    matrix: kernels::FullyConnected,
    activation: Activation,
    precision: ScalePrecision,
) -> Result<(), Diagnostic> {
    let outputs = matrix.outputs;
    let blocks = (0..outputs)
        .step_by(CHANNELS)
        .map(|first| first..outputs.min(first + CHANNELS));
    let convolution = Convolution {
        activation,
        precision,
        blocks: blocks.collect(),
        width: CHANNELS,
        index: |output: usize, i: usize| output * matrix.inputs + i,
        border: Border::NoWindow,
    };
    convolution.call(
        site,
        choosing,
        |int8| FullyConnectedI8 { matrix, int8 },
        |float| FullyConnectedF32 { matrix, float },
    )
}
