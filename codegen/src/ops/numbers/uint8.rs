//! uint8 by uint8, with one scale for all weights: networks of old converters.

use castiron_runtime::kernels::Uint8;

use super::{Format, Product};
use crate::error::Diagnostic;
use crate::graph::DType;
use crate::ops::{Site, quantize};
use crate::program::{Argument, Choosing};

impl Format for Uint8 {
    const TYPES: &'static str = "uint8";

    fn takes(types: [DType; 3]) -> bool {
        types == [DType::Uint8; 3]
    }

    fn weights(site: &Site<'_>) -> Result<Vec<u8>, Diagnostic> {
        site.constant(1, "weights").map(<[u8]>::to_vec)
    }

    fn of(
        product: &Product<'_>,
        weights: &[u8],
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
    ) -> Result<(Self, Vec<Argument>), Diagnostic> {
        let y_id = site.output_id(0)?;
        let (x_scale, in_zero_point) = site.per_tensor(site.input_id(0)?)?;
        let (w_scale, weight_zero_point) = site.per_tensor(site.input_id(1)?)?;
        let (y_scale, out_zero_point) = site.per_tensor(y_id)?;
        let (min, max) = site.integer_range(product.activation, y_id)?;
        // The product is one of single precision in TensorFlow, for this type.
        let factor = f64::from(x_scale * w_scale) / f64::from(y_scale);
        let (multiplier, shift) = quantize::requantization(site, factor)?;
        let bias = match site.optional_input(2) {
            Some(_) => {
                let bias = site.constant_i32(2, "the bias")?;
                product.expect_biases(site, bias.len())?;
                bias
            }
            None => vec![0; product.channels],
        };
        let per_channel = weights.len() / product.channels.max(1);
        let folded: Vec<i32> = (bias.iter().enumerate())
            .map(|(channel, bias)| {
                let weight =
                    |i| i32::from(weights[(product.index)(channel, i)]) - weight_zero_point;
                let sum = (0..per_channel).map(weight).fold(0, i32::wrapping_add);
                bias.wrapping_sub(in_zero_point.wrapping_mul(sum))
            })
            .collect();
        let plain = match product.pads {
            true => &bias[..],
            false => &[],
        };
        let constants = vec![choosing.constant(&folded), choosing.constant(plain)];
        let uint8 = Self {
            in_zero_point,
            weight_zero_point,
            multiplier,
            shift: shift.into(),
            out_zero_point,
            min,
            max,
        };
        Ok((uint8, constants))
    }
}
