//! Exact search for a plan of a given height.
//!
//! **Which plans are looked at.** If a plan of height `capacity` exists, so does one whose
//! offsets sum to the least. In that one every item rests on the bottom or on another item
//! that overlaps it in time. Items are therefore placed from low to high, each on the highest
//! top under it (its *rest*). The search takes an unplaced item of the lowest rest and decides:
//! it lies there, or it is *barred* from there until an item under it lifts its rest. No item
//! is placed as high as another would end, since the other would lie below.
//!
//! **When a branch is cut.** A barred item begins no lower than the lowest top that another
//! can give it; if there is none, or the item would then stick out, no plan is left. In a
//! section nothing begins below the lowest of the items still to be placed there, so that and
//! their sizes have to fit the capacity. What failed once is not tried again.
//!
//! **Splitting.** When no unplaced lifetime crosses some point in time, both sides are solved
//! on their own; a failure on one side then never retries the other. Each side ranks its items
//! anew, by what is left to be placed.
//!
//! Placing from low to high, splitting and the bound of sections follow M. D. Moffitt,
//! "MiniMalloc: A Lightweight Memory Allocator for Hardware-Accelerated Machine Learning",
//! ASPLOS 2023. There a branch only says which item is next. That the items passed over have
//! to be lifted is this search's own, and cuts many branches sooner.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::meter::Meter;
use super::{Item, live};
use crate::sorted;

/// Larger components are left to local search: the search recurses once per item.
const MOST_ITEMS: usize = 512;
/// Failed states that are remembered in one search.
const MOST_FAILURES: usize = 1 << 17;
/// The part of the budget that the first tries may spend each: one in this many.
const FIRST_SHARE: u64 = 256;
/// Items and sections looked at for one step of the budget.
const LOOKS_PER_STEP: usize = 8;

#[derive(Clone, Copy)]
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
    if items.len() > MOST_ITEMS || meter.left() == 0 {
        return floor;
    }
    // Short tries with every ranking and several heights before long ones: which ranking is
    // lucky differs by orders of magnitude, and so does how hard a height is to refute.
    let mut slice = (meter.left() / FIRST_SHARE).max(1);
    loop {
        for ranking in RANKINGS {
            for height in [Height::Floor, Height::Half, Height::Peak] {
                loop {
                    let capacity = match height {
                        Height::Floor => floor,
                        Height::Half => floor + (*peak - floor) / 2,
                        Height::Peak => *peak - 1,
                    };
                    let steps = slice.min(meter.left());
                    let mut search = Search::new(items, ranking, capacity, steps);
                    let outcome = search.run();
                    let alive = meter.spend(steps - search.steps);
                    match outcome {
                        Outcome::Found => {
                            let tops = items.iter().zip(&search.offsets);
                            *peak = tops.map(|(i, offset)| i.size + offset).max().unwrap_or(0);
                            *offsets = search.offsets;
                        }
                        Outcome::Impossible => floor = capacity + 1,
                        Outcome::OutOfSteps => {}
                    }
                    if *peak <= floor || !alive {
                        return floor.min(*peak);
                    }
                    // Once more, half as far, for as long as that is quick.
                    if !matches!(height, Height::Half) || matches!(outcome, Outcome::OutOfSteps) {
                        break;
                    }
                }
            }
        }
        slice = slice.saturating_mul(4);
    }
}

/// A height to try, of those from the proven bound to just below the best plan.
#[derive(Clone, Copy)]
enum Height {
    Floor,
    Half,
    Peak,
}

/// Which of several items of one rest to try first, the greatest key: made of an item and the
/// most that is still to be placed in one of its sections.
type Ranking = fn(&Item, u64) -> [u64; 3];

/// Each is the best one for some family of graphs.
const RANKINGS: [Ranking; 4] = [
    |item, load| [load, item.steps, item.size],
    |item, load| [item.sections() * item.size, load, item.steps],
    |item, load| [item.sections(), load, item.size],
    |item, load| [load, item.sections(), item.size],
];

/// An item that is still to be placed.
#[derive(Clone, Copy)]
struct Open {
    item: usize,
    /// The highest top under it.
    rest: u64,
    /// It does not lie at its rest.
    barred: bool,
    rank: usize,
}

struct Search<'a> {
    items: &'a [Item],
    ranking: Ranking,
    capacity: u64,
    steps: u64,
    offsets: Vec<u64>,
    failures: HashSet<u128>,
    /// Per section: sizes still to be placed there, and the lowest place where one can begin.
    load: Vec<u64>,
    bottom: Vec<u64>,
}

impl<'a> Search<'a> {
    fn new(items: &'a [Item], ranking: Ranking, capacity: u64, steps: u64) -> Self {
        let sections = items.iter().map(|i| i.hi + 1).max().unwrap_or(0);
        Self {
            items,
            ranking,
            capacity,
            steps,
            offsets: vec![0; items.len()],
            failures: HashSet::new(),
            load: live(items),
            bottom: vec![0; sections],
        }
    }

    fn run(&mut self) -> Outcome {
        let mut open: Vec<Open> = (0..self.items.len())
            .map(|item| Open {
                item,
                rest: 0,
                barred: false,
                rank: 0,
            })
            .collect();
        sorted::by_key(&mut open, |o| (self.items[o.item].lo, o.item));
        self.rank(&mut open);
        self.split(open)
    }

    /// Solves the independent parts of `open`, which is sorted by start.
    fn split(&mut self, mut open: Vec<Open>) -> Outcome {
        let mut parts: Vec<Vec<Open>> = Vec::new();
        let (mut start, mut end) = (0, 0);
        for at in 0..open.len() {
            let item = &self.items[open[at].item];
            if at > start && item.lo > end {
                parts.push(open[start..at].to_vec());
                start = at;
            }
            end = end.max(item.hi);
        }
        if parts.is_empty() {
            return self.place(open);
        }
        parts.push(open.split_off(start));
        // The smallest one fails soonest.
        sorted::by_key(&mut parts, Vec::len);
        for mut part in parts {
            self.rank(&mut part);
            match self.place(part) {
                Outcome::Found => {}
                other => return other,
            }
        }
        Outcome::Found
    }

    /// Ranks the items of a part by what is left of it.
    fn rank(&mut self, open: &mut [Open]) {
        self.spend(open.len());
        self.measure(open, &vec![0; open.len()]);
        let keys = open.iter().map(|o| {
            let item = &self.items[o.item];
            let load = self.load[item.lo..=item.hi].iter().copied().max();
            (self.ranking)(item, load.unwrap_or(0))
        });
        let keys: Vec<[u64; 3]> = keys.collect();
        let mut order: Vec<usize> = (0..open.len()).collect();
        sorted::positions_by_key(&mut order, |at| (Reverse(keys[at]), open[at].item));
        for (rank, at) in order.into_iter().enumerate() {
            open[at].rank = rank;
        }
    }

    /// Places one item of a connected part, then the others.
    fn place(&mut self, mut open: Vec<Open>) -> Outcome {
        if open.is_empty() {
            return Outcome::Found;
        }
        let state = fingerprint(&open);
        if self.failures.contains(&state) {
            return Outcome::Impossible;
        }
        while let Some(at) = self.next(&open) {
            if self.steps == 0 {
                return Outcome::OutOfSteps;
            }
            let Open { item, rest, .. } = open[at];
            let placed = &self.items[item];
            self.offsets[item] = rest;
            match self.split(self.others(&open, at)) {
                Outcome::Impossible => {}
                other => return other,
            }
            // Items that are the same can change places.
            for o in &mut open {
                o.barred |= placed.is_like(&self.items[o.item]);
            }
        }
        if self.failures.len() < MOST_FAILURES {
            self.failures.insert(state);
        }
        Outcome::Impossible
    }

    /// All but one of the items, lifted by the top of that one.
    fn others(&self, open: &[Open], at: usize) -> Vec<Open> {
        let placed = &self.items[open[at].item];
        let top = open[at].rest + placed.size;
        let others = open[..at].iter().chain(&open[at + 1..]);
        let lifted = others.map(
            |o| match o.rest < top && self.items[o.item].overlaps(placed) {
                true => Open {
                    rest: top,
                    barred: false,
                    ..*o
                },
                false => *o,
            },
        );
        lifted.collect()
    }

    /// The item to place next; `None` if what is left has no plan.
    fn next(&mut self, open: &[Open]) -> Option<usize> {
        let free = open.iter().filter(|o| !o.barred);
        let lowest = free.map(|o| o.rest).min()?;
        let fits_below = |o: &Open| o.rest + self.items[o.item].size <= lowest;
        if open.iter().any(fits_below) || !self.has_room(open, lowest) {
            return None;
        }
        (0..open.len())
            .filter(|&at| !open[at].barred && open[at].rest == lowest)
            .min_by_key(|&at| open[at].rank)
    }

    /// Whether in every section the lowest possible start leaves room for what is to come, all of
    /// it at `lowest` or higher.
    fn has_room(&mut self, open: &[Open], lowest: u64) -> bool {
        let mut starts = Vec::with_capacity(open.len());
        let mut looks = open.len();
        for o in open {
            let item = &self.items[o.item];
            let mut start = o.rest.max(lowest);
            if o.barred {
                looks += open.len();
                let sooner = open.iter().take_while(|p| self.items[p.item].lo <= item.hi);
                let tops = sooner
                    .filter(|p| p.item != o.item && self.items[p.item].hi >= item.lo)
                    .map(|p| p.rest.max(lowest) + self.items[p.item].size);
                match tops.min() {
                    Some(top) if top + item.size <= self.capacity => start = start.max(top),
                    _ => {
                        self.spend(looks);
                        return false;
                    }
                }
            }
            starts.push(start);
        }
        self.spend(looks);
        let sections = self.measure(open, &starts);
        let mut heights = self.load[sections.clone()]
            .iter()
            .zip(&self.bottom[sections]);
        heights.all(|(load, bottom)| *load == 0 || bottom + load <= self.capacity)
    }

    /// Fills in what is to be placed in each section of a part, and where it can begin. Returns
    /// the sections.
    fn measure(&mut self, open: &[Open], starts: &[u64]) -> std::ops::Range<usize> {
        let items = self.items;
        let lo = open.iter().map(|o| items[o.item].lo).min().unwrap_or(0);
        let end = open.iter().map(|o| items[o.item].hi + 1).max();
        let end = end.unwrap_or(lo);
        self.load[lo..end].fill(0);
        self.bottom[lo..end].fill(u64::MAX);
        let mut looks = end - lo;
        for (o, start) in open.iter().zip(starts) {
            let Item { size, lo, hi, .. } = items[o.item];
            looks += hi - lo;
            for load in &mut self.load[lo..=hi] {
                *load += size;
            }
            for bottom in &mut self.bottom[lo..=hi] {
                *bottom = (*bottom).min(*start);
            }
        }
        self.spend(looks);
        lo..end
    }

    fn spend(&mut self, looks: usize) {
        let steps = looks.div_ceil(LOOKS_PER_STEP) as u64;
        self.steps = self.steps.saturating_sub(steps);
    }
}

/// Of all that decides whether a part can be completed.
fn fingerprint(open: &[Open]) -> u128 {
    let parts = open.iter().map(|o| {
        let item = (o.item as u64) << 1 | u64::from(o.barred);
        mix(item + 1_000_003, o.rest)
    });
    parts.fold(0, u128::wrapping_add)
}

/// Spreads two numbers over 128 bits (multiply and shift, twice over).
fn mix(a: u64, b: u64) -> u128 {
    const K: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let mut x = (u128::from(a) << 64 | u128::from(b)).wrapping_mul(K);
    x ^= x >> 59;
    x = x.wrapping_mul(K);
    x ^ x >> 61
}
