use castiron_runtime::kernels::*;
use std::cell::Cell;

const UNUSED: OuterDim = OuterDim {
    count: 1,
    first: 0,
    second: 0,
};

struct Sum;

impl Combine<i32, i32> for Sum {
    fn combine(&self, first: i32, second: i32) -> i32 {
        first + second
    }
}

fn add(broadcast: Option<Broadcast>, first: &[Cell<i32>], second: &[i32], y: &[Cell<i32>]) {
    let meeting = Meeting {
        broadcast: broadcast.as_ref(),
        first,
        second,
        y,
    };
    Sum.meet(meeting);
}

#[test]
fn one_second_operand_serves_all() {
    let values = [1, 2, 3].map(Cell::new);
    add(None, &values, &[5], &values);
    assert_eq!(values.map(|y| y.get()), [6, 7, 8]);
}

#[test]
fn runs_meet_as_the_dimensions_say() {
    // [2, 1, 3] + [4, 1] gives [2, 4, 3]: runs of 3 with one second operand.
    let broadcast = Broadcast {
        run: 3,
        second_run: 1,
        outer: [
            OuterDim {
                count: 4,
                first: 0,
                second: 1,
            },
            OuterDim {
                count: 2,
                first: 3,
                second: 0,
            },
            UNUSED,
            UNUSED,
            UNUSED,
            UNUSED,
        ],
    };
    let x = [0, 1, 2, 3, 4, 5].map(Cell::new);
    let y = [const { Cell::new(0) }; 24];
    add(Some(broadcast), &x, &[10, 20, 30, 40], &y);
    for (i, y) in y.iter().enumerate() {
        let (a, b, c) = (i / 12, i / 3 % 4, i % 3);
        assert_eq!(y.get(), (a * 3 + c + (b + 1) * 10) as i32);
    }
}

#[test]
fn operands_too_short_compute_less() {
    let y = [const { Cell::new(0) }; 4];
    add(None, &[Cell::new(1)], &[1, 1], &y);
    let broadcast = Broadcast {
        run: 0,
        second_run: 9,
        outer: [UNUSED; OUTER_DIMS],
    };
    add(Some(broadcast), &y, &[1], &y);
    assert_eq!(y.map(|y| y.get()), [2, 0, 0, 0]);
}
