use crate::testing::Numbers;
use castiron_runtime::functions::*;

#[test]
fn exponentials_are_close() {
    let mut n = Numbers::new(1);
    for integer_bits in 0..=5 {
        for _ in 0..1000 {
            let x = -((n.next() >> 1) as i32);
            let real = f64::from(x) / 2f64.powi(31 - integer_bits as i32);
            let found = f64::from(exp_of_negative(x, integer_bits));
            let error = (found - real.exp() * 2f64.powi(31)).abs();
            assert!(error < 1000.0, "{real}: {error}");
        }
        assert_eq!(exp_of_negative(0, integer_bits), i32::MAX);
    }
}

#[test]
fn reciprocals_are_close() {
    let mut n = Numbers::new(2);
    for _ in 0..1000 {
        let x = n.next().max(1) >> n.below(12);
        if x == 0 {
            continue;
        }
        let (r, bits) = reciprocal(x, 12);
        let found = f64::from(r) * 2f64.powi(-31 - bits as i32);
        let real = f64::from(x) / 2f64.powi(19);
        assert!((found * real - 1.0).abs() < 1e-7, "{real}: {found}");
    }
}

#[test]
fn logarithms_are_close() {
    let mut n = Numbers::new(3);
    for bits in 0..12 {
        for _ in 0..100 {
            let x = (1 << 19 << bits) + n.below(1 << 19 << bits) as i32;
            let exact = (f64::from(x) / 2f64.powi(19)).ln();
            let found = f64::from(log_of_sum(x)) / 2f64.powi(26);
            assert!((found - exact).abs() < 1e-6, "{x}: {found} {exact}");
        }
    }
}

#[test]
fn roots_are_near() {
    let large = (0..31)
        .map(|bits| 1 << bits)
        .chain([i32::MAX, 1_000_000_007]);
    for x in (1..=255).chain(large) {
        let (root, shift) = inverse_root(x);
        let found = f64::from(root) / f64::from(31 - shift).exp2();
        assert!(
            (found * f64::from(x).sqrt() - 1.0).abs() < 2e-4,
            "{x}: {found}"
        );
    }
    assert_eq!(inverse_root(0), inverse_root(1));
}

#[test]
fn logistic_and_tanh_are_close() {
    for i in -1000..=1000 {
        let real = f64::from(i) * 0.0159;
        let x = (real * f64::from(1 << 27)) as i32;
        let exact = 1.0 / (1.0 + (-real).exp());
        assert!((f64::from(logistic(x)) / 2f64.powi(31) - exact).abs() < 3e-7);
        assert!((f64::from(tanh(x)) / 2f64.powi(31) - real.tanh()).abs() < 3e-7);
    }
    for x in [i32::MIN, i32::MAX] {
        assert!((f64::from(tanh(x)).abs() - 2f64.powi(31)).abs() < 1000.0);
    }
    assert_eq!((logistic(0), tanh(0)), (1 << 30, 0));
}
