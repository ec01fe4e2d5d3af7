//! CONCATENATION of any types and along any axis: one copy per input.

use super::walk::{Copy, Walk};
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::{Activation, Options};
use crate::program::Choosing;

pub(super) struct Concatenation;

impl Family for Concatenation {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let Options::Concatenation(options) = site.options() else {
            return Err(site.error("the operator has no options"));
        };
        if options.activation != Activation::None {
            return Err(site
                .error("a fused activation is not supported here")
                .expected("NONE, as in TensorFlow Lite")
                .found(format_args!("{:?}", options.activation)));
        }
        let y_id = site.output_id(0)?;
        let y = site.output(0)?;
        let axis = site.axis(i64::from(options.axis), y.shape.len())?;
        let y_operand = choosing.activation(y_id)?;
        let mut start = 0;
        for position in 0..site.operator.inputs.len() {
            let (x_id, x) = (site.input_id(position)?, site.input(position)?);
            if x.dtype != y.dtype {
                return Err(site.unsupported_types("one type for all inputs and the output"));
            }
            // TensorFlow Lite's int8 kernel does not rescale either: converters give all
            // tensors the output's scale.
            site.same_quantization(x_id, y_id)?;
            let size = x.shape.get(axis).copied().unwrap_or(0);
            let part = Walk::of(&y.shape).part(axis, start, size, 1);
            let copy = Copy::new(&Walk::of(&x.shape), &part).ok_or_else(|| {
                site.tensor_error(x_id, "the shape does not fit the output's")
                    .expected(format_args!("{:?} but for axis {axis}", y.shape))
                    .found(format_args!("{:?}", x.shape))
            })?;
            start += size;
            if start > y.shape[axis] {
                break;
            }
            if size > 0 {
                let x_operand = choosing.tensor(x_id)?;
                // Rows of one axis: one loop always fits.
                let _ = copy.choose(choosing, x_operand, y_operand);
            }
        }
        let sum: usize = (0..site.operator.inputs.len())
            .filter_map(|i| site.input(i).ok()?.shape.get(axis).copied())
            .sum();
        if sum != y.shape[axis] {
            return Err(site
                .tensor_error(
                    y_id,
                    "the output's length is not the sum of the inputs' lengths",
                )
                .expected(format_args!("{sum} along axis {axis}"))
                .found(y.shape[axis]));
        }
        Ok(())
    }
}
