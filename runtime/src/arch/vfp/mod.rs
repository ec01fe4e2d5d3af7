//! Inner loops for Arm's floating-point extension of single precision, as Cortex-M4, M7 and M33 have it.
//!
//! On such a processor they are assembly: no compiler keeps sums, inputs and weights in all 32 registers and loads them several at a time.
//! Elsewhere a twin computes the same on the same operands. Each output has one sum, to which products are added in the order of the portable
//! kernels; VMLA rounds a product and then the sum, as `sum + x * w` does, so that results are the portable kernels' to the bit. VFMA would round
//! once.
//!
//! # Bounds
//!
//! Finite numbers are compared as integers: those of a negative number are negative, and a greater positive number has a greater one. Sums that
//! begin with a bias other than −0 never become −0, which has the least integer of all. Where a sum is not finite, outputs are compared as
//! [`Float`](crate::kernels::Float) does it; whether there is one shows in the sum of products of two sums each.
//!
//! The functions are generic, so that they are assembled only where a model needs them: other Arm processors share this code.

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod assembly;
mod depthwise;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod finish;
mod greatest;
mod product;
mod small;

pub use depthwise::{CHANNELS, Depthwise};
pub use greatest::Greatest;
pub use product::{Product, row};
pub use small::{SmallWeight, Windows};

/// What becomes of sums that are finite, as the loops are told.
mod bounds {
    /// They are the outputs.
    pub(super) const NONE: usize = 0;
    /// No output is below 0.
    pub(super) const ZERO: usize = 1;
    /// Nor above the greatest.
    pub(super) const ZERO_TO: usize = 2;
    /// Others, which are not compared as integers.
    pub(super) const OTHER: usize = 3;

    /// That of a range.
    #[inline(always)]
    pub(super) fn of(min: f32, max: f32) -> usize {
        let is_zero = min.to_bits() == 0;
        match max {
            f32::MAX if is_zero => ZERO,
            f32::MAX if min == f32::MIN => NONE,
            0.0.. if is_zero => ZERO_TO,
            _ => OTHER,
        }
    }
}
