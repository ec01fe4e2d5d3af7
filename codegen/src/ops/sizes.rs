//! SHAPE and RANK, which are known when the model is compiled, and FILL.

use castiron_runtime::kernels;

use super::{Family, Site, pad};
use crate::error::Diagnostic;
use crate::graph::DType;
use crate::program::Choosing;

pub(super) struct Shape;
pub(super) struct Rank;
pub(super) struct Fill;

impl Family for Shape {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        known(site, choosing, &site.input(0)?.shape)
    }
}

impl Family for Rank {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        // TensorFlow Lite makes an int32 of it, whatever the file says.
        if site.output(0)?.dtype != DType::Int32 {
            return Err(site.unsupported_type(site.output_id(0)?, "an output of int32"));
        }
        known(site, choosing, &[site.input(0)?.shape.len()])
    }
}

/// Gives the output constant values.
fn known(site: &Site<'_>, choosing: &mut Choosing<'_>, sizes: &[usize]) -> Result<(), Diagnostic> {
    let y = choosing.activation(site.output_id(0)?)?;
    if y.len != sizes.len() {
        return Err(site
            .tensor_error(
                site.output_id(0)?,
                "the output does not hold as many values as the operator gives",
            )
            .expected(sizes.len())
            .found(y.len));
    }
    let values = sizes.iter().map(|size| *size as i64);
    let values = match site.output(0)?.dtype {
        DType::Int32 => choosing.constant(&values.map(|v| v as i32).collect::<Vec<i32>>()),
        DType::Int64 => choosing.constant(&values.collect::<Vec<i64>>()),
        _ => return Err(site.unsupported_type(site.output_id(0)?, "an output of int32 or int64")),
    };
    choosing.copy(values, y);
    Ok(())
}

impl Family for Fill {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (value_id, y_id) = (site.input_id(1)?, site.output_id(0)?);
        let (value, y) = (site.input(1)?, site.output(0)?);
        if value.dtype != y.dtype {
            return Err(site.unsupported_types("a value of the output's type"));
        }
        if value.elements() != 1 {
            return Err(site
                .tensor_error(value_id, "the value must be a scalar")
                .found(format_args!("{:?}", value.shape)));
        }
        let sizes = site.integers(0, "the sizes")?;
        let shape: Vec<usize> = (sizes.iter())
            .filter_map(|size| usize::try_from(*size).ok())
            .collect();
        site.expect_shape(y_id, &shape)?;
        site.same_quantization(value_id, y_id)?;
        if let Some(bytes) = &value.data {
            let pattern = pad::pattern(bytes);
            let y = choosing.activation(y_id)?.as_bytes();
            choosing.call(kernels::Fill { pattern }, [y]);
            return Ok(());
        }
        let y = choosing.activation(y_id)?;
        pad::everywhere(choosing, value_id, y)
    }
}
