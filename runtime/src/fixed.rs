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

/// [`requantize`] of a value below 2³⁰ in magnitude, for `shift` ≤ 0: takes the value doubled and
/// the shift negated.
///
/// With the spare bit, the high product is one instruction on processors that have a rounding
/// one (SMMULR), and the rounding shift needs no comparison. `x2` may be −2³¹ too; the sum of the
/// product's magnitude and half a step, 2^(shift − 1), has to be below 2³¹, which holds whenever
/// `shift` is below 31 or `x2` below 2³⁰.
#[inline(always)]
#[must_use]
pub const fn requantize_doubled(x2: i32, multiplier: i32, shift: u32) -> i32 {
    let high = ((x2 as i64 * multiplier as i64 + (1 << 31)) >> 32) as i32;
    // Half a step less one for negative values: ties go away from zero. Without a shift there
    // are no ties.
    let half = 1i32.wrapping_shl(shift) as u32 >> 1;
    let negative = (high >> 31) & ((shift != 0) as i32).wrapping_neg();
    high.wrapping_add(negative)
        .wrapping_add(half as i32)
        .wrapping_shr(shift)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition in words: halves away from zero for the shift, towards +∞ for the product.
    fn literal(x: i32, multiplier: i32, right: u32) -> i64 {
        let product = i128::from(x) * i128::from(multiplier);
        let high = (product + (1 << 30)).div_euclid(1 << 31) as i64;
        let step = 1i64 << right;
        let magnitude = (high.abs() + step / 2) / step;
        magnitude * high.signum()
    }

    proptest! {
        #[test]
        fn requantising_rounds_twice(
            x in -(1i32 << 30)..(1 << 30), multiplier in 1i32 << 30..=i32::MAX, right in 0u32..31,
        ) {
            let expected = literal(x, multiplier, right);
            prop_assert_eq!(i64::from(requantize(x, multiplier, -(right as i32))), expected);
            prop_assert_eq!(i64::from(requantize_doubled(2 * x, multiplier, right)), expected);
        }
    }

    #[test]
    fn ties_go_away_from_zero() {
        for (x, expected) in [(3, 2), (-3, -2), (1, 1), (-1, -1), (2, 1), (-2, -1), (0, 0)] {
            assert_eq!(rounding_shift_right(x, 1), expected);
            assert_eq!(requantize_doubled(4 * x, 1 << 30, 1), expected, "{x}");
        }
    }
}
