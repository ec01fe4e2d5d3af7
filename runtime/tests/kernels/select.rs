use crate::testing::cells;
use castiron_runtime::kernels::*;
use std::cell::Cell;

fn select(loops: [(usize, [usize; 3]); 2]) -> Select {
    let mut counts = [1; LOOPS];
    let mut steps = [[0; 3]; LOOPS];
    for (i, (count, step)) in (LOOPS - 2..).zip(loops) {
        (counts[i], steps[i]) = (count, step);
    }
    Select { counts, steps }
}

#[test]
fn every_operand_may_repeat_and_lie_anywhere() {
    // A condition for each row, one value for each column, and one for all.
    let select = select([(2, [1, 0, 0]), (3, [0, 1, 0])]);
    let mut y = [0; 6];
    select.run(&[0, 2], cells(&mut [1, 2, 3]), &[9], cells(&mut y));
    assert_eq!(y, [9, 9, 9, 1, 2, 3]);
}

#[test]
fn it_runs_in_place_and_short_operands_compute_less() {
    let select = select([(1, [0; 3]), (4, [1, 1, 1])]);
    let mut y = [1.0, 2.0, 3.0, 4.0];
    let cells = cells(&mut y);
    select.run(&[1u8, 0, 0, 1], cells, &[5.0, 6.0, 7.0, 8.0], cells);
    assert_eq!(y, [1.0, 6.0, 7.0, 4.0]);
    let cells = Cell::from_mut(&mut y[..]).as_slice_of_cells();
    select.run(&[0u8; 4], cells, &[0.5], cells);
    assert_eq!(y, [0.5, 6.0, 7.0, 4.0]);
}
