//! Kernels for processors with the DSP extension, over the loops of [`armv7em`](crate::arch::armv7em): int8, and int16 with weights of int8, whose outputs
//! are those of the portable kernels to the bit.
//!
//! Weights are packed with all that belongs to them: bias, and the constants of the requantisation. Pixels are walked in pairs, and a pair's
//! inputs are widened to 16 bits before its first output is written, so that an output may overwrite the input.

mod conv;
mod depthwise;
#[cfg(feature = "host")]
mod host;
mod lstm;
mod matrix;
mod pool;
mod small;
mod window;

use core::cell::Cell;

use super::parameters;
use crate::arch::armv7em::Value;

pub use conv::{DspConv2d, DspConv2dSizes};
pub use depthwise::DspDepthwiseConv2d;
pub use lstm::DspLstm;
pub use matrix::{DspFullyConnected, DspPointwise, DspWideFullyConnected};
pub use pool::{DspAveragePool2d, DspMaxPool2d};
pub use small::{DspSmall, DspSmallClamped, DspSmallRow};
pub use window::DspWindowConv2d;

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
    fn clamp<Y: Value>(&self, y: &[Cell<Y>]) {
        let [least, greatest] = Y::RANGE;
        if self.min > least || self.max < greatest {
            for y in y {
                let value: i32 = y.get().into();
                y.set(Y::of(value.min(self.max).max(self.min)));
            }
        }
    }
}
