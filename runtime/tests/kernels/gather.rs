use crate::testing::cells;
use castiron_runtime::kernels::*;

#[test]
fn places_beyond_the_input_are_zeros() {
    let gather = Gather {
        batches: 1,
        parts: 2,
        part: 3,
        places: 5,
        depth: 1,
        steps: [1, 0, 0, 0, 0, 0],
        block: 1,
    };
    let mut y = [9; 10];
    gather.run(
        &[1u8, 2, 3, 4, 5, 6],
        &[2, -1, 0, 3, i32::MAX],
        cells(&mut y),
    );
    assert_eq!(y, [3, 0, 1, 0, 0, 6, 0, 4, 0, 0]);
}

#[test]
fn an_update_stays_within() {
    let mut blocks = Blocks {
        counts: [1; LOOPS],
        x_start: 0,
        x_steps: [0; LOOPS],
        y_start: 0,
        y_steps: [0; LOOPS],
        block: 2,
    };
    (
        blocks.counts[LOOPS - 1],
        blocks.x_steps[LOOPS - 1],
        blocks.y_steps[LOOPS - 1],
    ) = (2, 2, 4);
    let update = UpdateSlice {
        blocks,
        most: [1, 2, 0, 0, 0, 0],
        steps: [4, 1, 0, 0, 0, 0],
    };
    for (starts, expected) in [
        ([0, 1], [0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0]),
        ([7, -7], [0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0]),
        ([i32::MIN, i32::MAX], [0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0]),
    ] {
        let mut y = [0; 12];
        update.run(&[1u8, 2, 3, 4], &starts, cells(&mut y));
        assert_eq!(y, expected, "{starts:?}");
    }
}
