use std::vec::Vec;

use crate::testing::{Numbers, cells, times};
use castiron_runtime::kernels::*;

#[test]
fn every_block_arrives() {
    let mut n = Numbers::new(1);
    for _ in 0..times(200) {
        let counts = [(); LOOPS].map(|()| 1 + n.below(2));
        let block = n.below(30);
        // The source is packed; the destination has gaps after every loop.
        let (mut x_steps, mut y_steps) = ([0; LOOPS], [0; LOOPS]);
        let (mut x_len, mut y_len) = (block, block);
        for i in (0..LOOPS).rev() {
            y_len += n.below(5);
            (x_steps[i], y_steps[i]) = (x_len as isize, y_len as isize);
            x_len *= counts[i];
            y_len *= counts[i];
        }
        let blocks = Blocks {
            counts,
            x_start: 0,
            x_steps,
            y_start: 0,
            y_steps,
            block,
        };
        let mut x: Vec<u8> = (0..x_len).map(|_| n.next() as u8 | 1).collect();
        let mut expected = std::vec![0; y_len];
        for (i, x) in x.iter().enumerate() {
            let (mut rest, mut to) = (i / block, i % block);
            for j in (0..LOOPS).rev() {
                to += rest % counts[j] * y_steps[j] as usize;
                rest /= counts[j];
            }
            expected[to] = *x;
        }
        let mut y = std::vec![0; y_len];
        CopyBlocks { blocks }.run(&x, cells(&mut y));
        assert_eq!(y, expected, "{blocks:?}");
        y.fill(0);
        CopyBlocks { blocks }.run(cells(&mut x), cells(&mut y));
        assert_eq!(y, expected, "{blocks:?}");
    }
}

/// A source that is gone through backwards, in columns.
#[test]
fn steps_may_go_backwards() {
    let mut blocks = Blocks {
        counts: [1; LOOPS],
        x_start: 5,
        x_steps: [0; LOOPS],
        y_start: 0,
        y_steps: [0; LOOPS],
        block: 1,
    };
    (blocks.counts[4], blocks.counts[5]) = (3, 2);
    (blocks.x_steps[4], blocks.x_steps[5]) = (-1, -3);
    (blocks.y_steps[4], blocks.y_steps[5]) = (2, 1);
    let mut y = [0; 6];
    CopyBlocks { blocks }.run(&[10, 11, 12, 20, 21, 22], cells(&mut y));
    assert_eq!(y, [22, 12, 21, 11, 20, 10]);

    // The same of larger elements, whose steps are in elements.
    let words = [10, 11, 12, 20, 21, 22].map(|x| x << 40 | x);
    let mut y = [0u64; 6];
    CopyElements { blocks }.run(&words, cells(&mut y));
    assert_eq!(y, [22, 12, 21, 11, 20, 10].map(|x| x << 40 | x));
}

#[test]
fn a_fill_repeats_its_value() {
    let mut y = [0; 21];
    Fill {
        pattern: [1, 2, 3, 4, 1, 2, 3, 4],
    }
    .run(cells(&mut y));
    for (i, y) in y.iter().enumerate() {
        assert_eq!(usize::from(*y), i % 4 + 1);
    }
}
