//! Buffers that may overlap although both are live at one step: an operator's output over what the operator has read of its input.
//!
//! Such a pair shares no step but that of its operator, so what it saves is saved there. Everywhere else both are buffers like others,
//! and the pair may also lie apart: nothing has to be merged, and no chain of pairs holds its members together.

use super::Item;

/// Leave for an output to overlap an input that dies at the step at which the output is born.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// The input's buffer.
    pub input: usize,
    /// The output's buffer.
    pub output: usize,
    /// Bytes by which the output begins before the input.
    pub distance: usize,
    /// Whether it may be any number more.
    pub farther: bool,
}

/// One side of an overlap between items, in the units of their sizes.
#[derive(Debug, Clone, Copy)]
struct Link {
    other: usize,
    distance: u64,
    farther: bool,
}

/// The overlaps among a component's items. Each item is the input of one at most, and the output of one.
#[derive(Debug, Default)]
pub struct Links {
    /// Per item: the input that it may overlap.
    inputs: Vec<Option<Link>>,
    /// Per item: the output that may overlap it.
    outputs: Vec<Option<Link>>,
}

impl Links {
    /// Those of `overlaps` that save something. `item` gives a buffer's position among `items`, if it is there.
    pub(super) fn new(
        items: &[Item],
        item: impl Fn(usize) -> Option<usize>,
        overlaps: &[Overlap],
        alignment: usize,
    ) -> Self {
        let mut links = Self::default();
        for overlap in overlaps {
            let (Some(input), Some(output)) = (item(overlap.input), item(overlap.output)) else {
                continue;
            };
            let distance = overlap.distance.div_ceil(alignment) as u64;
            let is_possible = overlap.farther || overlap.distance.is_multiple_of(alignment);
            let share_a_step = items[input].hi == items[output].lo;
            if !is_possible || !share_a_step || distance >= items[output].size {
                continue;
            }
            if links.inputs.is_empty() {
                links.inputs = vec![None; items.len()];
                links.outputs = vec![None; items.len()];
            }
            if links.inputs[output].is_none() && links.outputs[input].is_none() {
                let link = |other| Link {
                    other,
                    distance,
                    farther: overlap.farther,
                };
                links.inputs[output] = Some(link(input));
                links.outputs[input] = Some(link(output));
            }
        }
        links
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    /// The section in which each pair is live, and what it can save there at most.
    pub(super) fn saved<'a>(&'a self, items: &'a [Item]) -> impl Iterator<Item = (usize, u64)> {
        let pairs = self.inputs.iter().zip(items);
        pairs.filter_map(|(link, output)| {
            let link = link.as_ref()?;
            let input = &items[link.other];
            Some((output.lo, input.size.min(output.size - link.distance)))
        })
    }

    fn input(&self, item: usize) -> Option<Link> {
        self.inputs.get(item).copied().flatten()
    }

    fn output(&self, item: usize) -> Option<Link> {
        self.outputs.get(item).copied().flatten()
    }

    /// The lowest offset for an item between those that are placed, which are sorted by offset.
    pub(super) fn lowest(&self, items: &[Item], placed: &[(u64, usize)], item: usize) -> u64 {
        let size = items[item].size;
        let is_linked = self.input(item).is_some() || self.output(item).is_some();
        let mut offset = 0;
        // Over an item that it was beneath so far it may be too near to it, so an item of a pair looks once more.
        loop {
            let before = offset;
            for &(start, other) in placed {
                if !items[other].overlaps(&items[item]) {
                    continue;
                }
                if start >= offset + size {
                    break;
                }
                let (under, over) = match is_linked {
                    true => self.clearance(items, item, other),
                    false => (size, items[other].size),
                };
                if start < offset + under {
                    offset = offset.max(start + over);
                }
            }
            if !is_linked {
                return offset;
            }
            if offset == before {
                break;
            }
        }
        let exact = placed
            .iter()
            .filter_map(|&(start, other)| self.exact(item, other, start));
        exact.fold(offset, |offset, at| match at < offset {
            true if self.is_free(items, placed, item, at) => at,
            _ => offset,
        })
    }

    fn is_free(&self, items: &[Item], placed: &[(u64, usize)], item: usize, at: u64) -> bool {
        let mut met = placed
            .iter()
            .filter(|(_, other)| items[*other].overlaps(&items[item]));
        met.all(|&(start, other)| {
            let (under, over) = self.clearance(items, item, other);
            start >= at + under || at >= start + over || self.exact(item, other, start) == Some(at)
        })
    }

    /// How far an item has to begin before another that it is beneath, and after one that it is above.
    fn clearance(&self, items: &[Item], item: usize, other: usize) -> (u64, u64) {
        let farther = |link: Option<Link>| link.filter(|l| l.other == other && l.farther);
        let under = farther(self.input(item)).map_or(items[item].size, |l| l.distance);
        let over = farther(self.output(item)).map_or(items[other].size, |l| l.distance);
        (under, over)
    }

    /// The only offset at which an item may overlap another that begins at `start`.
    fn exact(&self, item: usize, other: usize, start: u64) -> Option<u64> {
        let exact = |link: Option<Link>| link.filter(|l| l.other == other && !l.farther);
        match (exact(self.input(item)), exact(self.output(item))) {
            (Some(link), _) => start.checked_sub(link.distance),
            (_, Some(link)) => Some(start + link.distance),
            _ => None,
        }
    }
}
