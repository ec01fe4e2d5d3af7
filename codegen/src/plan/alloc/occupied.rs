//! Which addresses are free for some time, where many buffers are placed already.

use std::collections::BTreeMap;

/// Addresses in use at each of a number of moments.
///
/// A binary tree over the moments: the root is node 1, the children of node *n* are 2*n* and
/// 2*n* + 1, the leaves are the moments. A stretch of time is a few nodes whose leaves it has, so
/// adding and asking take steps that grow with the logarithm of the moments, not with how many
/// buffers there are, as long as what is in use has few gaps.
pub struct Occupied {
    leaves: usize,
    /// Per node: addresses in use at one of its moments at least.
    somewhere: Vec<Runs>,
    /// Per node: addresses of buffers that are there at all its moments.
    throughout: Vec<Runs>,
}

/// Addresses as runs that do not touch: starts and ends.
#[derive(Clone, Default)]
struct Runs(BTreeMap<u64, u64>);

impl Runs {
    fn add(&mut self, mut start: u64, mut end: u64) {
        if let Some((&before, &until)) = self.0.range(..=start).next_back()
            && until >= start
        {
            start = before;
            end = end.max(until);
        }
        while let Some((&next, &until)) = self.0.range(start + 1..=end).next() {
            end = end.max(until);
            self.0.remove(&next);
        }
        self.0.insert(start, end);
    }

    /// The end of the last run that has an address of `start..end`.
    fn last_end(&self, start: u64, end: u64) -> Option<u64> {
        let (_, until) = self.0.range(..end).next_back()?;
        (*until > start).then_some(*until)
    }
}

impl Occupied {
    /// Nothing in use at any of this many moments.
    pub fn new(moments: usize) -> Self {
        let leaves = moments.next_power_of_two();
        Self {
            leaves,
            somewhere: vec![Runs::default(); 2 * leaves],
            throughout: vec![Runs::default(); 2 * leaves],
        }
    }

    /// Puts a buffer of `size` at `offset`, from moment `first` to `last`.
    pub fn add(&mut self, first: usize, last: usize, offset: u64, size: u64) {
        if size == 0 {
            return;
        }
        let end = offset + size;
        for node in self.within(first, last) {
            self.throughout[node].add(offset, end);
            self.somewhere[node].add(offset, end);
        }
        for node in self.above(first).chain(self.above(last)) {
            self.somewhere[node].add(offset, end);
        }
    }

    /// The lowest offset at which `size` bytes are free from moment `first` to `last`.
    pub fn lowest_gap(&self, first: usize, last: usize, size: u64) -> u64 {
        let within = self.within(first, last).into_iter();
        let above = self.above(first).chain(self.above(last));
        let runs: Vec<&Runs> = within
            .map(|node| &self.somewhere[node])
            .chain(above.map(|node| &self.throughout[node]))
            .filter(|runs| !runs.0.is_empty())
            .collect();
        let mut offset = 0;
        loop {
            let before = offset;
            for runs in &runs {
                while let Some(end) = runs.last_end(offset, offset + size) {
                    offset = end;
                }
            }
            if offset == before {
                return offset;
            }
        }
    }

    /// The nodes whose moments together are those from `first` to `last`.
    fn within(&self, first: usize, last: usize) -> Vec<usize> {
        let (mut from, mut to) = (first + self.leaves, last + self.leaves + 1);
        let mut nodes = Vec::new();
        while from < to {
            if from % 2 == 1 {
                nodes.push(from);
                from += 1;
            }
            if to % 2 == 1 {
                to -= 1;
                nodes.push(to);
            }
            (from, to) = (from / 2, to / 2);
        }
        nodes
    }

    /// The nodes above a moment's leaf.
    fn above(&self, moment: usize) -> impl Iterator<Item = usize> + use<> {
        let above = |node: &usize| (*node > 1).then_some(node / 2);
        std::iter::successors(Some(moment + self.leaves), above).skip(1)
    }
}
