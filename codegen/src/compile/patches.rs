//! Which operators of a stream compute their rows patch by patch, where a bound is below what line buffers take.
//!
//! Patches replace line buffers, one after the other: each time those that save the most bytes for a product that is computed again. What
//! a choice saves is estimated, and then the stream's rows are followed.

use super::stream::{Cost, Link, Search};
use crate::graph::Patched;
use crate::ops::stream::{Rowwise, Unit, is_chain, unit};
use crate::work;

/// Operators that compute rows patch by patch together, at most: with each more of them, more is computed again.
const MOST_TOGETHER: usize = 5;
/// Patches that are tried for a stream at most, and rows that are followed for them in all.
const MOST_TRIED: usize = 40;
const MOST_TURNS: usize = 1 << 24;
/// Patches of a row at most.
const MOST_STRIPS: usize = 256;
/// What a byte is worth in parts of a product, so that worths are whole numbers.
const WORTH: u64 = 1 << 32;

/// Operators that may do so, and what that takes.
struct Way {
    patched: Patched,
    unit: Unit,
    again: u64,
}

/// How many patches may be tried for a stream, where streams have so many rows in all.
pub(super) fn tries(rows: usize) -> usize {
    (MOST_TURNS / rows.max(1)).clamp(1, MOST_TRIED)
}

impl Search<'_> {
    /// The stream with as few products computed again as bring its peak below a bound, or, if none does, the one of the least peak; `None` if
    /// patches are of no use.
    pub(super) fn patched(
        &self,
        links: &[Link],
        stream: &Cost,
        bound: usize,
        tries: usize,
    ) -> Option<Cost> {
        // Where nothing is enough, only the least is of interest, and that is asked for with a bound of nothing.
        if stream.peak <= bound || bound > 0 && stream.ends > bound {
            return None;
        }
        let stages: Vec<Rowwise> = links.iter().map(|link| link.rowwise.clone()).collect();
        let ways = self.ways(links, &stages);
        let mut is_tried = vec![false; ways.len()];
        let mut best: Option<Cost> = None;
        let mut chosen: Vec<&Way> = Vec::new();
        for _ in 0..tries {
            let (room, again) = (room(&stages, &chosen), again(&chosen));
            let candidates = ways.iter().enumerate().filter_map(|(at, way)| {
                let next = with(&chosen, way).filter(|_| !is_tried[at])?;
                let saved = room.checked_sub(self::room(&stages, &next))? as u64;
                let more = self::again(&next).saturating_sub(again);
                (saved > 0).then_some((saved.saturating_mul(WORTH) / (more + 1), at, next))
            });
            let Some((_, at, next)) = candidates.max_by_key(|(worth, at, _)| (*worth, *at)) else {
                break;
            };
            is_tried[at] = true;
            let patched: Vec<Patched> = next.iter().map(|way| way.patched).collect();
            let before = best.as_ref().map_or(stream.peak, |best| best.peak);
            let cost = self.together(links, &patched);
            if let Some(cost) = cost.filter(|cost| cost.peak < before) {
                let is_enough = cost.peak <= bound;
                (best, chosen) = (Some(cost), next);
                if is_enough {
                    break;
                }
            }
        }
        let best = best?;
        Some(match best.peak <= bound {
            true => self.refined(links, &ways, best, bound),
            false => best,
        })
    }

    /// The same without what is of no use in the end: patches that are fewer or none.
    fn refined(&self, links: &[Link], ways: &[Way], mut best: Cost, bound: usize) -> Cost {
        for at in (0..best.patched.len()).rev() {
            let own = best.patched[at];
            let fewer = ways.iter().map(|way| way.patched).filter(|other| {
                (other.first, other.count) == (own.first, own.count) && other.strips < own.strips
            });
            for other in std::iter::once(None).chain(fewer.map(Some)) {
                let mut patched = best.patched.clone();
                patched.splice(at..=at, other);
                let cost = self.together(links, &patched);
                if let Some(cost) =
                    cost.filter(|cost| cost.peak <= bound && cost.again <= best.again)
                {
                    best = cost;
                    break;
                }
            }
        }
        best
    }

    /// All operators that may run patch by patch together, with all numbers of patches.
    fn ways(&self, links: &[Link], stages: &[Rowwise]) -> Vec<Way> {
        let mut ways = Vec::new();
        for first in 0..links.len() {
            for count in 2..=MOST_TOGETHER.min(links.len() - first) {
                let columns = stages[first + count - 1].columns();
                if !is_chain(&stages[first..first + count]) {
                    break;
                }
                let strips = 2..=columns.min(MOST_STRIPS);
                for strips in strips.filter(|strips| columns.is_multiple_of(*strips)) {
                    let patched = Patched {
                        first,
                        count,
                        strips,
                    };
                    let Some(unit) = unit(stages, &patched) else {
                        continue;
                    };
                    let again = self.again(links, &unit);
                    ways.push(Way {
                        patched,
                        unit,
                        again,
                    });
                }
            }
        }
        ways
    }

    /// Multiply-accumulates that operators of a stream compute again.
    pub(super) fn again(&self, links: &[Link], unit: &Unit) -> u64 {
        let again = unit.operators.clone().zip(unit.again());
        let again = again.map(|(at, again)| {
            let macs = work::macs(self.graph, links[at].position).unwrap_or(0);
            again.of(macs).saturating_sub(macs)
        });
        again.fold(0, u64::saturating_add)
    }
}

/// What was chosen, and one more in the place of those that it covers; `None` where it covers a part of one.
fn with<'w>(chosen: &[&'w Way], way: &'w Way) -> Option<Vec<&'w Way>> {
    let own = &way.unit.operators;
    let mut all = vec![way];
    for other in chosen {
        let range = &other.unit.operators;
        let is_apart = range.end <= own.start || own.end <= range.start;
        let is_covered = own.start <= range.start && range.end <= own.end;
        match (is_apart, is_covered) {
            (true, _) => all.push(other),
            (false, true) => {}
            (false, false) => return None,
        }
    }
    all.sort_by_key(|way| way.patched.first);
    Some(all)
}

fn again(chosen: &[&Way]) -> u64 {
    chosen
        .iter()
        .fold(0, |sum, way| way.again.saturating_add(sum))
}

/// About so many bytes of line buffers and patches: those of several rows are there at one time, and of the others one after the other.
fn room(stages: &[Rowwise], chosen: &[&Way]) -> usize {
    let (mut rows, mut most, mut at) = (0, 0, 0);
    while let Some(stage) = stages.get(at) {
        let way = chosen.iter().find(|way| way.patched.first == at);
        let stage = way.map_or(stage, |way| &way.unit.rowwise);
        let (several, passing) = stage.room();
        rows += several;
        most = most.max(passing + way.map_or(0, |way| way.unit.patches_bytes()));
        at += way.map_or(1, |way| way.patched.count);
    }
    rows + most
}
