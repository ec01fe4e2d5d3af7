use castiron_codegen::ops::quantize;
use castiron_codegen::ops::unary::*;
use castiron_runtime::fixed::rounding_shift_right;
use castiron_runtime::functions;
use castiron_runtime::kernels::Function as _;

fn of(table: &[i8; 256], stored: i8) -> i8 {
    table[usize::from(stored as u8)]
}

/// Where TensorFlow Lite Micro differs: it would give min(x, 6 in the input's scale).
#[test]
fn relu6_requantises_to_the_output() {
    let identity = between(-28, quantize::multiplier(2.0), -128);
    let relu6 = in_range(identity, (0.05, -128), 0.0, 6.0);
    let table = tabulate(|stored| relu6.of(stored));
    // 0.1 × (22 + 28) = 5 = 0.05 × (−28 + 128)
    assert_eq!(of(&table, 22), -28);
    assert_eq!(of(&table, 127), -128 + 120);
    assert_eq!(of(&table, -100), -128);
}

#[test]
fn relu_without_an_upper_bound_reaches_the_greatest_byte() {
    let identity = between(0, quantize::multiplier(10.0), 5);
    let relu = in_range(identity, (0.01, 5), 0.0, f32::INFINITY);
    let table = tabulate(|stored| relu.of(stored));
    assert_eq!(of(&table, 127), 127);
    assert_eq!(of(&table, 3), 35);
    assert_eq!(of(&table, -3), 5);
}

/// Where TensorFlow Lite Micro differs: it would give −128 for 0.
#[test]
fn the_middle_of_a_coarse_input_is_the_functions() {
    for scale in [7.9, 8.0, 14.3, 450.5] {
        let logistic = saturating_table(scale, 5, |x| {
            rounding_shift_right(functions::logistic(x), 23) - 128
        });
        let tanh = saturating_table(scale, 5, |x| rounding_shift_right(functions::tanh(x), 24));
        assert_eq!([4, 5, 6].map(|x| of(&logistic, x)), [-128, 0, 127]);
        assert_eq!([4, 5, 6].map(|x| of(&tanh, x)), [-128, 0, 127]);
    }
}

#[test]
fn tables_are_near_the_functions() {
    for scale in [0.001f32, 0.02, 0.07, 0.5] {
        for zero_point in [-128, -3, 0, 127] {
            let logistic = saturating_table(scale, zero_point, |x| {
                rounding_shift_right(functions::logistic(x), 23) - 128
            });
            let tanh = saturating_table(scale, zero_point, |x| {
                rounding_shift_right(functions::tanh(x), 24)
            });
            for stored in i8::MIN..=i8::MAX {
                let x = f64::from(scale) * f64::from(i32::from(stored) - zero_point);
                let expected = (256.0 / (1.0 + (-x).exp()) - 128.0).min(127.0);
                assert!((f64::from(of(&logistic, stored)) - expected).abs() < 0.51);
                let expected = (128.0 * x.tanh()).min(127.0);
                assert!((f64::from(of(&tanh, stored)) - expected).abs() < 0.51);
            }
        }
    }
}
