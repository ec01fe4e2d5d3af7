//! Functions of fixed-point numbers as gemmlowp computes them: its `fixedpoint.h` gives the
//! formulas, TensorFlow Lite's `common.h` those of [`reciprocal`].
//!
//! Numbers are `i32` with some integer bits: with `n` of them, `raw` stands for
//! raw / 2^(31 − n). Results of no integer bits hold 1 as `i32::MAX`.

use crate::fixed::{doubling_high_mul as mul, rounding_shift_right};

/// `x × 2^exponent`, saturating.
#[inline(always)]
const fn saturating_shl(x: i32, exponent: u32) -> i32 {
    let wide = (x as i64) << exponent;
    if wide > i32::MAX as i64 {
        i32::MAX
    } else if wide < i32::MIN as i64 {
        i32::MIN
    } else {
        wide as i32
    }
}

/// exp(x) without integer bits, of `x` ≤ 0 with `integer_bits` ≤ 5 of them.
///
/// x is split into multiples of −1/4, whose exponentials are constants, and a rest in
/// [−1/4, 0), whose exponential is a Taylor polynomial around −1/8.
#[must_use]
#[cfg_attr(debug_assertions, inline)]
pub const fn exp_of_negative(x: i32, integer_bits: u32) -> i32 {
    /// exp(−2^(i − 2)) for the bits of the multiple of −1/4.
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
        return i32::MAX;
    }
    let quarter = 1i32 << (29 - integer_bits);
    let rest = (x & (quarter - 1)) - quarter;
    let mut result = exp_of_rest(saturating_shl(rest, integer_bits));
    let multiple = rest.wrapping_sub(x);
    let mut bit = 0;
    while bit < POWERS.len() {
        if bit < integer_bits as usize + 2 && multiple & (quarter << bit) != 0 {
            result = mul(result, POWERS[bit]);
        }
        bit += 1;
    }
    result
}

/// exp(x) for x in [−1/4, 0), both without integer bits.
#[cfg_attr(debug_assertions, inline)]
const fn exp_of_rest(x: i32) -> i32 {
    /// exp(−1/8)
    const CENTRE: i32 = 1_895_147_668;
    const THIRD: i32 = 715_827_883;
    let x = x.wrapping_add(1 << 28);
    let x2 = mul(x, x);
    let x3 = mul(x2, x);
    let x4 = mul(x2, x2);
    // x²/2 + x³/6 + x⁴/24 = ((x⁴/4 + x³)/3 + x²)/2
    let thirds = mul(rounding_shift_right(x4, 2).wrapping_add(x3), THIRD);
    let tail = rounding_shift_right(thirds.wrapping_add(x2), 1);
    CENTRE.wrapping_add(mul(CENTRE, x.wrapping_add(tail)))
}

/// 1 in the format of [`inverse`].
const INVERSE_ONE: i32 = 1 << 29;

/// 2 / (1 + x) with two integer bits, of x in [0, 1] without; by Newton's iteration.
#[cfg_attr(debug_assertions, inline)]
const fn inverse(x: i32) -> i32 {
    /// 48/17 and −32/17 with two integer bits: the line nearest to 1/d for d in [1/2, 1].
    const START: (i32, i32) = (1_515_870_810, -1_010_580_540);
    let half = (x >> 1).wrapping_add(1 << 30);
    let mut inverse = START.0.wrapping_add(mul(half, START.1));
    let mut round = 0;
    while round < 3 {
        let error = INVERSE_ONE.wrapping_sub(mul(half, inverse));
        inverse = inverse.wrapping_add(saturating_shl(mul(inverse, error), 2));
        round += 1;
    }
    inverse
}

/// 1 / (1 + x) for x in [0, 1], both without integer bits.
#[must_use]
#[cfg_attr(debug_assertions, inline)]
pub const fn one_over_one_plus(x: i32) -> i32 {
    // 2/(1 + x) with two integer bits is 1/(1 + x) with one.
    saturating_shl(inverse(x), 1)
}

/// 1 / (1 + exp(−x)) without integer bits, of x with four.
#[must_use]
#[cfg_attr(debug_assertions, inline)]
pub const fn logistic(x: i32) -> i32 {
    if x == 0 {
        return 1 << 30;
    }
    let of_magnitude = one_over_one_plus(exp_of_negative(x.saturating_abs().wrapping_neg(), 4));
    if x > 0 {
        of_magnitude
    } else {
        i32::MAX.wrapping_sub(of_magnitude)
    }
}

/// tanh(x) without integer bits, of x with four: (1 − exp(−2|x|)) / (1 + exp(−2|x|)).
#[must_use]
#[cfg_attr(debug_assertions, inline)]
pub const fn tanh(x: i32) -> i32 {
    if x == 0 {
        return 0;
    }
    // The same number with five integer bits is twice as large.
    let exp = exp_of_negative(x.saturating_abs().wrapping_neg(), 5);
    let of_magnitude = saturating_shl(inverse(exp).wrapping_sub(INVERSE_ONE), 2);
    if x > 0 {
        of_magnitude
    } else {
        of_magnitude.wrapping_neg()
    }
}

/// ln(x) with five integer bits, of x from 1 on with twelve.
///
/// x is split into a power of two and a rest near 2^(−1/4), whose logarithm is a quotient of polynomials.
#[must_use]
#[cfg_attr(debug_assertions, inline)]
pub const fn log_of_sum(x: i32) -> i32 {
    /// ln 2, and powers of 1/2.
    const LN_2: i32 = 1_488_522_236;
    const FOURTH_ROOT: i32 = 1_805_811_301;
    const ROOT: i32 = 1_518_500_250;
    /// The polynomials' coefficients.
    const NUMERATOR: i32 = 117_049_297;
    const SQUARE: i32 = 127_690_142;
    const ONE: i32 = 1_057_819_769;
    const OUTER: i32 = 638_450_708;
    /// Integer bits of x, and of sums: one more than of the result.
    const INTEGER: u32 = 12;
    const SUM: u32 = 6;
    const QUARTER: i32 = 1 << (29 - SUM);
    // The rest and the power of two, rounded in either of two ways; the one that is nearer.
    let zeros = x.leading_zeros();
    let rest = saturating_shl(mul(saturating_shl(x, zeros.saturating_sub(1)), ROOT), 1);
    let power =
        saturating_shl(INTEGER.wrapping_sub(zeros) as i32, 31 - SUM).saturating_add(QUARTER);
    let zeros = mul(x, ROOT).leading_zeros().saturating_sub(1);
    let other_rest = saturating_shl(x, zeros);
    let other_power =
        saturating_shl(INTEGER.wrapping_sub(zeros) as i32, 31 - SUM).saturating_sub(QUARTER);
    let rest = if other_rest < rest { other_rest } else { rest };
    let power = if other_power > power {
        other_power
    } else {
        power
    };
    let half_sum = {
        let sum = rest as i64 + FOURTH_ROOT as i64;
        ((sum + if sum >= 0 { 1 } else { -1 }) / 2) as i32
    };
    let off = rest.wrapping_sub(FOURTH_ROOT).wrapping_shl(1);
    let square = mul(off, off);
    let numerator = mul(off, rest).wrapping_add(mul(mul(off, square), NUMERATOR));
    let inner = ONE.wrapping_add(off).wrapping_add(mul(SQUARE, square));
    let denominator = mul(half_sum, inner).wrapping_add(mul(OUTER, off));
    let quotient = mul(
        rounding_shift_right(numerator, SUM),
        one_over_one_plus(denominator),
    );
    saturating_shl(mul(power, LN_2).wrapping_add(quotient), 1)
}

/// 1 / √x as a multiplier and a shift, by Newton's steps; of numbers up to 1 it is 1.
#[must_use]
#[cfg_attr(debug_assertions, inline)]
pub const fn inverse_root(x: i32) -> (i32, i32) {
    /// With three integer bits.
    const ONE: i32 = 1 << 28;
    const HALF_OF_ROOT_2: i32 = 1_518_500_250;
    if x <= 1 {
        return (i32::MAX, 0);
    }
    let (mut x, mut right) = (x, 11);
    while x >= 1 << 29 {
        x >>= 2;
        right += 1;
    }
    let pairs = (x.leading_zeros() as i32 - 1) / 2 - 1;
    right -= pairs;
    let x = x.wrapping_shl(2 * pairs as u32) >> 1;
    let half = rounding_shift_right(x, 1);
    // Products of two numbers with three integer bits have six, and so on.
    let mut root = ONE;
    let mut step = 0;
    while step < 5 {
        let cube = saturating_shl(mul(mul(root, root), root), 6);
        let next = mul(ONE + ONE / 2, root).wrapping_sub(mul(half, cube));
        root = saturating_shl(next, 3);
        step += 1;
    }
    let root = mul(root, HALF_OF_ROOT_2);
    if right < 0 {
        (root.wrapping_shl(right.unsigned_abs()), 0)
    } else {
        (root, -right)
    }
}

/// `(r, bits)` with 1/x ≈ r × 2^(−31 − bits), of a positive `x` with `integer_bits`.
#[must_use]
#[cfg_attr(debug_assertions, inline)]
pub const fn reciprocal(x: u32, integer_bits: u32) -> (i32, u32) {
    let zeros = x.leading_zeros();
    let above_one = x.wrapping_shl(zeros).wrapping_sub(1 << 31) as i32;
    (
        one_over_one_plus(above_one),
        integer_bits.wrapping_sub(zeros),
    )
}
