//! float32 by float32 of weights that the file has as int8, int4 or float16, in front of them a DEQUANTIZE: they stay so in flash,
//! and the results are those of float32 weights to the bit.

use castiron_runtime::kernels::{Float32x8, Float32x16};

use super::{Call, Product, Sizes, call_portable, float, fp_small, narrow};
use crate::error::Diagnostic;
use crate::graph::{BuiltinOperator, DType, OpKind, Tensor};
use crate::ops::Site;
use crate::program::Choosing;
use crate::target::Optimize;

/// Weights as they are stored.
pub(super) enum Stored<'a> {
    Bytes {
        weights: Vec<i8>,
        scales: &'a [f32],
        dtype: DType,
    },
    Halves(Vec<u16>),
}

impl<'a> Stored<'a> {
    /// The stored weights, where the kernel takes them and their size is worth the time: each one becomes a float32 when it
    /// is used, again and again. That is quick of int8. Of float16 it takes several instructions, for half of the flash.
    pub(super) fn of(site: &Site<'a>, choosing: &Choosing<'_>) -> Option<Self> {
        let tensor = site.graph.tensor(site.input(1).ok()?.stored?);
        match (tensor.dtype, choosing.target().optimize) {
            (DType::Float16, Optimize::Size) => halves(tensor).map(Self::Halves),
            (DType::Float16, _) | (_, Optimize::Speed) => None,
            _ => Self::bytes(site, tensor),
        }
    }

    fn bytes(site: &Site<'_>, tensor: &'a Tensor) -> Option<Self> {
        let quantization = tensor.quantization.as_ref()?;
        let channels = match site.operator.kind {
            OpKind::Builtin(BuiltinOperator::DepthwiseConv2d) => Some(3),
            // Its right side has the outputs in the last dimension or in the one before, behind batches.
            OpKind::Builtin(BuiltinOperator::BatchMatmul) => None,
            _ => Some(0),
        };
        let by_channel = quantization.scale.len() == 1 || channels == Some(quantization.dimension);
        let symmetric = quantization.zero_point.iter().all(|zero| *zero == 0);
        (by_channel && symmetric).then_some(Self::Bytes {
            weights: tensor.as_small_integers()?,
            scales: &quantization.scale,
            dtype: tensor.dtype,
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
        // Halves stay so where the least code is wanted, which has a kernel of its own.
        if let Self::Halves(weights) = self
            && choosing.target().isa.has_fp()
            && fp_small::choose(
                product,
                sizes,
                &fp_small::Weights::Halves(weights),
                site,
                choosing,
            )?
        {
            return Ok(());
        }
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let range = site.float_range(product.activation)?;
        let bias = choosing.constant(&float::bias(product, site)?);
        let (x, y) = (choosing.activation(x_id)?, choosing.activation(y_id)?);
        match self {
            Self::Bytes {
                weights,
                scales,
                dtype,
            } => {
                let call = Call {
                    numbers: Float32x8 { range },
                    weight: &|channel, i| weights[(product.index)(channel, i)],
                    x,
                    constants: vec![bias, choosing.constant(scales)],
                    y,
                };
                narrow::call(*dtype, call, sizes, choosing);
            }
            Self::Halves(weights) => {
                let call = Call {
                    numbers: Float32x16 { range },
                    weight: &|channel, i| weights[(product.index)(channel, i)],
                    x,
                    constants: vec![bias],
                    y,
                };
                call_portable(call, sizes, choosing);
            }
        }
        Ok(())
    }
}

/// A constant's bits, where all of its numbers are finite.
fn halves(tensor: &Tensor) -> Option<Vec<u16>> {
    let (halves, _) = tensor.data.as_deref()?.as_chunks::<2>();
    let halves: Vec<u16> = halves
        .iter()
        .map(|half| u16::from_le_bytes(*half))
        .collect();
    let is_finite = |half: &u16| half >> 10 & 0x1f != 0x1f;
    halves.iter().all(is_finite).then_some(halves)
}
