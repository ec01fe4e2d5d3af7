use crate::testing::cells;
use castiron_runtime::kernels::*;

#[test]
fn equal_elements_keep_their_order() {
    let kernel = TopK { depth: 5, count: 3 };
    let (mut values, mut indices) = ([0; 6], [0; 6]);
    let mut x = [2i8, 5, 2, 5, -1, 0, 0, 0, 0, 0];
    kernel.run(cells(&mut x), cells(&mut values), cells(&mut indices));
    assert_eq!(values, [5, 5, 2, 0, 0, 0]);
    assert_eq!(indices, [1, 3, 0, 0, 1, 2]);
    let all = TopK { depth: 2, count: 2 };
    let (mut values, mut indices) = ([0.0; 2], [7; 2]);
    all.run(
        cells(&mut [f32::NEG_INFINITY, 1.0]),
        cells(&mut values),
        cells(&mut indices),
    );
    assert_eq!((values, indices), ([1.0, f32::NEG_INFINITY], [1, 0]));
    all.run(cells(&mut [1.0; 3]), cells(&mut [0.0; 1]), cells(&mut []));
}
