use castiron_codegen::graph::half::to_f32;

/// What the standard defines, in arithmetic that is exact.
fn defined(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    let magnitude = match i32::from(bits >> 10 & 0x1f) {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction) * 2f64.powi(exponent - 15),
    };
    sign * magnitude
}

#[test]
fn every_number_is_that_of_the_standard() {
    for bits in 0..=u16::MAX {
        let expected = defined(bits) as f32;
        let found = to_f32(bits);
        assert!(
            found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()),
            "{bits:#06x}: {found}, not {expected}"
        );
    }
}
