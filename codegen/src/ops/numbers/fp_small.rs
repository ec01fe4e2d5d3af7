//! The kernel of float32 with the least code, for `optimize = "size"` on processors with the floating-point extension.

use castiron_runtime::kernels::{DepthwiseConv2dSizes, VmlaSmall, VmlaSmallHalves};

use super::{Product, Sizes, float};
use crate::error::Diagnostic;
use crate::ops::{Site, depthwise};
use crate::program::Choosing;

/// Weights in the file's order, as they are stored.
pub(super) enum Weights<'a> {
    Floats(&'a [f32]),
    /// The bits of finite float16.
    Halves(&'a [u16]),
}

/// Adds the call, and says whether there is one for the operator.
pub(super) fn choose(
    product: &Product<'_>,
    sizes: &impl Sizes,
    weights: &Weights<'_>,
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
) -> Result<bool, Diagnostic> {
    let Some(plain) = sizes.plain() else {
        return Ok(false);
    };
    let mut w = plain.window;
    let depthwise = match (plain.group_in, plain.group_out) {
        (inputs, outputs) if (inputs, outputs) == (w.in_c, w.out_c) => false,
        (1, 1) => true,
        _ => return Ok(false),
    };
    let sizes = [w.in_h, w.in_w, w.out_h, w.out_w, w.filter_h, w.filter_w];
    if sizes == [1; 6] && [w.pad_top, w.pad_left] == [0; 2] {
        // Rows of a matrix, and images of a pixel, are pixels side by side.
        (w.batches, w.in_w, w.out_w, w.stride_w) = (1, w.batches, w.batches, 1);
    }
    let numbers = site.float_range(product.activation)?;
    let Some(small) = VmlaSmall::of(&w, depthwise, numbers) else {
        return Ok(false);
    };
    let bias = float::bias(product, site)?;
    let start = |channel: usize| bias.get(channel).copied().unwrap_or(0.0);
    let packed = match weights {
        Weights::Floats(weights) => small.pack(start, |c, i| weights[(product.index)(c, i)]),
        Weights::Halves(weights) => small.pack(start, |c, i| weights[(product.index)(c, i)]),
    };
    let x = choosing.activation(site.input_id(0)?)?;
    let y = choosing.activation(site.output_id(0)?)?;
    if depthwise {
        let sizes = DepthwiseConv2dSizes {
            window: w,
            multiplier: 1,
        };
        depthwise::overlap(&sizes, [x, y], choosing);
    }
    let packed = choosing.constant(&packed);
    match weights {
        Weights::Floats(_) => choosing.call(small, [x, packed, y]),
        Weights::Halves(_) => choosing.call(VmlaSmallHalves { small }, [x, packed, y]),
    }
    Ok(true)
}
