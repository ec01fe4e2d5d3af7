use castiron_runtime::kernels::{Add, Zip};
use proptest::prelude::*;

use castiron_codegen::ops::broadcast::*;
use castiron_runtime::kernels::{Broadcast, OUTER_DIMS, OuterDim};
use std::cell::Cell;

fn walk(a: &[usize], b: &[usize]) -> Option<Broadcast> {
    broadcast(&merged(meeting_dims([a, b]).expect("shapes broadcast"))).expect("few dimensions")
}

#[test]
fn equal_shapes_and_scalars_are_one_run() {
    assert_eq!(walk(&[2, 3, 4], &[2, 3, 4]), None);
    assert_eq!(walk(&[2, 3, 4], &[1, 1]), None);
    assert_eq!(walk(&[1, 1], &[1]), None);
    assert_eq!(walk(&[], &[]), None);
}

#[test]
fn a_vector_along_the_last_dimension_is_two_dimensions() {
    let walk = walk(&[2, 5, 5, 8], &[8]).expect("not one run");
    assert_eq!((walk.run, walk.second_run), (8, 8));
    let dim = OuterDim {
        count: 50,
        first: 8,
        second: 0,
    };
    assert_eq!(walk.outer[0], dim);
    assert!(walk.outer[1..].iter().all(|d| d.count == 1));
}

#[test]
fn a_larger_second_operand_is_walked_for_one_element() {
    let walk = walk(&[2, 1], &[2, 3]).expect("not one run");
    assert_eq!((walk.run, walk.second_run), (1, 3));
    let dim = OuterDim {
        count: 2,
        first: 1,
        second: 3,
    };
    assert_eq!(walk.outer[0], dim);
    assert!(walk.outer[1..].iter().all(|d| d.count == 1));
}

proptest! {
    #![proptest_config(crate::unit::settings())]

    /// Every element against its index by NumPy's rule.
    #[test]
    fn broadcasts_reach_the_right_elements(
        dims in proptest::collection::vec((1usize..4, any::<[bool; 2]>()), 0..=OUTER_DIMS),
    ) {
        let shape = |i: usize| -> Vec<usize> {
            dims.iter().map(|(size, repeats)| if repeats[i] { 1 } else { *size }).collect()
        };
        let shapes = [shape(0), shape(1)];
        let out: Vec<usize> =
            shapes[0].iter().zip(&shapes[1]).map(|(a, b)| *a.max(b)).collect();
        let values = |shape: &[usize], unit: i32| -> Vec<i32> {
            (0..shape.iter().product::<usize>() as i32).map(|i| i * unit).collect()
        };
        let first: Vec<_> = values(&shapes[0], 1).into_iter().map(Cell::new).collect();
        let second = values(&shapes[1], 10_000);
        let y: Vec<_> = values(&out, 0).into_iter().map(Cell::new).collect();
        let kernel = Zip {
            function: Add,
            exchanged: false,
            broadcast: walk(&shapes[0], &shapes[1]),
        };
        kernel.run(&first[..], &second[..], &y[..]);
        for (i, y) in y.iter().enumerate() {
            let index = |shape: &[usize]| {
                let (mut rest, mut stride, mut index) = (i, 1, 0);
                for (size, out) in shape.iter().zip(&out).rev() {
                    index += rest % out % size * stride;
                    rest /= out;
                    stride *= size;
                }
                index as i32
            };
            prop_assert_eq!(y.get(), index(&shapes[0]) + 10_000 * index(&shapes[1]));
        }
    }
}

#[test]
fn shapes_that_do_not_broadcast_are_refused() {
    assert_eq!(meeting_dims([&[2, 3], &[2]]), None);
    assert!(meeting_dims([&[0, 3], &[1, 3]]).is_some());
}
