use castiron_runtime::fixed::*;
use proptest::prelude::*;

/// gemmlowp's definition: a nudge by sign, a division that truncates, saturation.
fn doubling_high_mul_by_division(a: i32, b: i32) -> i32 {
    if a == b && a == i32::MIN {
        return i32::MAX;
    }
    let product = i64::from(a) * i64::from(b);
    let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
    ((product + nudge) / (1 << 31)) as i32
}

/// The definition, by arithmetic that does not overflow.
fn requantize_wide_by_division(x: i64, multiplier: i32, shift: i32) -> i32 {
    let reduced = ((i64::from(multiplier) + (1 << 15)) >> 16).min(0x7fff);
    let one = 1i128 << (15 - shift);
    let product = i128::from(x) * i128::from(reduced);
    (product + one / 2).div_euclid(one) as i32
}

/// Ties away from zero, by real arithmetic that is exact for these sizes.
fn rounding_shift_by_division(x: i32, exponent: u32) -> i32 {
    (f64::from(x) / f64::from(exponent).exp2()).round() as i32
}

proptest! {
    #![proptest_config(crate::testing::cases(256))]

    #[test]
    fn high_mul_is_gemmlowps(a: i32, b: i32) {
        prop_assert_eq!(doubling_high_mul(a, b), doubling_high_mul_by_division(a, b));
    }

    #[test]
    fn shift_is_gemmlowps(x: i32, exponent in 0u32..=31) {
        prop_assert_eq!(rounding_shift_right(x, exponent), rounding_shift_by_division(x, exponent));
    }

    #[test]
    fn wide_sums_are_requantized(x in -(1i64 << 47)..1 << 47, m in 0..=i32::MAX, shift in -31..=7) {
        prop_assert_eq!(requantize_wide(x, m, shift), requantize_wide_by_division(x, m, shift));
    }

    #[test]
    fn small_values_take_the_short_way(x in -(1 << 20)..1 << 20, m in 0..i32::MAX, shift in -31..=9) {
        prop_assert_eq!(Factor::new(m, shift).apply(x), requantize(x, m, shift));
    }

    #[test]
    fn large_values_take_the_short_way(x in -(1 << 30) + 1..1 << 30, m in 0..i32::MAX, shift in -31..=0) {
        let expected = requantize(x, m, shift);
        prop_assert_eq!(Factor::new(m, shift).apply(x), expected);
        prop_assert_eq!(Factor::new(m, shift).apply_doubled(2 * x), expected);
        if shift < 0 {
            prop_assert_eq!(Factor::new(m, shift).apply_doubled_right(2 * x), expected);
        }
    }

    #[test]
    fn scaling_down_takes_a_shorter_way(
        x in -(1 << 30) + 1..1 << 30, m in 0..i32::MAX, shift in -22..=-1, zero_point in -128..=255
    ) {
        let expected = requantize(x, m, shift) + zero_point;
        prop_assert_eq!(Downscale::new(m, shift, zero_point).apply(x), expected);
    }
}

#[test]
fn ties() {
    assert_eq!(requantize_wide(-3, 1 << 30, 0), -1);
    assert_eq!(requantize_wide(3, 1 << 30, 0), 2);
    assert_eq!(rounding_shift_right(-3, 1), -2);
    assert_eq!(rounding_shift_right(3, 1), 2);
    assert_eq!(rounding_shift_right(i32::MIN, 31), -1);
    assert_eq!(doubling_high_mul(i32::MIN, i32::MIN), i32::MAX);
}
