use std::cell::Cell;

use castiron_runtime::fixed::requantize;

use castiron_codegen::ops::binary::*;
use castiron_codegen::ops::{quantize, short_sum};
use castiron_runtime::kernels::{Combine, Zip};

const QUANTISATIONS: [[(f32, i32); 3]; 6] = [
    [(0.05, 3), (0.02, -128), (0.07, 0)],
    [(0.02, -7), (0.05, 127), (0.03, -128)],
    [(0.1, 0), (0.1, 0), (0.1, 0)],
    [(1.0, -128), (1e-6, 127), (0.9, 5)],
    [(0.3, 127), (0.299_999_98, -128), (1e-6, 0)],
    [(0.25, 1), (0.125, 2), (0.001, -100)],
];

/// The whole range of int8, and an activation's.
const RANGES: [(i32, i32); 2] = [(-128, 127), (-100, 90)];

fn quantized([first, second, y]: [(f32, i32); 3], (min, max): (i32, i32)) -> Quantized {
    Quantized {
        first,
        second,
        y,
        min,
        max,
    }
}

fn cases() -> impl Iterator<Item = ([(f32, i32); 3], (i32, i32))> {
    QUANTISATIONS
        .into_iter()
        .flat_map(|quantisation| RANGES.map(|range| (quantisation, range)))
}

/// Runs a kernel on every pair of bytes and compares.
fn compare(
    (min, max): (i32, i32),
    run: impl Fn(&[Cell<i8>], &[Cell<i8>], &[Cell<i8>]),
    expected: impl Fn(i32, i32) -> i32,
) {
    let seconds: Vec<Cell<i8>> = (i8::MIN..=i8::MAX).map(Cell::new).collect();
    for first in i8::MIN..=i8::MAX {
        let firsts = vec![Cell::new(first); 256];
        run(&firsts, &seconds, &firsts);
        for (second, y) in seconds.iter().zip(&firsts) {
            let second = second.get();
            let expected = expected(first.into(), second.into()).clamp(min, max);
            assert_eq!(i32::from(y.get()), expected, "{first}, {second}");
        }
    }
}

/// Both sides with 20 bits to spare, relative to twice the larger scale.
#[test]
fn sums_follow_the_formula() {
    for (quantisation, range) in cases() {
        for signs in [[1, 1], [1, -1], [-1, 1]] {
            let [first, second, y] = quantisation;
            let twice = 2.0 * f64::from(first.0.max(second.0));
            let side = |(scale, zero_point): (f32, i32), x: i32| {
                let (multiplier, shift) = quantize::multiplier(f64::from(scale) / twice);
                requantize((x - zero_point) << 20, multiplier, shift.into())
            };
            let out = quantize::multiplier(twice / (f64::from(1 << 20) * f64::from(y.0)));
            let Some(function) = quantized(quantisation, range).sum(signs) else {
                assert!(out.1 > 0);
                continue;
            };
            let kernel = Zip {
                function,
                exchanged: false,
                broadcast: None,
            };
            compare(
                range,
                |a, b, y| kernel.run(a, b, y),
                |a, b| {
                    let sum = signs[0] * side(first, a) + signs[1] * side(second, b);
                    requantize(sum, out.0, out.1.into()) + y.1
                },
            );
        }
    }
}

/// The same of few instructions, where the output's range is the type's.
#[test]
fn short_sums_are_the_long_ones() {
    let mut found = 0;
    for (quantisation, range) in cases() {
        for signs in [[1, 1], [1, -1], [-1, 1]] {
            let quantized = quantized(quantisation, range);
            let Some(sum) = quantized.sum(signs) else {
                continue;
            };
            let Some(function) = short_sum::of(&sum, quantized.factors(signs)) else {
                continue;
            };
            found += 1;
            assert_eq!(range, RANGES[0]);
            let kernel = Zip {
                function,
                exchanged: false,
                broadcast: None,
            };
            compare(
                range,
                |a, b, y| kernel.run(a, b, y),
                |a, b| sum.combine(a as i8, b as i8).into(),
            );
        }
    }
    assert!(found >= 6, "{found}");
}

#[test]
fn products_follow_the_formula() {
    for (quantisation, range) in cases() {
        let [first, second, y] = quantisation;
        let factor = f64::from(first.0) * f64::from(second.0) / f64::from(y.0);
        let (multiplier, shift) = quantize::multiplier(factor);
        let function = quantized(quantisation, range).product((multiplier, shift));
        let kernel = Zip {
            function,
            exchanged: false,
            broadcast: None,
        };
        compare(
            range,
            |a, b, y| kernel.run(a, b, y),
            |a, b| requantize((a - first.1) * (b - second.1), multiplier, shift.into()) + y.1,
        );
    }
}

/// TensorFlow's shift to the left drops what leaves 32 bits: from there on, greater factors do not
/// saturate every product.
#[test]
fn large_factors_wrap_products() {
    for (y_scale, saturates) in [(1e-5, true), (1e-6, false), (1e-7, false), (5e-10, false)] {
        let quantized = quantized([(0.5, 0), (0.5, 0), (y_scale, 3)], RANGES[0]);
        let (multiplier, shift) = quantize::multiplier(quantized.product_factor());
        let function = quantized.product((multiplier, shift));
        let kernel = Zip {
            function,
            exchanged: false,
            broadcast: None,
        };
        compare(
            RANGES[0],
            |a, b, y| kernel.run(a, b, y),
            |a, b| {
                let shifted = (i64::from(a * b) << shift) as i32;
                let scaled = i64::from(shifted) * i64::from(multiplier);
                let expected = ((scaled + (1 << 30)) >> 31) as i32;
                assert!(!saturates || expected.signum() == (a * b).signum());
                expected + 3
            },
        );
    }
}
