//! FULLY_CONNECTED: lowered as a 1×1 convolution of an image of one row, one column per batch.

use castiron_runtime::kernels::{Conv2d, Window};

use super::conv_int8::ScalePrecision;
use super::{Family, Site, conv};
use crate::error::Diagnostic;
use crate::graph::{FullyConnectedOptions, Options, WeightsFormat};
use crate::lower::Lowering;

pub(super) struct FullyConnected;

impl Family for FullyConnected {
    fn macs(&self, site: &Site<'_>) -> u64 {
        let (Ok(weights), Ok(y)) = (site.input(1), site.output(0)) else {
            return 0;
        };
        let depth = weights.shape.last().copied().unwrap_or(0);
        (depth as u64).saturating_mul(y.elements() as u64)
    }

    fn lower(&self, site: &Site<'_>, lowering: &mut Lowering<'_>) -> Result<(), Diagnostic> {
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
        let window = Window {
            batches: 1,
            in_h: 1,
            in_w: batches,
            in_c,
            out_h: 1,
            out_w: batches,
            out_c,
            filter_h: 1,
            filter_w: 1,
            stride_h: 1,
            stride_w: 1,
            dilation_h: 1,
            dilation_w: 1,
            pad_top: 0,
            pad_left: 0,
        };
        let as_conv = Conv2d {
            window,
            groups: 1,
            group_in: in_c,
            group_out: out_c,
        };
        conv::lower(
            site,
            lowering,
            as_conv,
            options.activation,
            ScalePrecision::SingleForOneScale,
        )
    }
}
