//! int8 by int8 for processors that multiply to 64 bits, where one multiplication is proven to requantise.

use castiron_runtime::kernels::{AnyEpilogue, Int8, Int8Short};

use super::dsp::requantize::{Channel, Constants, Output, Requantization};
use super::int8::Quantized;
use super::{Call, Format, Product, Sizes, call_int8};
use crate::error::Diagnostic;
use crate::ops::Site;
use crate::program::Choosing;

/// Adds the call of a kernel; says whether there is a proof.
pub(super) fn choose(
    product: &Product<'_>,
    sizes: &impl Sizes,
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
) -> Result<bool, Diagnostic> {
    let weights = Int8::weights(site)?;
    let quantized = Quantized::of(product, &weights, site)?;
    let weight = |channel: usize, i: usize| weights[(product.index)(channel, i)];
    let inputs = weights.len() / product.channels.max(1);
    let channels = Channel::all(&quantized, inputs, &weight);
    let output = Output {
        zero_point: quantized.out_zero_point,
        min: quantized.min,
        max: quantized.max,
    };
    let Some(requantization) = Requantization::subtracting(&channels, output) else {
        return Ok(false);
    };
    let shift = match requantization.epilogue {
        AnyEpilogue::Short(shift) | AnyEpilogue::Signed(shift) => shift,
        _ => return Ok(false),
    };
    let word = |channel: &Constants, i: usize| channel.words.get(i).copied().unwrap_or(0);
    let channels = requantization.channels.iter();
    let factors = once(channels.clone().map(|channel| [word(channel, 0)]));
    let offsets = once(channels.map(|channel| [word(channel, 1), word(channel, 2)]));
    let plain = match product.pads {
        true => &quantized.bias[..],
        false => &[],
    };
    let (x, y) = (
        choosing.activation(site.input_id(0)?)?,
        choosing.activation(site.output_id(0)?)?,
    );
    let call = Call {
        numbers: Int8Short {
            in_zero_point: quantized.in_zero_point,
            shift,
            min: quantized.min,
            max: quantized.max,
        },
        weight: &weight,
        x,
        constants: vec![
            choosing.constant(&quantized.folded),
            choosing.constant(plain),
            choosing.constant(&factors),
            choosing.constant(&offsets),
        ],
        y,
    };
    call_int8(call, sizes, choosing);
    Ok(true)
}

/// Words of each channel; once, where all have the same.
fn once<const N: usize>(channels: impl Iterator<Item = [i32; N]>) -> Vec<i32> {
    let channels: Vec<[i32; N]> = channels.collect();
    match channels.first() {
        Some(first) if channels.iter().all(|channel| channel == first) => first.to_vec(),
        _ => channels.concat(),
    }
}
