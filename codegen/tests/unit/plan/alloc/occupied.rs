use proptest::prelude::*;

use castiron_codegen::plan::alloc::occupied::Occupied;

const MOMENTS: usize = 11;

/// The lowest gap, found by looking at every buffer for every offset.
fn lowest_gap(placed: &[(usize, usize, u64, u64)], first: usize, last: usize, size: u64) -> u64 {
    let free = |offset: &u64| {
        placed.iter().all(|&(from, to, at, bytes)| {
            to < first || last < from || at + bytes <= *offset || offset + size <= at
        })
    };
    (0..).find(free).expect("addresses do not end")
}

proptest! {
    #![proptest_config(crate::unit::settings())]

    #[test]
    fn gaps_are_those_that_a_look_at_every_buffer_finds(
        buffers in prop::collection::vec((0..MOMENTS, 0..MOMENTS, 0..9_u64, 0..40_u64), 0..40),
    ) {
        let mut occupied = Occupied::new(MOMENTS);
        let mut placed = Vec::new();
        for (a, b, size, offset) in buffers {
            let (first, last) = (a.min(b), a.max(b));
            let gap = lowest_gap(&placed, first, last, size.max(1));
            prop_assert_eq!(occupied.lowest_gap(first, last, size.max(1)), gap);
            // In the gap or anywhere, as a file's own plan may have it.
            let offset = if offset % 2 == 0 { gap } else { offset };
            occupied.add(first, last, offset, size);
            if size > 0 {
                placed.push((first, last, offset, size));
            }
        }
    }
}
