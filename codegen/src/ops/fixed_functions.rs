//! The logistic function and tanh in 32-bit fixed point, as the integer kernels of TensorFlow
//! Lite compute them.
//!
//! A model's stored bytes depend on every rounding on the way, so each step is gemmlowp's: e^x by
//! a polynomial on (−¼, 0] and a product of tabulated powers, the quotient by three steps of
//! Newton and Raphson from 48/17 − 32/17·d. They run at build time only, to fill tables.
//!
//! `Qn` is a value of `n` integer bits: real value = raw × 2^(n − 31).

use castiron_runtime::fixed::{doubling_high_mul as mul, rounding_shift_right};

/// 1 in Q0, as near as it gets.
const ONE: i32 = i32::MAX;

/// 1 / (1 + e^−x) in Q0, of x in Q4.
pub(super) fn logistic(x: i32) -> i32 {
    if x == 0 {
        return 1 << 30;
    }
    let of_magnitude = logistic_of_positive(x.saturating_abs());
    if x > 0 {
        of_magnitude
    } else {
        ONE - of_magnitude
    }
}

/// tanh x in Q0, of x in Q4.
pub(super) fn tanh(x: i32) -> i32 {
    if x == 0 {
        return 0;
    }
    // e^−2|x|: the same bits are −2|x| in Q5.
    let e = exp_of_negative(-x.saturating_abs(), 5);
    // (1 − e) / (1 + e) = 2 / (1 + e) − 1, and the reciprocal comes doubled, in Q2.
    let of_magnitude = shift_left_saturating(reciprocal_of_half_sum(e).wrapping_sub(1 << 29), 2);
    if x > 0 { of_magnitude } else { -of_magnitude }
}

/// Of x > 0.
fn logistic_of_positive(x: i32) -> i32 {
    let doubled = reciprocal_of_half_sum(exp_of_negative(-x, 4));
    // Halving is free: the same bits in Q1.
    shift_left_saturating(doubled, 1)
}

/// 1 / ((1 + a) / 2) in Q2, of a in Q0 in 0..=1.
fn reciprocal_of_half_sum(a: i32) -> i32 {
    const TIMES_48_17: i32 = 1_515_870_810;
    const TIMES_32_17: i32 = 1_010_580_540;
    const ONE_Q2: i32 = 1 << 29;
    let sum = i64::from(a) + i64::from(ONE);
    let half = ((sum + 1) / 2) as i32;
    let mut x = TIMES_48_17 + mul(half, -TIMES_32_17);
    for _ in 0..3 {
        let error = ONE_Q2 - mul(half, x);
        x += shift_left_saturating(mul(x, error), 2);
    }
    x
}

/// e^x in Q0, of x ≤ 0 with `integer_bits` of at most 5.
fn exp_of_negative(x: i32, integer_bits: u32) -> i32 {
    /// e^−2^k for k = −2, −1, …
    const POWERS: [i32; 7] = [
        1_672_461_947,
        1_302_514_674,
        790_015_084,
        290_630_308,
        39_332_535,
        720_401,
        242,
    ];
    if x == 0 {
        return ONE;
    }
    let quarter_bit = 31 - integer_bits - 2;
    let quarter = 1 << quarter_bit;
    // x = fraction − remainder, with fraction in −¼..0 and remainder a multiple of ¼.
    let fraction = (x & (quarter - 1)) - quarter;
    let remainder = fraction.wrapping_sub(x);
    let start = exp_of_small(shift_left_saturating(fraction, integer_bits));
    POWERS
        .iter()
        .zip(quarter_bit..31)
        .filter(|(_, bit)| remainder & (1 << bit) != 0)
        .fold(start, |product, (power, _)| mul(product, *power))
}

/// e^x in Q0, of x in Q0 in −¼..0, by the Taylor series at −⅛.
fn exp_of_small(x: i32) -> i32 {
    const EXP_MINUS_EIGHTH: i32 = 1_895_147_668;
    const THIRD: i32 = 715_827_883;
    let x = x + (1 << 28);
    let x2 = mul(x, x);
    let x3 = mul(x2, x);
    let x4 = mul(x2, x2);
    // x²/2 + x³/6 + x⁴/24 = ((x⁴/4 + x³)/3 + x²)/2
    let tail = mul(rounding_shift_right(x4, 2) + x3, THIRD) + x2;
    EXP_MINUS_EIGHTH + mul(EXP_MINUS_EIGHTH, x + rounding_shift_right(tail, 1))
}

fn shift_left_saturating(x: i32, by: u32) -> i32 {
    let wide = i64::from(x) << by;
    wide.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO_REAL: f64 = 1.0 / (1u32 << 31) as f64;

    #[test]
    fn functions_are_near_their_definitions() {
        for i in -1000..=1000 {
            let real = f64::from(i) * 0.0159;
            let q4 = (real * f64::from(1 << 27)) as i32;
            let logistic = f64::from(logistic(q4)) * TO_REAL;
            let tanh = f64::from(tanh(q4)) * TO_REAL;
            assert!(
                (logistic - 1.0 / (1.0 + (-real).exp())).abs() < 3e-7,
                "{real}"
            );
            assert!((tanh - real.tanh()).abs() < 3e-7, "{real}");
        }
    }

    #[test]
    fn extremes_saturate() {
        assert_eq!(tanh(0), 0);
        assert_eq!(logistic(0), 1 << 30);
        assert!(logistic(i32::MIN) < 1 << 10 && logistic(i32::MAX) > ONE - (1 << 10));
        assert!(tanh(i32::MIN) < -ONE + (1 << 10) && tanh(i32::MAX) > ONE - (1 << 10));
    }
}
