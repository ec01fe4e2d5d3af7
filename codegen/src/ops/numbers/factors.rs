//! Requantisation of sums of products: `input scale × weight scale / output scale` by channel; and biases.

use super::Product;
use crate::error::Diagnostic;
use crate::graph::TensorId;
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
        let w_id: TensorId = site.input_id(1)?;
        let (x_scale, _) = site.per_tensor(site.input_id(0)?)?;
        let (y_scale, _) = site.per_tensor(site.output_id(0)?)?;
        let weights = site.quantization(w_id)?;
        if weights.scale.len() != 1 && weights.scale.len() != self.channels {
            return Err(site
                .tensor_error(w_id, "the weights do not have one scale per output channel")
                .expected(self.channels)
                .found(weights.scale.len()));
        }
        let single =
            self.precision == ScalePrecision::SingleForOneScale && weights.scale.len() == 1;
        let product = |w_scale: f32| match single {
            true => f64::from(x_scale * w_scale),
            false => f64::from(x_scale) * f64::from(w_scale),
        };
        let factors = weights
            .scale
            .iter()
            .map(|w_scale| product(*w_scale) / f64::from(y_scale));
        let factors: Result<Vec<_>, _> =
            factors.map(|f| quantize::requantization(site, f)).collect();
        Ok(factors?.into_iter().unzip())
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
