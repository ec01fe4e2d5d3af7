mod occupied;

use castiron_codegen::plan::alloc::exact;
use proptest::prelude::*;

use castiron_codegen::plan::alloc::meter::Meter;
use castiron_codegen::plan::alloc::*;
use std::time::Duration;

fn buffers(list: &[(usize, usize, usize)]) -> Vec<Buffer> {
    list.iter()
        .map(|&(bytes, first, last)| Buffer { bytes, first, last })
        .collect()
}

fn check(buffers: &[Buffer], alignment: usize, a: &Allocation) {
    assert_eq!(a.offsets.len(), buffers.len());
    let up = |x: usize| x.next_multiple_of(alignment);
    let mut peak = 0;
    for (i, b) in buffers.iter().enumerate() {
        assert_eq!(a.offsets[i] % alignment, 0);
        peak = peak.max(up(a.offsets[i] + b.bytes));
        for (j, c) in buffers.iter().enumerate().skip(i + 1) {
            let in_time = b.first <= c.last && c.first <= b.last;
            let in_space = a.offsets[i] < a.offsets[j] + c.bytes
                && a.offsets[j] < a.offsets[i] + b.bytes
                && b.bytes > 0
                && c.bytes > 0;
            assert!(!(in_time && in_space), "buffers {i} and {j} overlap");
        }
    }
    assert_eq!(peak, a.peak_bytes);
    let end = buffers.iter().map(|b| b.last + 1).max().unwrap_or(0);
    let bound = (0..end)
        .map(|t| {
            buffers
                .iter()
                .filter(|b| b.first <= t && t <= b.last)
                .map(|b| up(b.bytes))
                .sum::<usize>()
        })
        .max()
        .unwrap_or(0);
    assert_eq!(bound, a.lower_bound_bytes);
    assert!(a.peak_bytes >= bound);
}

/// The least height over all orders of first fit, which some order always attains.
fn brute_force(buffers: &[Buffer], placed: &mut Vec<(usize, usize)>, best: &mut usize) {
    if placed.len() == buffers.len() {
        *best = (*best).min(
            placed
                .iter()
                .map(|&(i, o)| o + buffers[i].bytes)
                .max()
                .unwrap_or(0),
        );
        return;
    }
    for i in 0..buffers.len() {
        if placed.iter().any(|&(j, _)| j == i) {
            continue;
        }
        let offset = placed
            .iter()
            .filter(|&&(j, _)| {
                buffers[j].first <= buffers[i].last && buffers[i].first <= buffers[j].last
            })
            .map(|&(j, o)| o + buffers[j].bytes)
            .max()
            .unwrap_or(0);
        placed.push((i, offset));
        brute_force(buffers, placed, best);
        placed.pop();
    }
}

#[test]
fn nothing_takes_nothing() {
    let a = allocate(&[], 16, &Budget::default());
    assert_eq!((a.peak_bytes, a.lower_bound_bytes, a.optimal), (0, 0, true));
    let a = allocate(&buffers(&[(0, 0, 9), (0, 3, 3)]), 16, &Budget::default());
    assert_eq!((a.peak_bytes, a.offsets, a.optimal), (0, vec![0, 0], true));
}

#[test]
fn a_chain_needs_its_widest_pair() {
    let b = buffers(&[(100, 0, 1), (300, 1, 2), (50, 2, 3), (200, 3, 4)]);
    let a = allocate(&b, 1, &Budget::default());
    check(&b, 1, &a);
    assert_eq!((a.peak_bytes, a.optimal), (400, true));
}

/// The first layers of MobileNetV1 0.25 at 96×96, as in MLPerf Tiny's visual wake words:
/// placing the largest first pushes one 18,432-byte buffer above both its neighbours.
#[test]
fn visual_wake_words_need_no_more_than_their_widest_pair() {
    let sizes = [
        27_648, 18_432, 18_432, 36_864, 9_216, 18_432, 18_432, 18_432, 4_608,
    ];
    let b: Vec<Buffer> = sizes
        .iter()
        .enumerate()
        .map(|(first, &bytes)| Buffer {
            bytes,
            first,
            last: first + 1,
        })
        .collect();
    let a = allocate(&b, 16, &Budget::default());
    check(&b, 16, &a);
    assert_eq!((a.peak_bytes, a.optimal), (55_296, true));
}

#[test]
fn sizes_round_up_to_the_alignment() {
    let b = buffers(&[(1, 0, 1), (17, 0, 1), (16, 1, 1)]);
    let a = allocate(&b, 16, &Budget::default());
    check(&b, 16, &a);
    assert_eq!(a.peak_bytes, 64);
}

#[test]
fn parts_of_time_without_a_link_are_independent() {
    let b = buffers(&[(8, 0, 3), (8, 4, 9), (4, 4, 5), (2, 20, 30)]);
    let a = allocate(&b, 1, &Budget::default());
    check(&b, 1, &a);
    assert_eq!((a.peak_bytes, a.optimal), (12, true));
}

/// First fit leaves a hole in every greedy order; the live bytes of step 1 are 2 + 3 + 4.
#[test]
fn the_search_closes_the_hole_that_greedy_leaves() {
    let b = buffers(&[(2, 1, 2), (3, 1, 3), (4, 3, 3), (1, 2, 4), (4, 0, 1)]);
    let greedy = allocate(
        &b,
        1,
        &Budget {
            steps: 0,
            time: None,
        },
    );
    check(&b, 1, &greedy);
    assert_eq!(
        (greedy.peak_bytes, greedy.lower_bound_bytes, greedy.optimal),
        (10, 9, false)
    );
    let searched = allocate(&b, 1, &Budget::default());
    check(&b, 1, &searched);
    assert_eq!((searched.peak_bytes, searched.optimal), (9, true));
}

#[test]
fn an_elapsed_clock_stops_the_search() {
    let b = hard(3, 120);
    let budget = Budget {
        steps: u64::MAX,
        time: Some(Duration::ZERO),
    };
    check(&b, 1, &allocate(&b, 1, &budget));
}

#[test]
fn a_component_too_large_to_search_still_gets_a_plan() {
    let b = hard(5, 1500);
    check(
        &b,
        1,
        &allocate(
            &b,
            1,
            &Budget {
                steps: 3_000_000,
                time: None,
            },
        ),
    );
}

/// Test threads have a quarter of the usual stack: the search must not be deeper than fits.
#[test]
fn the_deepest_search_fits_the_stack() {
    let items: Vec<Item> = (0..512)
        .map(|i| Item {
            size: i + 1,
            lo: 0,
            hi: 0,
            steps: 1,
        })
        .collect();
    let (mut offsets, sum) = (Vec::new(), 512 * 513 / 2);
    let mut peak = sum + 1;
    let mut meter = Meter::new(&Budget {
        steps: 1 << 40,
        time: None,
    });
    assert_eq!(
        exact::improve(&items, sum, &mut offsets, &mut peak, &mut meter),
        sum
    );
    assert_eq!(offsets.len(), 512);
}

/// Pieces of a rectangle lie in it without a gap: at every step all of its height is live.
#[test]
fn pieces_of_a_rectangle_are_packed_without_a_gap() {
    for (seed, pieces) in [(5, 60), (9, 100), (10, 120), (11, 150)] {
        let b = pieces_of(1 << 20, 1000, pieces, seed);
        let none = Budget {
            steps: 0,
            time: None,
        };
        let greedy = allocate(&b, 1, &none);
        assert!(greedy.peak_bytes > 1 << 20, "{pieces} pieces are too easy");
        let budget = Budget {
            steps: 3_000_000,
            time: None,
        };
        let a = allocate(&b, 1, &budget);
        check(&b, 1, &a);
        assert_eq!(
            (a.peak_bytes, a.optimal),
            (1 << 20, true),
            "{pieces} pieces"
        );
    }
}

/// A rectangle of bytes and steps, cut across or along, as are its parts, always the largest next.
fn pieces_of(bytes: usize, steps: usize, pieces: usize, seed: u64) -> Vec<Buffer> {
    let mut x = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1;
    let mut below = |end: usize| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 20) as usize % end
    };
    let mut parts = vec![(bytes, 0, steps - 1)];
    while parts.len() < pieces {
        let area = |&(bytes, first, last): &(usize, usize, usize)| bytes * (last - first + 1);
        let largest = (0..parts.len()).max_by_key(|&at| area(&parts[at])).unwrap();
        let (bytes, first, last) = parts.swap_remove(largest);
        // Near the middle, so that no piece is a sliver.
        let across = below(2) == 0 && last - first > 8;
        let mut cut = |length: usize| length / 4 + below(length / 2);
        if across {
            let middle = first + cut(last - first);
            parts.extend([(bytes, first, middle), (bytes, middle + 1, last)]);
        } else {
            let under = cut(bytes);
            parts.extend([(under, first, last), (bytes - under, first, last)]);
        }
    }
    buffers(&parts)
}

/// Pseudo-random buffers in one component.
fn hard(seed: u64, n: usize) -> Vec<Buffer> {
    let mut x = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1;
    let mut below = |end: u64| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        ((x >> 20) % end) as usize
    };
    (0..n)
        .map(|_| {
            let first = below(n as u64);
            Buffer {
                bytes: 1 + below(1000),
                first,
                last: first + below(n as u64 / 5 + 1),
            }
        })
        .collect()
}

fn any_buffers(most: usize, size: usize, time: usize) -> impl Strategy<Value = Vec<Buffer>> {
    prop::collection::vec((0..=size, 0..time, 0..time), 0..=most).prop_map(|list| {
        list.into_iter()
            .map(|(bytes, a, b)| Buffer {
                bytes,
                first: a.min(b),
                last: a.max(b),
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(crate::unit::settings())]

    #[test]
    fn plans_are_sound(b in any_buffers(40, 200, 30), shift in 0u32..6) {
        let budget = Budget { steps: 200_000, time: None };
        let a = allocate(&b, 1 << shift, &budget);
        check(&b, 1 << shift, &a);
        let greedy = allocate(&b, 1 << shift, &Budget { steps: 0, time: None });
        prop_assert!(a.peak_bytes <= greedy.peak_bytes);
        prop_assert_eq!(allocate(&b, 1 << shift, &budget), a);
    }

    #[test]
    fn tiny_problems_are_solved_exactly(b in any_buffers(7, 6, 8)) {
        let a = allocate(&b, 1, &Budget::default());
        check(&b, 1, &a);
        let mut best = usize::MAX;
        brute_force(&b, &mut Vec::new(), &mut best);
        prop_assert!(a.optimal);
        prop_assert_eq!(a.peak_bytes, best);
    }

    #[test]
    fn optimal_is_never_claimed_wrongly(b in any_buffers(7, 6, 8), steps in 0u64..200) {
        let a = allocate(&b, 1, &Budget { steps, time: None });
        check(&b, 1, &a);
        let mut best = usize::MAX;
        brute_force(&b, &mut Vec::new(), &mut best);
        prop_assert!(a.peak_bytes >= best);
        prop_assert!(!a.optimal || a.peak_bytes == best);
    }

    /// The search itself, without greedy plans that leave it nothing to do.
    #[test]
    fn the_search_finds_and_refutes(b in any_buffers(7, 6, 8)) {
        for c in components(&b, 1) {
            let mut offsets = vec![0; c.items.len()];
            let mut peak: u64 = c.items.iter().map(|i| i.size).sum::<u64>() + 1;
            let mut meter = Meter::new(&Budget::default());
            let bound = exact::improve(&c.items, 0, &mut offsets, &mut peak, &mut meter);
            let part: Vec<Buffer> = c.members.iter().map(|&i| b[i]).collect();
            let mut best = usize::MAX;
            brute_force(&part, &mut Vec::new(), &mut best);
            prop_assert_eq!((peak, bound), (best as u64, best as u64));
        }
    }
}

/// Whether two buffers keep to what they may share.
fn keep_to(overlap: &Overlap, buffers: &[Buffer], offsets: &[usize]) -> bool {
    let [input, output] = [overlap.input, overlap.output].map(|at| offsets[at]);
    let apart = input + buffers[overlap.input].bytes <= output
        || output + buffers[overlap.output].bytes <= input;
    let distance = input.checked_sub(output);
    apart
        || distance.is_some_and(|distance| match overlap.farther {
            true => distance >= overlap.distance,
            false => distance == overlap.distance,
        })
}

proptest! {
    #![proptest_config(crate::unit::settings())]

    /// A chain of buffers, each of which may overlap the one before, and some that are live for long.
    #[test]
    fn buffers_that_may_overlap_keep_their_distance(
        chain in prop::collection::vec((1usize..40, 0usize..50, any::<bool>()), 2..8),
        others in prop::collection::vec((1usize..20, 0usize..8, 0usize..4), 0..4),
        alignment in 1usize..5,
    ) {
        let links = chain.iter().enumerate().map(|(at, (bytes, ..))| (*bytes, at, at + 1));
        let others = others.iter().map(|(bytes, first, more)| (*bytes, *first, first + more));
        let b = buffers(&links.chain(others).collect::<Vec<_>>());
        let overlaps = chain.iter().enumerate().skip(1).map(|(at, (_, distance, farther))| Overlap {
            input: at - 1,
            output: at,
            distance: *distance,
            farther: *farther,
        });
        let overlaps: Vec<Overlap> = overlaps.collect();
        let budget = Budget { steps: 50_000, time: None };
        let a = allocate_overlapping(&b, &overlaps, alignment, &budget);
        prop_assert!(a.lower_bound_bytes <= a.peak_bytes);
        let ends = b.iter().zip(&a.offsets).map(|(b, offset)| offset + b.bytes);
        prop_assert_eq!(ends.max().unwrap_or(0).next_multiple_of(alignment), a.peak_bytes);
        for (i, one) in b.iter().enumerate() {
            for (j, other) in b.iter().enumerate().skip(i + 1) {
                let in_time = one.first <= other.last && other.first <= one.last;
                let apart = a.offsets[i] + one.bytes <= a.offsets[j]
                    || a.offsets[j] + other.bytes <= a.offsets[i];
                let overlap = overlaps.iter().find(|o| (o.input, o.output) == (i, j));
                let kept = overlap.is_some_and(|overlap| keep_to(overlap, &b, &a.offsets));
                prop_assert!(!in_time || apart || kept, "buffers {} and {}", i, j);
            }
        }
        let none = Budget { steps: 0, time: None };
        let apart = allocate(&b, alignment, &none);
        prop_assert!(a.lower_bound_bytes <= apart.lower_bound_bytes);
    }
}
