//! Requantisation of sums of products: `input scale × weight scale / output scale` by channel; and biases.

use super::Product;
use crate::error::Diagnostic;
use crate::ops::{Site, quantize};

/// How the product of input and weight scale is rounded before it is divided by the output's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum ScalePrecision {
    /// In double precision.
    Double,
    /// In single precision where the weights have one scale: TensorFlow Lite does so for
    /// FULLY_CONNECTED, and it shows in the last bit of the multiplier.
    SingleForOneScale,
}

impl Product<'_> {
    /// Multipliers and shifts: one per output channel, or one for all.
    pub(super) fn factors(&self, site: &Site<'_>) -> Result<(Vec<i32>, Vec<i8>), Diagnostic> {
        let (x_scale, _) = site.per_tensor(site.input_id(0)?)?;
        let (y_scale, _) = site.per_tensor(site.output_id(0)?)?;
        let weights = self.weight_scales(site)?;
        let single = self.precision == ScalePrecision::SingleForOneScale && weights.len() == 1;
        let product = |w_scale: f32| match single {
            true => f64::from(x_scale * w_scale),
            false => f64::from(x_scale) * f64::from(w_scale),
        };
        let factors = weights
            .iter()
            .map(|w_scale| product(*w_scale) / f64::from(y_scale));
        let factors: Result<Vec<_>, _> =
            factors.map(|f| quantize::requantization(site, f)).collect();
        Ok(factors?.into_iter().unzip())
    }

    /// The weights' scales: one per output channel, or one for all.
    pub(super) fn weight_scales<'s>(&self, site: &Site<'s>) -> Result<&'s [f32], Diagnostic> {
        let w_id = site.input_id(1)?;
        let scales = &site.quantization(w_id)?.scale;
        if scales.len() != 1 && scales.len() != self.channels {
            return Err(site
                .tensor_error(w_id, "the weights do not have one scale per output channel")
                .expected(self.channels)
                .found(scales.len()));
        }
        Ok(scales)
    }

    /// Checks that the bias, which is there, has one value per output channel.
    pub(super) fn expect_biases(&self, site: &Site<'_>, biases: usize) -> Result<(), Diagnostic> {
        if biases == self.channels {
            return Ok(());
        }
        Err(site
            .tensor_error(
                site.input_id(2)?,
                "the bias does not have one value per output channel",
            )
            .expected(self.channels)
            .found(biases))
    }
}
