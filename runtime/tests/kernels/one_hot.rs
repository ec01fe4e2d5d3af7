use crate::testing::cells;
use castiron_runtime::kernels::*;

#[test]
fn indices_beyond_the_places_have_none() {
    let kernel = OneHot {
        depth: 2,
        row: 3,
        element: 1,
    };
    let mut y = [7; 6];
    kernel.run(&[1, -1, 0], &[9u8], &[3u8], cells(&mut y));
    assert_eq!(y, [3, 3, 9, 9, 3, 3]);
    kernel.run(&[1], &[9u8], &[3u8], cells(&mut [0; 1]));
    kernel.run(&[1, 0], cells(&mut [1]), &[3u8], cells(&mut []));
}
