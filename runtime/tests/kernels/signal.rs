use crate::testing::cells;
use castiron_runtime::kernels::*;

#[test]
fn scaling_leaves_one_bit_for_the_sign() {
    let scale = |mut x: [i16; 3]| {
        let (mut y, mut bits) = ([0; 3], [0]);
        FftAutoScale.run(cells(&mut x), cells(&mut y), cells(&mut bits));
        (y, bits[0])
    };
    assert_eq!(scale([0; 3]), ([0; 3], 0));
    assert_eq!(scale([1, -2, 3]), ([8192, -16384, 24576], 13));
    assert_eq!(scale([i16::MIN, 0, 0]), ([i16::MIN, 0, 0], 0));
}

#[test]
fn energies_outside_of_the_range_are_zeros() {
    let (mut x, mut y) = ([i16::MIN, i16::MIN, 3, 4, 5, 6], [9; 3]);
    let energy = Energy { start: 0, end: 2 };
    energy.run(cells(&mut x), cells(&mut y));
    assert_eq!(y, [1 << 31, 25, 0]);
}
