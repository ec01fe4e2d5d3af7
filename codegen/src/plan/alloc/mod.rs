//! Packing buffers with known lifetimes into as few bytes as possible.
//!
//! The problem is *dynamic storage allocation* with everything known beforehand: rectangles
//! whose extent in time is fixed slide up and down the address axis, no two may overlap, and
//! the highest used address is to be as low as possible. It is NP-hard in general and nearly
//! always easy for neural networks, so the work goes in stages, and each stage ends it if it
//! can prove its result: greedy plans, local search on the greedy order, exact search.
//!
//! Where two buffers may overlap after all ([`Overlap`]), the first two stages know of it, and the last is left out.

pub mod exact;
mod greedy;
mod links;
pub mod meter;
pub mod occupied;

use std::time::Duration;

use crate::sorted;

pub use links::{Links, Overlap};
use meter::Meter;
pub(crate) use occupied::Occupied;

/// One buffer of the packing problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Buffer {
    /// Size in bytes; 0 is allowed and takes no room.
    pub bytes: usize,
    /// The first time step at which the buffer is needed.
    pub first: usize,
    /// The last time step at which the buffer is needed, inclusive.
    pub last: usize,
}

/// How much work [`allocate`] may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Elementary search steps. The result depends on this number and not on how fast the
    /// host is.
    pub steps: u64,
    /// A limit in wall-clock time, off by default. Where it cuts the search short, the result
    /// depends on the host and its load, and builds are no longer reproducible.
    pub time: Option<Duration>,
}

impl Default for Budget {
    /// About one second of an optimised build.
    fn default() -> Self {
        Self {
            steps: 24_000_000,
            time: None,
        }
    }
}

/// Where every buffer lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// Byte offset of each buffer, in the order given; 0 for empty buffers.
    pub offsets: Vec<usize>,
    /// Bytes used: the highest end of a buffer, rounded up to the alignment.
    pub peak_bytes: usize,
    /// The most bytes live at one time step, each buffer rounded up to the alignment, and what two
    /// buffers may share counted once. No plan can use less.
    pub lower_bound_bytes: usize,
    /// Whether `peak_bytes` is proven to be the least possible.
    pub optimal: bool,
}

/// A non-empty buffer in the solvers' units: sizes in multiples of the alignment, time in
/// *sections*, the points in time whose live sets are not contained in another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    pub size: u64,
    /// The first section that it is in.
    pub lo: usize,
    /// The last one.
    pub hi: usize,
    /// Steps that it is live.
    pub steps: u64,
}

impl Item {
    fn sections(&self) -> u64 {
        (self.hi - self.lo + 1) as u64
    }

    /// Whether every plan stays one when the two change places.
    fn is_like(&self, other: &Self) -> bool {
        (self.size, self.lo, self.hi) == (other.size, other.lo, other.hi)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.lo <= other.hi && other.lo <= self.hi
    }
}

/// A set of items that are linked by overlapping lifetimes, and the best plan so far.
pub struct Component {
    /// Indices into the buffers given.
    pub members: Vec<usize>,
    pub items: Vec<Item>,
    /// Which of them may overlap although they are live together.
    pub links: Links,
    pub offsets: Vec<u64>,
    pub peak: u64,
    /// No plan of these items can be lower than this.
    pub bound: u64,
}

/// Packs `buffers`, with offsets at multiples of `alignment` bytes (0 counts as 1).
///
/// The same arguments give the same result on every host, unless [`Budget::time`] is set.
/// Sizes are expected to sum to less than `usize::MAX`.
pub fn allocate(buffers: &[Buffer], alignment: usize, budget: &Budget) -> Allocation {
    allocate_overlapping(buffers, &[], alignment, budget)
}

/// [`allocate`] where some buffers may overlap although both are live at one step.
pub fn allocate_overlapping(
    buffers: &[Buffer],
    overlaps: &[Overlap],
    alignment: usize,
    budget: &Budget,
) -> Allocation {
    pack(buffers, overlaps, alignment, &mut Meter::new(budget))
}

/// [`allocate_overlapping`] that spends what is left of a budget.
pub fn pack(
    buffers: &[Buffer],
    overlaps: &[Overlap],
    alignment: usize,
    meter: &mut Meter,
) -> Allocation {
    let alignment = alignment.max(1);
    let mut components = components(buffers, alignment);
    if !overlaps.is_empty() {
        link(&mut components, buffers.len(), overlaps, alignment);
    }
    for c in &mut components {
        (c.offsets, c.peak) = greedy::best(&c.items, &c.links, c.bound);
    }
    let lower_bound = components.iter().map(|c| c.bound).max().unwrap_or(0);

    // Components share the arena, so each only has to come down to the tallest bound: first
    // the live bytes, later the proven height of a component searched before.
    sorted::by_key(&mut components, |c| std::cmp::Reverse(c.peak));
    let mut floor = lower_bound;
    for c in &mut components {
        if c.peak <= floor {
            continue;
        }
        c.bound = floor;
        greedy::improve(c, floor, meter);
        if c.peak > floor && c.links.is_empty() {
            c.bound = exact::improve(&c.items, floor, &mut c.offsets, &mut c.peak, meter);
        }
        floor = floor.max(c.bound.min(c.peak));
    }

    let peak = components.iter().map(|c| c.peak).max().unwrap_or(0);
    let mut offsets = vec![0; buffers.len()];
    for c in &components {
        for (&member, &offset) in c.members.iter().zip(&c.offsets) {
            offsets[member] = offset as usize * alignment;
        }
    }
    Allocation {
        offsets,
        peak_bytes: peak as usize * alignment,
        lower_bound_bytes: lower_bound as usize * alignment,
        optimal: peak <= floor,
    }
}

/// Tells components which of their items may overlap.
fn link(components: &mut [Component], buffers: usize, overlaps: &[Overlap], alignment: usize) {
    // Of each buffer: its component, and its position there.
    let mut places = vec![None; buffers];
    for (at, c) in components.iter().enumerate() {
        for (item, &member) in c.members.iter().enumerate() {
            places[member] = Some((at, item));
        }
    }
    let mut of: Vec<Vec<Overlap>> = vec![Vec::new(); components.len()];
    for overlap in overlaps {
        if let Some((at, _)) = places[overlap.output] {
            of[at].push(*overlap);
        }
    }
    for (at, (c, overlaps)) in components.iter_mut().zip(of).enumerate() {
        let item = |buffer: usize| places[buffer].filter(|place| place.0 == at).map(|p| p.1);
        c.links = Links::new(&c.items, item, &overlaps, alignment);
        let mut live = live(&c.items);
        for (section, saved) in c.links.saved(&c.items) {
            live[section] -= saved;
        }
        c.bound = live.into_iter().max().unwrap_or(0);
    }
}

/// Splits the buffers where no lifetime crosses, and compresses time within each part.
pub fn components(buffers: &[Buffer], alignment: usize) -> Vec<Component> {
    let mut order: Vec<usize> = (0..buffers.len())
        .filter(|&i| buffers[i].bytes > 0 && buffers[i].first <= buffers[i].last)
        .collect();
    sorted::positions_by_key(&mut order, |i| (buffers[i].first, buffers[i].last, i));
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut end = 0;
    for i in order {
        match parts.last_mut() {
            Some(part) if buffers[i].first <= end => part.push(i),
            _ => parts.push(vec![i]),
        }
        end = end.max(buffers[i].last);
    }
    parts
        .into_iter()
        .map(|part| component(buffers, alignment, part))
        .collect()
}

fn component(buffers: &[Buffer], alignment: usize, members: Vec<usize>) -> Component {
    // A live set that no other contains begins with a birth and ends with a death: of each
    // run of births only the last matters.
    let mut deaths: Vec<usize> = members.iter().map(|&i| buffers[i].last).collect();
    deaths.sort_unstable();
    deaths.dedup();
    let mut births: Vec<usize> = members.iter().map(|&i| buffers[i].first).collect();
    births.sort_unstable();
    let mut sections: Vec<usize> = Vec::new();
    for birth in births {
        match sections.last_mut() {
            Some(section)
                if deaths
                    .get(deaths.partition_point(|&d| d < *section))
                    .is_some_and(|&d| d >= birth) =>
            {
                *section = birth;
            }
            _ => sections.push(birth),
        }
    }
    let items: Vec<Item> = members
        .iter()
        .map(|&i| Item {
            size: buffers[i].bytes.div_ceil(alignment) as u64,
            lo: sections.partition_point(|&s| s < buffers[i].first),
            hi: sections
                .partition_point(|&s| s <= buffers[i].last)
                .saturating_sub(1),
            steps: (buffers[i].last - buffers[i].first) as u64 + 1,
        })
        .collect();
    let bound = live(&items).into_iter().max().unwrap_or(0);
    Component {
        members,
        items,
        links: Links::default(),
        offsets: Vec::new(),
        peak: 0,
        bound,
    }
}

/// The height of what is live in each section.
fn live(items: &[Item]) -> Vec<u64> {
    let sections = items.iter().map(|i| i.hi + 1).max().unwrap_or(0);
    let (mut born, mut died) = (vec![0; sections + 1], vec![0; sections + 1]);
    for item in items {
        born[item.lo] += item.size;
        died[item.hi + 1] += item.size;
    }
    let mut height = 0;
    let changes = born.iter().zip(&died).take(sections);
    let after = changes.map(|(born, died)| {
        height = height + born - died;
        height
    });
    after.collect()
}
