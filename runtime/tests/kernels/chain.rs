use core::cell::Cell;

use castiron_runtime::kernels::{
    Abs, Across, Add, Along, Chain, Each, End, Mul, Sub, Swapped, Then,
};

#[test]
fn steps_meet_rows_columns_and_elements() {
    // |row − x| × column + element.
    let chain = Chain {
        row: 3,
        steps: Then {
            first: Across {
                function: Swapped { function: Sub },
                step: 1,
            },
            rest: Then {
                first: Each { function: Abs {} },
                rest: Then {
                    first: Along {
                        function: Mul,
                        step: 0,
                    },
                    rest: Then {
                        first: Along {
                            function: Add,
                            step: 3,
                        },
                        rest: End,
                    },
                },
            },
        },
    };
    let x = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0].map(Cell::new);
    let elements = [10.0f32, 20.0, 30.0, 40.0, 50.0, 60.0].map(Cell::new);
    chain.run(&x, &[2.0, 7.0], &[1.0, 2.0, 3.0], &elements, &x, &x);
    assert_eq!(
        x.map(Cell::into_inner),
        [11.0, 20.0, 33.0, 43.0, 54.0, 63.0]
    );
}

#[test]
fn operands_too_short_compute_less() {
    let chain = Chain {
        row: 2,
        steps: Then {
            first: Along {
                function: Add,
                step: 2,
            },
            rest: End,
        },
    };
    let x = [1i32, 2, 3, 4].map(Cell::new);
    chain.run(&x, &[5, 6], &x, &x, &x, &x);
    assert_eq!(x.map(Cell::into_inner), [6, 8, 3, 4]);
}
