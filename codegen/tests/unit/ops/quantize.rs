use castiron_codegen::ops::quantize::multiplier;

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
