use castiron_runtime::kernels::*;

#[test]
fn relus_clamp_and_keep_infinity_and_nan() {
    assert_eq!(Relu {}.of(-1.0f32), 0.0);
    assert_eq!(Relu {}.of(f32::INFINITY), f32::INFINITY);
    assert!(Relu {}.of(f32::NAN).is_nan());
    assert_eq!(
        [-1.0, 5.0, 7.0].map(|x: f32| Relu6 {}.of(x)),
        [0.0, 5.0, 6.0]
    );
    assert!(Relu6 {}.of(f32::NAN).is_nan());
}

#[test]
fn logistic_and_tanh_follow_their_definitions() {
    for i in (-4000..4000i16).step_by(if cfg!(miri) { 500 } else { 1 }) {
        let x = f32::from(i) / 50.0;
        let exact = 1.0 / (1.0 + libm::exp(-f64::from(x)));
        let found: f32 = Logistic {}.of(x);
        assert!((f64::from(found) / exact - 1.0).abs() < 4e-7, "{x}");
        let found: f32 = Tanh {}.of(x);
        assert!(
            (f64::from(found) - libm::tanh(f64::from(x))).abs() < 2e-7,
            "{x}"
        );
    }
    let ends = [f32::NEG_INFINITY, f32::INFINITY].map(|x| Logistic {}.of(x));
    assert_eq!(ends, [0.0, 1.0]);
}

/// TensorFlow's rounding of ROUND.
#[test]
fn halves_round_to_even() {
    let rounded = [0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 1e10].map(|x: f32| Round {}.of(x));
    assert_eq!(rounded, [0.0, 2.0, 2.0, 0.0, -2.0, 2.0, 1e10]);
}

#[test]
fn integer_divisions_round_down_and_never_trap() {
    let quotients = |a: i32, b: i32| (FloorDiv.combine(a, b), FloorMod.combine(a, b));
    assert_eq!(quotients(7, 2), (3, 1));
    assert_eq!(quotients(-7, 2), (-4, 1));
    assert_eq!(quotients(7, -2), (-4, -1));
    assert_eq!(quotients(-7, -2), (3, -1));
    assert_eq!(quotients(-6, 3), (-2, 0));
    for by in [0, -1] {
        assert_eq!(quotients(i32::MIN, by).1, 0);
        assert_eq!(Div.combine(i32::MIN, by), by & i32::MIN);
    }
    let remainders = [(5.5, 2.0), (-5.5, 2.0), (5.5, -2.0)];
    let remainders = remainders.map(|(a, b): (f32, f32)| FloorMod.combine(a, b));
    assert_eq!(remainders, [1.5, 0.5, -0.5]);
}

#[test]
fn powers_of_integers_stay_within() {
    let power = |a: i32, b: i32| Pow.combine(a, b);
    assert_eq!([power(3, 4), power(-3, 3), power(7, 0)], [81, -27, 1]);
    assert_eq!([power(2, 31), power(-2, 99)], [i32::MAX, i32::MIN]);
    let inverses = [1, -1, 2, 0, i32::MIN].map(|a| power(a, -3));
    assert_eq!(inverses, [1, -1, 0, 0, 0]);
    assert_eq!(power(1, i32::MIN), 1);
}

#[test]
fn any_byte_but_zero_is_true() {
    assert_eq!(LogicalNot {}.of(2u8), 0);
    assert_eq!(LogicalAnd.combine(2u8, 1), 1);
    assert_eq!(NotEqual.combine(2u8, 1), 0);
}
