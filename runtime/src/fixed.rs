//! Fixed-point arithmetic as gemmlowp defines it and TensorFlow Lite Micro computes it.
//!
//! Every function is exact, including the rounding of ties: integer models have to give the
//! same bits here as there.

/// `round(a × b / 2³¹)`, ties towards +∞, saturating in the one case that overflows
/// (`a = b = i32::MIN`).
#[inline(always)]
#[must_use]
pub const fn doubling_high_mul(a: i32, b: i32) -> i32 {
    if a == i32::MIN && b == i32::MIN {
        return i32::MAX;
    }
    high_mul(a, b)
}

/// [`doubling_high_mul`] for factors of which one is known not to be `i32::MIN`.
#[inline(always)]
const fn high_mul(a: i32, b: i32) -> i32 {
    // gemmlowp adds a nudge that depends on the sign and divides towards zero; this is the same
    // for every product, in three instructions.
    ((a as i64 * b as i64 + (1 << 30)) >> 31) as i32
}

/// `round(x / 2^exponent)`, ties away from zero; `exponent` in 0..=31.
#[inline(always)]
#[must_use]
pub const fn rounding_shift_right(x: i32, exponent: u32) -> i32 {
    let mask = (1u32.wrapping_shl(exponent)).wrapping_sub(1) as i32;
    let threshold = (mask >> 1) + (x < 0) as i32;
    x.wrapping_shr(exponent) + ((x & mask) > threshold) as i32
}

/// `x × multiplier × 2^(shift − 31)` with gemmlowp's two roundings;
/// `multiplier` in 0..=i32::MAX, `shift` in −31..=30.
#[inline(always)]
#[must_use]
pub const fn requantize(x: i32, multiplier: i32, shift: i32) -> i32 {
    if shift > 0 {
        high_mul(x.wrapping_shl(shift as u32), multiplier)
    } else {
        rounding_shift_right(high_mul(x, multiplier), shift.wrapping_neg() as u32)
    }
}
