//! AVERAGE_POOL_2D and MAX_POOL_2D: int8 and float32.

use castiron_runtime::kernels::{AveragePool2dF32, AveragePool2dI8, MaxPool2dF32, MaxPool2dI8};

use super::window::window;
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::{DType, Options};
use crate::program::Choosing;

pub(super) enum Pool2d {
    Average,
    Max,
}

impl Family for Pool2d {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let Options::Pool2d(options) = site.options() else {
            return Err(site.error("the operator has no options"));
        };
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let [.., channels] = site.nhwc(x_id)?;
        let window = window(
            site,
            options.padding,
            options.stride,
            (1, 1),
            options.filter,
            channels,
        )?;
        let operands = [choosing.activation(x_id)?, choosing.activation(y_id)?];
        match (self, site.input(0)?.dtype, site.output(0)?.dtype) {
            (Self::Average, DType::Float32, DType::Float32) => {
                let float = site.float_range(options.activation)?;
                choosing.call(AveragePool2dF32 { window, float }, operands);
            }
            (Self::Max, DType::Float32, DType::Float32) => {
                let float = site.float_range(options.activation)?;
                choosing.call(MaxPool2dF32 { window, float }, operands);
            }
            (_, DType::Int8, DType::Int8) => {
                site.same_quantization(x_id, y_id)?;
                let (min, max) = site.integer_range(options.activation, y_id)?;
                match self {
                    Self::Average => {
                        choosing.call(AveragePool2dI8 { window, min, max }, operands);
                    }
                    Self::Max => choosing.call(MaxPool2dI8 { window, min, max }, operands),
                }
            }
            _ => return Err(site.unsupported_types("int8 or float32, alike in and out")),
        }
        Ok(())
    }
}
