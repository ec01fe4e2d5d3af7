//! Kernels for processors that multiply single numbers alone, over the loops of [`swar`](crate::arch::swar): int8, whose outputs are those of the portable
//! kernels to the bit.
//!
//! Inputs of several windows are packed once into words, which meet the weights of all channels then. Where windows are no multiple of what is
//! computed at once, the last ones are computed twice.

mod conv;
mod depthwise;
#[cfg(feature = "host")]
mod host;
mod row;

use core::cell::Cell;

use super::parameters;

pub use conv::{SwarConv2d, SwarPointwise};
pub use depthwise::{ScalarDepthwise, ScalarDepthwiseConv2d};
#[cfg(feature = "host")]
pub use host::AnyScalarDepthwise;
pub use row::{ScalarFullyConnected, ScalarRows};

parameters! {
    /// Outputs of a pixel.
    pub struct SwarOutput {
        /// How many.
        pub channels: usize,
        /// Bits of the last shift of a sum.
        pub shift: u32,
        /// Bits of a digit of factors, where there are digits.
        pub fine: u32,
        /// Least output value, by type and activation.
        pub min: i32,
        /// Greatest output value, by type and activation.
        pub max: i32,
    }
}

impl SwarOutput {
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
