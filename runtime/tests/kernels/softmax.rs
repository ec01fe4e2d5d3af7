use std::vec;
use std::vec::Vec;

use crate::testing::{Numbers, cells, times};
use castiron_runtime::kernels::*;

const STEP: f64 = 0.05;

fn table() -> Vec<i32> {
    (0..256)
        .map(|d| ((-STEP * f64::from(d)).exp() * 2f64.powi(31)).min(i32::MAX.into()) as i32)
        .collect()
}

fn exact(x: &[i8]) -> Vec<f64> {
    let exp: Vec<f64> = x.iter().map(|x| (STEP * f64::from(*x)).exp()).collect();
    let sum: f64 = exp.iter().sum();
    exp.iter().map(|exp| exp / sum).collect()
}

#[test]
fn int8_is_the_nearest_probability() {
    let (mut n, exp) = (Numbers::new(1), table());
    for _ in 0..times(100) {
        let depth = 1 + n.below(40);
        let mut x = n.bytes(3 * depth);
        let probabilities: Vec<f64> = x.chunks(depth).flat_map(exact).collect();
        let mut wide = vec![0i16; x.len()];
        SoftmaxI8I16 { depth }.run(cells(&mut x), &exp, cells(&mut wide));
        let values = cells(&mut x);
        SoftmaxI8 { depth }.run(values, &exp, values);
        for ((x, wide), p) in x.iter().zip(&wide).zip(&probabilities) {
            let fixed = (p * 256.0 - 128.0).min(127.0);
            assert!((f64::from(*x) - fixed).abs() < 0.51, "{x} {fixed}");
            let fixed = (p * 65536.0 - 32768.0).min(32767.0);
            assert!((f64::from(*wide) - fixed).abs() < 1.6, "{wide} {fixed}");
        }
    }
}

#[test]
fn rows_too_long_for_the_reference_round_to_zero() {
    let longest = if cfg!(miri) { 600 } else { 10_000 };
    for (depth, expected) in [(256, -127), (511, -127), (513, -128), (longest, -128)] {
        let mut x = vec![5; depth];
        let values = cells(&mut x);
        SoftmaxI8 { depth }.run(values, &table(), values);
        assert!(x.iter().all(|x| *x == expected), "{depth}: {}", x[0]);
    }
}

#[test]
fn float_rows_sum_to_one() {
    let mut n = Numbers::new(2);
    let mut x = n.floats(30);
    let exact: Vec<f64> = x
        .chunks(10)
        .flat_map(|row| {
            let exp: Vec<f64> = row.iter().map(|x| f64::from(2.0 * x).exp()).collect();
            let sum: f64 = exp.iter().sum();
            exp.into_iter().map(move |exp| exp / sum)
        })
        .collect();
    let values = cells(&mut x);
    let kernel = SoftmaxF32 {
        depth: 10,
        beta: 2.0,
    };
    kernel.run(values, values);
    for (x, exact) in x.iter().zip(exact) {
        assert!((f64::from(*x) - exact).abs() < 1e-6);
    }
}

#[test]
fn operands_without_rows_are_harmless() {
    SoftmaxI8 { depth: 0 }.run(cells(&mut [1, 2]), &[], cells(&mut [0, 0]));
    SoftmaxF32 {
        depth: 3,
        beta: 1.0,
    }
    .run(cells(&mut [1.0]), cells(&mut [0.0]));
}
