use castiron_codegen::ops::softmax::exponentials;

#[test]
fn the_table_is_the_exponential() {
    for real in [0.001, 0.0039, 0.05, 0.3, 1.7, 40.0] {
        for (d, fixed) in exponentials(real).unwrap().iter().enumerate() {
            let exact = (-real * d as f64).exp() * 2f64.powi(31);
            let error = (f64::from(*fixed) - exact).abs();
            assert!(error < 700.0 + 4.0 * real * d as f64, "{real} {d}: {error}");
        }
    }
}

#[test]
fn factors_that_the_reference_refuses_have_no_table() {
    assert!(exponentials(0.0).is_none());
    assert!(exponentials(-1.0).is_none());
    assert!(exponentials(f64::NAN).is_none());
}
