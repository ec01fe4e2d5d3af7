//! What the loops make of sums, in Rust.

use super::bounds;
use crate::kernels::Float;

/// Outputs of sums that are computed together.
pub(super) fn finish<const N: usize, const CHANNELS: usize>(
    sums: [[f32; CHANNELS]; N],
    bounds: usize,
    min: f32,
    max: f32,
) -> [[f32; CHANNELS]; N] {
    let as_integer = |sum: f32| sum.to_bits() as i32;
    let is_finite = sums.as_flattened().iter().all(|sum| sum.is_finite());
    let output = |sum: f32| match bounds {
        _ if !is_finite || bounds == bounds::OTHER => Float { min, max }.clamp(sum),
        bounds::NONE => sum,
        bounds::ZERO => f32::from_bits(as_integer(sum).max(0) as u32),
        _ => f32::from_bits(as_integer(sum).max(0).min(as_integer(max)) as u32),
    };
    sums.map(|sums| sums.map(output))
}
