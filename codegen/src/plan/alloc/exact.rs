//! Exact search for a plan of a given height.
//!
//! **Which plans are looked at.** If a plan of height `capacity` exists, so does one whose
//! offsets sum to the least. In that one every item rests on the bottom or on another item
//! that overlaps it in time. Items are therefore placed from low to high, each on the highest
//! top under it (its *rest*), with offsets that never fall and equal offsets in order of
//! rank. A candidate is passed over
//! - if another unplaced item would fit wholly below it, since the other would lie there;
//! - if an identical item of lower rank is unplaced, since the two can change places.
//!
//! **When a branch is cut.** In a section nothing can start below the lowest rest of the
//! items still to be placed there, so this rest plus their sizes must not exceed the capacity.
//!
//! **Splitting.** When no unplaced lifetime crosses some point in time, both sides are solved
//! on their own; a failure on one side then never retries the other.
//!
//! The canonical order, dominance and splitting follow the ideas of M. D. Moffitt,
//! "MiniMalloc: A Lightweight Memory Allocator for Hardware-Accelerated Machine Learning",
//! ASPLOS 2023.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::meter::Meter;
use super::{Item, live};
use crate::sorted;

/// Larger components are left to local search: the search recurses once per item.
const MOST_ITEMS: usize = 512;
/// Failed states that are remembered in one search.
const MOST_FAILURES: usize = 1 << 17;

enum Outcome {
    Found,
    Impossible,
    OutOfSteps,
}

/// Lowers `peak` towards `floor`, below which no plan can be. Returns the proven bound: equal
/// to `peak` when the plan is optimal.
pub fn improve(
    items: &[Item],
    mut floor: u64,
    offsets: &mut Vec<u64>,
    peak: &mut u64,
    meter: &mut Meter,
) -> u64 {
    if items.len() > MOST_ITEMS {
        return floor;
    }
    let ranks = ranks(items);
    // Short tries with every ranking and several heights before long ones: which ranking is
    // lucky differs by orders of magnitude, and so does how hard a height is to refute.
    let mut slice = meter.left() / 1024;
    loop {
        for rank in &ranks {
            let mut heights = vec![floor, floor + (*peak - floor) / 2, *peak - 1];
            heights.dedup();
            for capacity in heights {
                if capacity < floor || capacity >= *peak {
                    continue;
                }
                let mut search = Search::new(items, rank, capacity, slice.min(meter.left()));
                let outcome = search.run();
                let alive = meter.spend(slice.min(meter.left()) - search.steps);
                match outcome {
                    Outcome::Found => {
                        *peak = (0..items.len())
                            .map(|i| search.offsets[i] + items[i].size)
                            .max()
                            .unwrap_or(0);
                        *offsets = search.offsets;
                    }
                    Outcome::Impossible => floor = capacity + 1,
                    Outcome::OutOfSteps => {}
                }
                if *peak <= floor || !alive {
                    return floor.min(*peak);
                }
            }
        }
        slice = slice.saturating_mul(4).max(1);
    }
}

/// Rankings: which of several items on one level to try first.
fn ranks(items: &[Item]) -> Vec<Vec<usize>> {
    let live = live(items);
    let width = |i: usize| (items[i].hi - items[i].lo + 1) as u64;
    let load = |i: usize| {
        live[items[i].lo..=items[i].hi]
            .iter()
            .copied()
            .max()
            .unwrap_or(0)
    };
    let rank = |key: &dyn Fn(usize) -> (u64, u64)| {
        let mut order: Vec<usize> = (0..items.len()).collect();
        sorted::positions_by_key(&mut order, |i| (Reverse(key(i)), i));
        let mut rank = vec![0; items.len()];
        for (at, i) in order.into_iter().enumerate() {
            rank[i] = at;
        }
        rank
    };
    vec![
        rank(&|i| (load(i), width(i) * items[i].size)),
        rank(&|i| (width(i), items[i].size)),
        rank(&|i| (items[i].size, width(i))),
        rank(&|i| (width(i) * items[i].size, width(i))),
    ]
}

/// An unplaced item and the offset at which it would rest now.
#[derive(Clone, Copy)]
struct Open {
    item: usize,
    rest: u64,
}

/// The place of the last item in the canonical order.
#[derive(Clone, Copy)]
struct Level {
    offset: u64,
    rank: usize,
}

struct Search<'a> {
    items: &'a [Item],
    rank: &'a [usize],
    capacity: u64,
    steps: u64,
    offsets: Vec<u64>,
    failures: HashSet<u128>,
    /// Per section: sizes still to be placed there (as differences), and a link to the next
    /// section that no item has reached yet.
    load: Vec<u64>,
    next: Vec<usize>,
}

impl<'a> Search<'a> {
    fn new(items: &'a [Item], rank: &'a [usize], capacity: u64, steps: u64) -> Self {
        let sections = items.iter().map(|i| i.hi + 1).max().unwrap_or(0);
        Self {
            items,
            rank,
            capacity,
            steps,
            offsets: vec![0; items.len()],
            failures: HashSet::new(),
            load: vec![0; sections + 1],
            next: vec![0; sections + 1],
        }
    }

    fn run(&mut self) -> Outcome {
        let mut open: Vec<Open> = (0..self.items.len())
            .map(|item| Open { item, rest: 0 })
            .collect();
        sorted::by_key(&mut open, |o| (self.items[o.item].lo, o.item));
        self.split(open, None)
    }

    /// Solves the independent parts of `open`, which is sorted by start.
    fn split(&mut self, open: Vec<Open>, level: Option<Level>) -> Outcome {
        let mut parts: Vec<Vec<Open>> = Vec::new();
        let mut start = 0;
        let mut end = 0;
        for at in 0..open.len() {
            let item = &self.items[open[at].item];
            if at > start && item.lo > end {
                parts.push(open[start..at].to_vec());
                start = at;
            }
            end = end.max(item.hi);
        }
        if start == 0 {
            parts.push(open);
        } else {
            parts.push(open[start..].to_vec());
        }
        // Every part must have room before time is spent on the first; the smallest one
        // fails soonest.
        for part in &parts {
            if !self.has_room(part, level) {
                return Outcome::Impossible;
            }
        }
        sorted::by_key(&mut parts, Vec::len);
        for part in parts {
            match self.place(part, level) {
                Outcome::Found => {}
                other => return other,
            }
        }
        Outcome::Found
    }

    /// Places one item of a connected part, then the others.
    fn place(&mut self, open: Vec<Open>, level: Option<Level>) -> Outcome {
        let cost = 1 + open.len() as u64;
        if self.steps <= cost {
            self.steps = 0;
            return Outcome::OutOfSteps;
        }
        self.steps -= cost;
        let Some(lowest_top) = open.iter().map(|o| o.rest + self.items[o.item].size).min() else {
            return Outcome::Found;
        };
        let state = self.state(&open, level);
        if self.failures.contains(&state) {
            return Outcome::Impossible;
        }
        let mut candidates: Vec<Open> = open
            .iter()
            .copied()
            .filter(|o| {
                o.rest < lowest_top
                    && level.is_none_or(|l| (o.rest, self.rank[o.item]) > (l.offset, l.rank))
            })
            .collect();
        candidates.sort_unstable_by_key(|o| (o.rest, self.rank[o.item]));
        for at in 0..candidates.len() {
            let Open { item, rest } = candidates[at];
            if candidates[..at]
                .iter()
                .any(|o| self.items[o.item] == self.items[item])
            {
                continue;
            }
            let placed = self.items[item];
            let top = rest + placed.size;
            let rest_of = |o: &Open| {
                if self.items[o.item].overlaps(&placed) {
                    o.rest.max(top)
                } else {
                    o.rest
                }
            };
            let left: Vec<Open> = open
                .iter()
                .filter(|o| o.item != item)
                .map(|o| Open {
                    item: o.item,
                    rest: rest_of(o),
                })
                .collect();
            self.offsets[item] = rest;
            match self.split(
                left,
                Some(Level {
                    offset: rest,
                    rank: self.rank[item],
                }),
            ) {
                Outcome::Impossible => {}
                other => return other,
            }
        }
        if self.failures.len() < MOST_FAILURES {
            self.failures.insert(state);
        }
        Outcome::Impossible
    }

    /// Whether in every section the lowest possible start leaves room for what is to come.
    fn has_room(&mut self, open: &[Open], level: Option<Level>) -> bool {
        let (Some(lo), Some(hi)) = (
            open.iter().map(|o| self.items[o.item].lo).min(),
            open.iter().map(|o| self.items[o.item].hi).max(),
        ) else {
            return true;
        };
        let cost = (open.len() + hi - lo) as u64;
        self.steps = self.steps.saturating_sub(cost);
        self.load[lo..=hi + 1].fill(0);
        for o in open {
            let Item { size, lo, hi } = self.items[o.item];
            self.load[lo] = self.load[lo].wrapping_add(size);
            self.load[hi + 1] = self.load[hi + 1].wrapping_sub(size);
        }
        for s in lo..=hi {
            self.load[s + 1] = self.load[s + 1].wrapping_add(self.load[s]);
            self.next[s] = s;
        }
        self.next[hi + 1] = hi + 1;
        // Lowest rest first: whoever reaches a section first is the lowest there.
        let bottom = level.map_or(0, |l| l.offset);
        let mut by_rest: Vec<Open> = open.to_vec();
        by_rest.sort_unstable_by_key(|o| o.rest);
        for o in by_rest {
            let start = o.rest.max(bottom);
            let item = self.items[o.item];
            let mut s = self.unreached(item.lo);
            while s <= item.hi {
                if start + self.load[s] > self.capacity {
                    return false;
                }
                self.next[s] = s + 1;
                s = self.unreached(s + 1);
            }
        }
        true
    }

    /// The first section from `s` on that no item has reached.
    fn unreached(&mut self, mut s: usize) -> usize {
        while self.next[s] != s {
            // Halving the path keeps later look-ups short.
            self.next[s] = self.next[self.next[s]];
            s = self.next[s];
        }
        s
    }

    /// A fingerprint of all that decides whether a part can be completed.
    fn state(&self, open: &[Open], level: Option<Level>) -> u128 {
        let offset = level.map_or(0, |l| l.offset);
        // The rank matters only to items that would rest on the same level.
        let rank = level
            .filter(|_| open.iter().any(|o| o.rest == offset))
            .map_or(0, |l| l.rank as u64 + 1);
        let mut hash = mix(offset, rank);
        for o in open {
            hash = hash.wrapping_add(mix(o.item as u64 + 1_000_003, o.rest));
        }
        hash
    }
}

/// Spreads two numbers over 128 bits (multiply and shift, twice over).
fn mix(a: u64, b: u64) -> u128 {
    const K: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let mut x = (u128::from(a) << 64 | u128::from(b)).wrapping_mul(K);
    x ^= x >> 59;
    x = x.wrapping_mul(K);
    x ^ x >> 61
}
