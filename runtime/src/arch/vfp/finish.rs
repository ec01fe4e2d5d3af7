//! What the loops make of sums, in Rust.

use super::bounds;
use crate::kernels::Float;

/// Outputs of sums that are computed together.
pub(super) fn finish<const SUMS: usize>(
    sums: [f32; SUMS],
    bounds: usize,
    min: f32,
    max: f32,
) -> [f32; SUMS] {
    let (first, second) = sums.split_at(SUMS / 2);
    let products = first.iter().zip(second).map(|(a, b)| a * b);
    let is_finite = products.fold(0.0, |sum, product| sum + product).is_finite();
    if !is_finite || bounds == bounds::OTHER {
        return sums.map(|sum| Float { min, max }.clamp(sum));
    }
    let as_integer = |sum: f32| sum.to_bits() as i32;
    sums.map(|sum| match bounds {
        bounds::NONE => sum,
        bounds::ZERO => f32::from_bits(as_integer(sum).max(0) as u32),
        _ => f32::from_bits(as_integer(sum).clamp(0, as_integer(max)) as u32),
    })
}
