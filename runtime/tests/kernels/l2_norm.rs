use std::vec::Vec;

use crate::testing::{Numbers, cells, times};
use castiron_runtime::kernels::*;

#[test]
fn rows_have_length_one() {
    let mut n = Numbers::new(1);
    for _ in 0..times(100) {
        let (depth, zero_point) = (1 + n.below(30), 5);
        let mut x = n.bytes(2 * depth);
        let exact: Vec<f64> = x
            .chunks(depth)
            .flat_map(|row| {
                let row: Vec<f64> = row.iter().map(|x| f64::from(*x) - 5.0).collect();
                let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt().max(1.0);
                row.into_iter().map(move |x| x / norm)
            })
            .collect();
        let values = cells(&mut x);
        L2NormI8 { depth, zero_point }.run(values, values);
        for (x, exact) in x.iter().zip(&exact) {
            let fixed = (exact * 128.0).min(127.0);
            assert!((f64::from(*x) - fixed).abs() < 0.6, "{x} {fixed}");
        }
    }
}

#[test]
fn a_row_of_zeros_stays() {
    let mut x = [0.0; 3];
    let values = cells(&mut x);
    L2NormF32 { depth: 3 }.run(values, values);
    assert_eq!(x, [0.0; 3]);
    L2NormF32 { depth: 0 }.run(&[], &[]);
}
