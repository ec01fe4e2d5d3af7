//! float32 by float32 of weights that the file has as int8 or int4, in front of them a DEQUANTIZE: they stay int8 in flash,
//! and the results are those of float32 weights to the bit.

use castiron_runtime::kernels::Float32x8;

use super::{Call, Product, Sizes, call_portable, float};
use crate::error::Diagnostic;
use crate::graph::{BuiltinOperator, OpKind};
use crate::ops::Site;
use crate::program::Choosing;
use crate::target::Optimize;

/// Weights as they are stored.
pub(super) struct Stored<'a> {
    weights: Vec<i8>,
    scales: &'a [f32],
}

impl<'a> Stored<'a> {
    /// The stored weights, where the kernel takes them and time does not come first: each one becomes a float32 when it
    /// is used, again and again.
    pub(super) fn of(site: &Site<'a>, choosing: &Choosing<'_>) -> Option<Self> {
        if choosing.target().optimize == Optimize::Speed {
            return None;
        }
        let tensor = site.graph.tensor(site.input(1).ok()?.stored?);
        let quantization = tensor.quantization.as_ref()?;
        let channels = match site.operator.kind {
            OpKind::Builtin(BuiltinOperator::DepthwiseConv2d) => Some(3),
            // Its right side has the outputs in the last dimension or in the one before, behind batches.
            OpKind::Builtin(BuiltinOperator::BatchMatmul) => None,
            _ => Some(0),
        };
        let by_channel = quantization.scale.len() == 1 || channels == Some(quantization.dimension);
        let symmetric = quantization.zero_point.iter().all(|zero| *zero == 0);
        (by_channel && symmetric).then_some(Self {
            weights: tensor.as_small_integers()?,
            scales: &quantization.scale,
        })
    }

    /// Adds the call.
    pub(super) fn choose(
        &self,
        product: &Product<'_>,
        sizes: &impl Sizes,
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
    ) -> Result<(), Diagnostic> {
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let range = site.float_range(product.activation)?;
        let bias = float::bias(product, site)?;
        let call = Call {
            numbers: Float32x8 { range },
            weight: &|channel, i| self.weights[(product.index)(channel, i)],
            x: choosing.activation(x_id)?,
            constants: vec![choosing.constant(&bias), choosing.constant(self.scales)],
            y: choosing.activation(y_id)?,
        };
        call_portable(call, sizes, choosing);
        Ok(())
    }
}
