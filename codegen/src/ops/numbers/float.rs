//! float32 by float32.

use castiron_runtime::kernels::Float;

use super::{Format, Product};
use crate::error::Diagnostic;
use crate::graph::DType;
use crate::ops::Site;
use crate::program::{Argument, Choosing};

impl Format for Float {
    const TYPES: &'static str = "float32";

    fn takes(types: [DType; 3]) -> bool {
        types == [DType::Float32; 3]
    }

    fn weights(site: &Site<'_>) -> Result<Vec<f32>, Diagnostic> {
        site.constant_f32(1, "weights")
    }

    fn of(
        product: &Product<'_>,
        _: &[f32],
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
    ) -> Result<(Self, Vec<Argument>), Diagnostic> {
        let float = site.float_range(product.activation)?;
        let bias = bias(product, site)?;
        Ok((float, vec![choosing.constant(&bias)]))
    }
}

/// The biases; none of an operator without.
pub(super) fn bias(product: &Product<'_>, site: &Site<'_>) -> Result<Vec<f32>, Diagnostic> {
    if site.optional_input(2).is_none() {
        return Ok(Vec::new());
    }
    let bias = site.constant_f32(2, "the bias")?;
    product.expect_biases(site, bias.len())?;
    Ok(bias)
}
