//! Remainders of floats. That of `libm` divides integers, which brings code that can panic.

const SIGN: u32 = 1 << 31;
const INFINITY: u32 = 0xff << 23;
/// The leading bit of a significand, which is not stored.
const LEADING: u32 = 1 << 23;

/// What is left of `x` divided by `y` towards zero: exact, of x's sign; NaN where there is none.
#[must_use]
#[cfg_attr(debug_assertions, inline)]
pub fn fmodf(x: f32, y: f32) -> f32 {
    let sign = x.to_bits() & SIGN;
    let (a, b) = (x.to_bits() & !SIGN, y.to_bits() & !SIGN);
    if a >= INFINITY || b == 0 || b > INFINITY {
        return f32::NAN;
    }
    if a < b {
        return x;
    }
    let ((whole, from), (divisor, to)) = (parts(a), parts(b));
    let modulo = |value: u32| value.checked_rem(divisor).unwrap_or(0);
    // A significand has 24 bits, so eight fit behind them.
    let mut rest = modulo(whole);
    let mut left = from - to;
    while left > 0 {
        let step = left.min(8);
        rest = modulo(rest << step);
        left -= step;
    }
    if rest == 0 {
        return f32::from_bits(sign);
    }
    // As many bits up as there is exponent.
    let shift = (rest.leading_zeros() - LEADING.leading_zeros()).min(to - 1);
    // The leading bit counts one in the exponent's place.
    f32::from_bits(sign | ((rest << shift) + ((to - 1 - shift) << 23)))
}

/// The significand and the exponent, from 1, of a finite positive float.
#[cfg_attr(debug_assertions, inline)]
fn parts(bits: u32) -> (u32, u32) {
    match bits >> 23 {
        0 => (bits, 1),
        exponent => ((bits & (LEADING - 1)) | LEADING, exponent),
    }
}
