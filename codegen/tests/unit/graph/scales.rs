use castiron_codegen::graph::scales::*;

#[test]
fn a_sum_needs_an_output_that_is_not_too_fine() {
    let least = 2.0_f32.powi(-19);
    assert!(!sum_fits(1.0, 0.5, least, 20));
    assert!(sum_fits(0.5, 1.0, least * 1.001, 20));
    assert!(!sum_fits(0.0, 0.0, 1.0, 20));
    assert!(!is_below_one(1.0 - f64::EPSILON));
    assert!(!is_below_one(f64::NAN));
}
