use castiron_runtime::kernels::*;
use std::cell::Cell;

fn cells<T: Copy>(values: &[T]) -> Vec<Cell<T>> {
    values.iter().copied().map(Cell::new).collect()
}

fn values<T: Copy>(cells: &[Cell<T>]) -> Vec<T> {
    cells.iter().map(Cell::get).collect()
}

#[test]
fn rows_have_scales_of_their_own_and_halves_go_away_from_zero() {
    let x = cells(&[127.0, -0.5, 0.49, 1.5, -254.0, 3.0, 0.0, 0.0]);
    let (y, scales) = (cells(&[9i16; 8]), cells(&[0f32; 2]));
    QuantizeRows { row: 4 }.run(&x, &y, &scales);
    assert_eq!(values(&y), [127, -1, 0, 2, -127, 2, 0, 0]);
    assert_eq!(values(&scales), [1.0, 2.0]);
}

#[test]
fn rows_of_zeros_have_scale_1() {
    let x = cells(&[0f32, -0.0]);
    for asymmetric in [false, true] {
        let (y, scales) = (cells(&[9i16; 2]), cells(&[0f32]));
        match asymmetric {
            true => QuantizeRowsAsymmetric { row: 2 }.run(&x, &y, &scales),
            false => QuantizeRows { row: 2 }.run(&x, &y, &scales),
        }
        assert_eq!((values(&y), values(&scales)), ([0, 0].into(), [1.0].into()));
    }
}

/// 0 to 255 are all 256 steps, counted from −128, which is zero.
#[test]
fn positive_numbers_have_all_steps_for_themselves() {
    let x = cells(&[255.0, 1.0, 0.0]);
    let (y, scales) = (cells(&[9i16; 3]), cells(&[0f32]));
    QuantizeRowsAsymmetric { row: 3 }.run(&x, &y, &scales);
    assert_eq!(values(&y), [255, 1, 0]);
    assert_eq!(values(&scales), [1.0]);
}

#[test]
fn what_is_not_a_number_counts_as_zero() {
    let x = cells(&[f32::NAN, 2.0]);
    let (y, scales) = (cells(&[9i16; 2]), cells(&[0f32]));
    QuantizeRows { row: 2 }.run(&x, &y, &scales);
    assert_eq!(values(&y), [0, 127]);
}
