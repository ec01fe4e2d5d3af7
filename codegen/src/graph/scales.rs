//! What quantised kernels can do with the scales that they are given.

/// Whether a multiplier is one that shifts to the right only, which is all that some kernels have: positive, and below 1 by more than
/// the rounding to 31 bits.
pub fn is_below_one(multiplier: f64) -> bool {
    multiplier > 0.0 && multiplier < 1.0 - 1.0 / (1_u64 << 32) as f64
}

/// Whether kernels of sums can bring values of two scales to a third: they add with so many bits to spare, relative to twice the larger
/// scale, and shift the sum to the right.
pub fn sum_fits(first: f32, second: f32, output: f32, spare: u32) -> bool {
    let twice = 2.0 * f64::from(first.max(second));
    is_below_one(twice / ((1_u64 << spare) as f64 * f64::from(output)))
}
