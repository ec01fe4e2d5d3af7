//! CONCATENATION of any types and along any axis: one copy per input, of uint8 at the output's scale.

use super::channels::Channels;
use super::unary::look_up;
use super::walk::{Copy, Walk};
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::{Activation, DType, Options, TensorId};
use crate::program::{Choosing, ElementType};

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
            let rescaled = rescaled(site, x_id, y_id)?;
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
                let mut x_operand = choosing.tensor(x_id)?;
                if let Some(table) = rescaled {
                    let stored = choosing.scratch(ElementType::U8, x_operand.len);
                    look_up(choosing, x_operand, &table, stored);
                    x_operand = stored;
                }
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

    fn channels(&self, site: &Site<'_>) -> Option<Channels> {
        let Options::Concatenation(options) = site.options() else {
            return None;
        };
        let rank = site.output(0).ok()?.shape.len();
        let axis = site.axis(options.axis.into(), rank).ok()?;
        Some(match axis + 1 == rank {
            true => Channels::Concatenated,
            false => Channels::Each(site.operator.inputs.len()),
        })
    }
}

/// What a stored uint8 becomes where the output has another quantisation, computed in single precision as TensorFlow Lite
/// does. Its kernels of other types do not rescale, and it refuses such a model of int8; of int16 it copies.
fn rescaled(
    site: &Site<'_>,
    x_id: TensorId,
    y_id: TensorId,
) -> Result<Option<[i8; 256]>, Diagnostic> {
    match site.graph.tensor(x_id).dtype {
        DType::Uint8 if site.graph.tensor(x_id).quantization.is_some() => {}
        DType::Int16 => return Ok(None),
        _ => return site.same_quantization(x_id, y_id).map(|()| None),
    }
    let ((x_scale, x_zero_point), (y_scale, y_zero_point)) =
        (site.per_tensor(x_id)?, site.per_tensor(y_id)?);
    if (x_scale, x_zero_point) == (y_scale, y_zero_point) {
        return Ok(None);
    }
    let scale = x_scale * (1.0 / y_scale);
    let bias = -(x_zero_point as f32) * scale;
    let mut table = [0; 256];
    for (to, stored) in table.iter_mut().zip(0..=u8::MAX) {
        let value = (f32::from(stored) * scale + bias).round() as i32;
        *to = value.saturating_add(y_zero_point).clamp(0, 255) as u8 as i8;
    }
    Ok(Some(table))
}
