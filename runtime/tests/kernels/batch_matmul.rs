use crate::testing::cells;
use castiron_runtime::kernels::*;

const ONE: OuterDim = OuterDim {
    count: 1,
    first: 0,
    second: 0,
};

/// [[1, 2, 3], [4, 5, 6]] times a matrix of five columns, given column by column.
fn kernel() -> BatchMatmulF32 {
    BatchMatmulF32 {
        sizes: BatchMatmulSizes {
            batches: [ONE; OUTER_DIMS],
            rows: 2,
            columns: 5,
            depth: 3,
            first: [3, 1],
            second: [3, 1],
            y: [5, 1],
        },
    }
}

#[test]
fn products_follow_the_definition() {
    let mut second = [0.0; 15];
    for (i, value) in second.iter_mut().enumerate() {
        *value = (i % 4) as f32;
    }
    let mut y = [0.0; 10];
    kernel().run(
        &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        cells(&mut second),
        cells(&mut y),
    );
    assert_eq!(y, [8.0, 6.0, 8.0, 14.0, 8.0, 17.0, 18.0, 23.0, 32.0, 17.0]);
}

#[test]
fn short_operands_compute_less() {
    kernel().run(&[1.0], cells(&mut [1.0, 2.0]), cells(&mut [0.0; 3]));
    kernel().run::<f32>(&[], cells(&mut []), cells(&mut []));
}
