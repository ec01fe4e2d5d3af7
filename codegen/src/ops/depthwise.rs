//! DEPTHWISE_CONV_2D: int8 (weights per tensor or per channel) and float32, any multiplier.

use castiron_runtime::kernels::{self, DepthwiseConv2dF32, DepthwiseConv2dI8};

use super::conv::{float_bias, float_range, interleave, window};
use super::conv_int8::{Constants, ScalePrecision, WeightSum};
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::{DType, Options};
use crate::lower::Lowering;

pub(super) struct DepthwiseConv2d;

impl Family for DepthwiseConv2d {
    fn macs(&self, site: &Site<'_>) -> u64 {
        let (Ok(filter), Ok(y)) = (site.input(1), site.output(0)) else {
            return 0;
        };
        let taps: usize = filter.shape.iter().rev().skip(1).product();
        (taps as u64).saturating_mul(y.elements() as u64)
    }

    fn lower(&self, site: &Site<'_>, lowering: &mut Lowering<'_>) -> Result<(), Diagnostic> {
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
        let conv = kernels::DepthwiseConv2d { window, multiplier };
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let (x, y) = (lowering.activation(x_id)?, lowering.activation(y_id)?);
        let types = (
            site.input(0)?.dtype,
            site.input(1)?.dtype,
            site.output(0)?.dtype,
        );
        match types {
            (DType::Float32, DType::Float32, DType::Float32) => {
                let weights = site.constant_f32(1, "weights")?;
                let weights = interleave(&weights, conv.channel_blocks(), |c, i| i * out_c + c);
                let operands = [
                    x,
                    lowering.constant(&weights),
                    float_bias(site, lowering, out_c)?,
                    y,
                ];
                let float = float_range(site, options.activation)?;
                lowering.call(DepthwiseConv2dF32 { conv, float }, operands);
            }
            (DType::Int8, DType::Int8 | DType::Int4, DType::Int8) => {
                let weights = site.constant_i8(1, "weights")?;
                let mut sums = vec![WeightSum::default(); out_c];
                for (i, w) in weights.iter().enumerate() {
                    sums[i % out_c].add(*w);
                }
                let constants =
                    Constants::new(site, options.activation, &sums, ScalePrecision::Double)?;
                let packed = interleave(&weights, conv.channel_blocks(), |c, i| i * out_c + c);
                let int8 = constants.int8;
                let operands = constants.operands(lowering, x, &packed, window.pads(), y);
                lowering.call(DepthwiseConv2dI8 { conv, int8 }, operands);
            }
            _ => return Err(site.unsupported_types("float32, or int8 with int8 weights")),
        }
        Ok(())
    }
}
