use castiron_runtime::kernels::*;
use std::cell::Cell;

#[test]
fn operands_in_either_order_and_place() {
    let y = Cell::new(0);
    let mut zip = Zip {
        function: Sub,
        exchanged: false,
        broadcast: None,
    };
    zip.run(&[Cell::new(7)], &[3], core::slice::from_ref(&y));
    assert_eq!(y.get(), 4);
    zip.exchanged = true;
    zip.run(&[Cell::new(7)], &[Cell::new(3)], core::slice::from_ref(&y));
    assert_eq!(y.get(), -4);
}

#[test]
fn int32_wraps_before_it_clamps() {
    let zip = Zip {
        function: Clamped {
            function: Add,
            min: 0,
            max: 6,
        },
        exchanged: false,
        broadcast: None,
    };
    let mut values = [i32::MAX, 2, 9];
    let cells = Cell::from_mut(&mut values[..]).as_slice_of_cells();
    zip.run(cells, cells, cells);
    assert_eq!(values, [0, 4, 6]);
}

#[test]
fn activations_clamp_floats_and_leave_nan() {
    let zip = Zip {
        function: Clamped {
            function: Sub,
            min: 0.0,
            max: 6.0,
        },
        exchanged: false,
        broadcast: None,
    };
    let x = [9.0, 5.0, 1.0, f32::NAN].map(Cell::new);
    let y = [1.0f32, 1.0, 2.0, 0.0].map(Cell::new);
    zip.run(&x, &y, &y);
    let y = y.map(|y| y.get());
    assert_eq!(y[..3], [6.0, 4.0, 0.0]);
    assert!(y[3].is_nan());
}
