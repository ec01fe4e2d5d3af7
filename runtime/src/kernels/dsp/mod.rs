//! Kernels for processors with the DSP extension, over the loops of [`armv7em`](crate::arch::armv7em): int8, whose outputs are those of the portable
//! kernels to the bit.
//!
//! Weights are packed with all that belongs to them: bias, and the constants of the requantisation. Pixels are walked in pairs, and a pair's
//! inputs are widened to 16 bits before its first output is written, so that an output may overwrite the input.

mod conv;
mod depthwise;
#[cfg(feature = "host")]
mod host;
mod lstm;
mod matrix;

use core::cell::Cell;

use super::parameters;

pub use conv::{DspConv2d, DspConv2dSizes};
pub use depthwise::DspDepthwiseConv2d;
pub use lstm::DspLstm;
pub use matrix::{DspFullyConnected, DspPointwise, DspWideFullyConnected};

parameters! {
    /// Outputs of a pixel.
    pub struct DspOutput {
        /// How many.
        pub channels: usize,
        /// Least output value, by type and activation.
        pub min: i32,
        /// Greatest output value, by type and activation.
        pub max: i32,
    }
}

impl DspOutput {
    /// What the type's range does not do.
    #[inline(always)]
    fn clamp(&self, y: &[Cell<i8>]) {
        if self.min > -128 || self.max < 127 {
            for y in y {
                y.set(i32::from(y.get()).min(self.max).max(self.min) as i8);
            }
        }
    }
}
