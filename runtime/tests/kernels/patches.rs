//! Patches of an image against its pixels.

use core::cell::Cell;

use castiron_runtime::kernels::{Patch, Patches};

const IMAGE: [usize; 2] = [4, 6];
const PIXEL: usize = 2;
const PADDING: i8 = -7;

/// A byte of the image, or what lies around it.
fn byte([y, x]: [isize; 2], at: usize) -> i8 {
    match (0..4).contains(&y) && (0..6).contains(&x) {
        true => (10 * y + x) as i8 + 60 * at as i8,
        false => PADDING,
    }
}

/// A patch has the image where it lies in it, and padding where it does not: gathered from rows, or where a kernel wrote it.
#[test]
fn a_patch_is_a_part_of_an_image_or_padding() {
    let patch = Patch {
        start: 200,
        size: [3, 4],
        pixel: PIXEL,
        image: IMAGE,
        stride: [2, 2],
        before: [1, 1],
        padding: PADDING,
    };
    let patches = Patches {
        patches: [
            patch,
            Patch {
                start: 300,
                ..patch
            },
        ],
        strips: 3,
    };
    for row in 0..2 {
        let arena: Vec<Cell<i8>> = (0..400).map(|_| Cell::new(99)).collect();
        // Three rows of the image, or around it, as a line buffer holds them.
        let first = 2 * row as isize - 1;
        for (at, cell) in arena[100..][..3 * 6 * PIXEL].iter().enumerate() {
            let [pixel, of_pixel] = [at / PIXEL, at % PIXEL];
            let place = [first + (pixel / 6) as isize, (pixel % 6) as isize];
            cell.set(byte(place, of_pixel));
        }
        let mut met = Vec::new();
        patches.run(&arena, 100, row, |kernel, strip| {
            let start = [200, 300][kernel];
            let left = 2 * strip as isize - 1;
            for (at, cell) in arena[start..][..3 * 4 * PIXEL].iter().enumerate() {
                let [pixel, of_pixel] = [at / PIXEL, at % PIXEL];
                let place = [first + (pixel / 4) as isize, left + (pixel % 4) as isize];
                assert!(
                    kernel == 1 || cell.get() == byte(place, of_pixel),
                    "{place:?}"
                );
                // What a kernel writes around the image does not stay.
                let is_padding = byte(place, 0) == PADDING;
                let expected = if is_padding { PADDING } else { 50 };
                assert!(kernel == 0 || cell.get() == expected, "{place:?}");
            }
            if kernel == 0 {
                arena[300..][..3 * 4 * PIXEL]
                    .iter()
                    .for_each(|cell| cell.set(50));
            }
            met.push((kernel, strip));
        });
        assert_eq!(met, [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]);
        let around = [
            &arena[..100],
            &arena[136..200],
            &arena[224..300],
            &arena[324..],
        ];
        assert!(
            around
                .iter()
                .flat_map(|cells| cells.iter())
                .all(|cell| cell.get() == 99)
        );
    }
}
