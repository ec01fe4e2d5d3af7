//! float32 by float32.

use castiron_runtime::kernels::Float;

use super::{Call, Format, Product, Sizes, call_portable};
use crate::error::Diagnostic;
use crate::graph::DType;
use crate::ops::Site;
use crate::program::{Argument, Choosing};
use crate::target::{Optimize, Target};

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

    fn call(_: DType, call: Call<'_, Self>, sizes: &impl Sizes, choosing: &mut Choosing<'_>) {
        let Target { isa, optimize } = choosing.target();
        match isa.has_fp() && optimize != Optimize::Size {
            true => sizes.call_fp(call, choosing),
            false => call_portable(call, sizes, choosing),
        }
    }
}

/// The biases; none of an operator without. A bias of −0 is one of 0: no sum is then −0, which kernels bound differently.
pub(super) fn bias(product: &Product<'_>, site: &Site<'_>) -> Result<Vec<f32>, Diagnostic> {
    if site.optional_input(2).is_none() {
        return Ok(Vec::new());
    }
    let mut bias = site.constant_f32(2, "the bias")?;
    product.expect_biases(site, bias.len())?;
    for bias in &mut bias {
        *bias += 0.0;
    }
    Ok(bias)
}
