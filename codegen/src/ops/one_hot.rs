//! ONE_HOT of values of any type.

use castiron_runtime::kernels;

use super::gather::indices_of;
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::program::Choosing;

pub(super) struct OneHot;

impl Family for OneHot {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (indices, y) = (&site.input(0)?.shape, site.output(0)?);
        let depth = site.integers(1, "the number of places")?;
        let Some(depth) = depth.first().and_then(|n| usize::try_from(*n).ok()) else {
            return Err(site
                .tensor_error(
                    site.input_id(1)?,
                    "the number of places must not be negative",
                )
                .found(format_args!("{depth:?}")));
        };
        let axis = site.axis(site.options().integer("axis"), indices.len() + 1)?;
        let mut shape = indices.clone();
        shape.insert(axis, depth);
        let y_id = site.output_id(0)?;
        site.expect_shape(y_id, &shape)?;
        let mut values = Vec::new();
        for position in [2, 3] {
            let (id, value) = (site.input_id(position)?, site.input(position)?);
            if value.dtype != y.dtype {
                return Err(site.unsupported_types("values of the output's type"));
            }
            if value.elements() != 1 {
                return Err(site
                    .tensor_error(id, "the value must be a scalar")
                    .found(format_args!("{:?}", value.shape)));
            }
            values.push(choosing.tensor(id)?.as_bytes());
        }
        let y = choosing.activation(y_id)?;
        let kernel = kernels::OneHot {
            depth,
            row: indices[axis..].iter().product(),
            element: y.element.bytes(),
        };
        let indices = indices_of(site, choosing, site.input_id(0)?)?;
        values.insert(0, indices);
        values.push(y.as_bytes());
        choosing.call(kernel, values);
        Ok(())
    }
}
