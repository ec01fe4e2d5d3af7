//! Requantisation constants, computed as TensorFlow Lite does.

use super::Site;
use crate::error::Diagnostic;

/// A real factor as `multiplier × 2^(shift − 31)`, multiplier in 2³⁰..2³¹ (or 0).
///
/// The factor is split by `frexp` and rounded half away from zero, as
/// `QuantizeMultiplier` of TensorFlow Lite has it; factors below 2⁻³² become 0. Shifts above
/// 31 have no use: see `requantization`.
pub fn multiplier(real: f64) -> (i32, i8) {
    if real == 0.0 || !real.is_finite() {
        return (0, 0);
    }
    let (fraction, mut exponent) = libm::frexp(real);
    let mut fixed = (fraction * (1i64 << 31) as f64).round() as i64;
    if fixed == 1 << 31 {
        fixed /= 2;
        exponent += 1;
    }
    if exponent < -31 {
        return (0, 0);
    }
    if exponent > i32::from(i8::MAX) {
        return (i32::MAX, i8::MAX);
    }
    (fixed as i32, exponent as i8)
}

/// The [`multiplier`] of a requantisation between an operator's scales.
///
/// # Errors
/// If it shifts 32 bits to the left by 32 and more, which has no result in the reference kernels'
/// language: what they give differs from processor to processor.
pub(crate) fn requantization(site: &Site<'_>, real: f64) -> Result<(i32, i8), Diagnostic> {
    if (0.0..MOST_FACTOR).contains(&real) {
        return Ok(multiplier(real));
    }
    Err(site
        .error("the scales of inputs and output are too far apart")
        .expected("input scales of less than 2^31 times the output's")
        .found(format_args!("{real:e} times"))
        .help("quantise the model again; the output's range holds nothing but zero"))
}

/// The least factor that shifts by 32 bits.
const MOST_FACTOR: f64 = (1u64 << 31) as f64;
