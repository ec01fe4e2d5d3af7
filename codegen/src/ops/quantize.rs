//! Requantisation constants, computed as TensorFlow Lite does.

/// A real factor as `multiplier × 2^(shift − 31)`, multiplier in 2³⁰..2³¹ (or 0).
///
/// The factor is split by `frexp` and rounded half away from zero, as
/// `QuantizeMultiplier` of TensorFlow Lite has it; factors below 2⁻³² become 0.
pub(crate) fn multiplier(real: f64) -> (i32, i8) {
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
    if exponent > 30 {
        return (i32::MAX, 30);
    }
    (fixed as i32, exponent as i8)
}

#[cfg(test)]
mod tests {
    use super::multiplier;

    #[test]
    fn powers_of_two_keep_their_exponent() {
        assert_eq!(multiplier(0.5), (1 << 30, 0));
        assert_eq!(multiplier(1.0), (1 << 30, 1));
        assert_eq!(multiplier(0.25), (1 << 30, -1));
    }

    #[test]
    fn a_fraction_that_rounds_up_to_one_is_normalised() {
        assert_eq!(multiplier(1.0 - f64::EPSILON / 2.0), (1 << 30, 1));
    }

    #[test]
    fn tiny_and_zero_vanish() {
        assert_eq!(multiplier(0.0), (0, 0));
        assert_eq!(multiplier(1e-12), (0, 0));
    }
}
