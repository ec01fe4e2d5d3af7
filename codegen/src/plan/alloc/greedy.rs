//! First fit in several orders, and local search on the order.

use std::cmp::Reverse;

use super::meter::Meter;
use super::{Item, live};

/// Share of the budget for [`improve`]: one part in this many.
const SHARE: u64 = 6;

/// Puts each item, in the order given, at the lowest offset where it fits between those
/// placed before it. Returns offsets and peak.
fn first_fit(items: &[Item], order: &[usize]) -> (Vec<u64>, u64) {
    let mut offsets = vec![0; items.len()];
    // Placed items by offset, so that gaps show up in address order.
    let mut placed: Vec<(u64, usize)> = Vec::with_capacity(items.len());
    let mut peak = 0;
    for &i in order {
        let item = &items[i];
        let mut offset = 0;
        for &(below, j) in &placed {
            if items[j].overlaps(item) {
                if below >= offset + item.size {
                    break;
                }
                offset = offset.max(below + items[j].size);
            }
        }
        offsets[i] = offset;
        peak = peak.max(offset + item.size);
        let at = placed.partition_point(|&p| p < (offset, i));
        placed.insert(at, (offset, i));
    }
    (offsets, peak)
}

/// The orders worth trying: each is the best one for some family of graphs.
fn orders(items: &[Item]) -> Vec<Vec<usize>> {
    let live = live(items);
    let span = |i: usize| items[i].hi - items[i].lo + 1;
    let area = |i: usize| span(i) as u64 * items[i].size;
    let load: Vec<u64> = items
        .iter()
        .map(|item| live[item.lo..=item.hi].iter().copied().max().unwrap_or(0))
        .collect();
    let by = |key: &dyn Fn(usize) -> (u64, u64)| {
        let mut order: Vec<usize> = (0..items.len()).collect();
        order.sort_by_key(|&i| (Reverse(key(i)), i));
        order
    };
    vec![
        by(&|i| (items[i].size, span(i) as u64)),
        by(&|i| (load[i], items[i].size)),
        by(&|i| (area(i), items[i].size)),
        by(&|i| (span(i) as u64, items[i].size)),
        by(&|i| (load[i], area(i))),
        by(&|i| (load[i], span(i) as u64)),
        by(&|i| (!(items[i].lo as u64), items[i].size)),
        by(&|i| (items[i].hi as u64, items[i].size)),
    ]
}

/// The best first-fit plan over all orders.
pub(super) fn best(items: &[Item]) -> (Vec<u64>, u64) {
    orders(items)
        .iter()
        .map(|order| first_fit(items, order))
        .min_by_key(|(_, peak)| *peak)
        .unwrap_or_default()
}

/// Moves items that stick out at the top to an earlier place in the order and keeps what
/// does not make the plan higher, until the plan is as low as `floor` or a share of the
/// budget is spent.
pub(super) fn improve(
    items: &[Item],
    floor: u64,
    offsets: &mut Vec<u64>,
    peak: &mut u64,
    meter: &mut Meter,
) {
    let n = items.len();
    let cost = (n * n / 4 + 1) as u64;
    let total = meter.left() / SHARE;
    let starts = orders(items);
    let share = total / starts.len() as u64;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for mut order in starts {
        let (mut current, mut height) = first_fit(items, &order);
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
            let (next_offsets, next_height) = first_fit(items, &next);
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
