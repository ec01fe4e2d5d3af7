//! First fit in several orders, and local search on the order.

use std::cmp::Reverse;

use super::meter::Meter;
use super::{Component, Item, Links, Occupied, live};
use crate::sorted;

/// Share of the budget for [`improve`]: one part in this many.
const SHARE: u64 = 6;

/// From this many items on a tree of what is in use is faster than a look at all that are placed.
const MANY: usize = 4096;
/// Orders that are tried for so many items.
const MOST_ORDERS_OF_MANY: usize = 2;

/// Puts each item, in the order given, at the lowest offset where it fits between those
/// placed before it. Returns offsets and peak.
fn first_fit(items: &[Item], links: &Links, order: &[usize]) -> (Vec<u64>, u64) {
    if items.len() > MANY {
        return first_fit_of_many(items, order);
    }
    let mut offsets = vec![0; items.len()];
    // Placed items by offset, so that gaps show up in address order.
    let mut placed: Vec<(u64, usize)> = Vec::with_capacity(items.len());
    let mut peak = 0;
    for &i in order {
        let offset = links.lowest(items, &placed, i);
        offsets[i] = offset;
        peak = peak.max(offset + items[i].size);
        let at = placed.partition_point(|&p| p < (offset, i));
        placed.insert(at, (offset, i));
    }
    (offsets, peak)
}

/// The same without a look at what may overlap.
fn first_fit_of_many(items: &[Item], order: &[usize]) -> (Vec<u64>, u64) {
    let sections = items.iter().map(|i| i.hi + 1).max().unwrap_or(0);
    let mut occupied = Occupied::new(sections);
    let mut offsets = vec![0; items.len()];
    let mut peak = 0;
    for &i in order {
        let Item { size, lo, hi, .. } = items[i];
        offsets[i] = occupied.lowest_gap(lo, hi, size);
        occupied.add(lo, hi, offsets[i], size);
        peak = peak.max(offsets[i] + size);
    }
    (offsets, peak)
}

/// The orders worth trying, made as they are asked for: each is the best one for some family of
/// graphs.
fn orders(items: &[Item]) -> impl Iterator<Item = Vec<usize>> {
    type Key = fn(&Item, u64) -> (u64, u64);
    const KEYS: [Key; 8] = [
        |item, _| (item.size, item.sections()),
        |item, load| (load, item.size),
        |item, _| (area(item), item.size),
        |item, _| (item.sections(), item.size),
        |item, load| (load, area(item)),
        |item, load| (load, item.sections()),
        |item, _| (!(item.lo as u64), item.size),
        |item, _| (item.hi as u64, item.size),
    ];
    let load = loads(items);
    let most = match items.len() > MANY {
        true => MOST_ORDERS_OF_MANY,
        false => KEYS.len(),
    };
    KEYS.into_iter().take(most).map(move |key| {
        let mut order: Vec<usize> = (0..items.len()).collect();
        sorted::positions_by_key(&mut order, |i| (Reverse(key(&items[i], load[i])), i));
        order
    })
}

fn area(item: &Item) -> u64 {
    item.sections() * item.size
}

/// The most that is live at once during each item's life.
fn loads(items: &[Item]) -> Vec<u64> {
    let live = live(items);
    // Row *n* has the greatest of the 2^*n* sections from each one on.
    let mut rows = vec![live];
    while let Some(row) = rows.last()
        && row.len() > 1 << (rows.len() - 1)
    {
        let half = 1 << (rows.len() - 1);
        let pairs = row.iter().zip(&row[half..]);
        let next = pairs.map(|(a, b)| *a.max(b)).collect();
        rows.push(next);
    }
    let load = |item: &Item| {
        let n = item.sections().ilog2() as usize;
        let row = &rows[n];
        row[item.lo].max(row[item.hi + 1 - (1 << n)])
    };
    items.iter().map(load).collect()
}

/// The best first-fit plan over all orders; the first that is as low as `bound`, below which none
/// can be.
pub(super) fn best(items: &[Item], links: &Links, bound: u64) -> (Vec<u64>, u64) {
    let mut best: Option<(Vec<u64>, u64)> = None;
    for order in orders(items) {
        let (offsets, peak) = first_fit(items, links, &order);
        if best.as_ref().is_none_or(|(_, lowest)| peak < *lowest) {
            best = Some((offsets, peak));
        }
        if peak <= bound {
            break;
        }
    }
    best.unwrap_or_default()
}

/// Moves items that stick out at the top to an earlier place in the order and keeps what
/// does not make the plan higher, until the plan is as low as `floor` or a share of the
/// budget is spent.
pub(super) fn improve(component: &mut Component, floor: u64, meter: &mut Meter) {
    let Component {
        items,
        links,
        offsets,
        peak,
        ..
    } = component;
    let n = items.len();
    let cost = (n * n / 4 + 1) as u64;
    let starts: Vec<Vec<usize>> = orders(items).collect();
    let share = meter.left() / SHARE / starts.len() as u64;
    if share < cost {
        return;
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for mut order in starts {
        let (mut current, mut height) = first_fit(items, links, &order);
        let mut left = share;
        while left >= cost {
            if height < *peak {
                (*offsets, *peak) = (current.clone(), height);
            }
            if *peak <= floor || !meter.spend(cost) {
                return;
            }
            left -= cost;
            let tops: Vec<usize> = (0..n)
                .filter(|&at| current[order[at]] + items[order[at]].size == height)
                .collect();
            let from = tops[random.below(tops.len())];
            // Half of the moves lift the item just over something that is in its way.
            let to = if from == 0 {
                random.below(n)
            } else {
                random.below(from)
            };
            let mut next = order.clone();
            if random.below(2) == 0 {
                next.swap(from, to);
            } else {
                let item = next.remove(from);
                next.insert(to, item);
            }
            let (next_offsets, next_height) = first_fit(items, links, &next);
            if next_height <= height {
                (order, current, height) = (next, next_offsets, next_height);
            }
        }
        if height < *peak {
            (*offsets, *peak) = (current, height);
        }
    }
}

/// A small generator with a fixed seed (xorshift, Marsaglia 2003): variety, not chance.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 16) % end.max(1) as u64) as usize
    }
}
