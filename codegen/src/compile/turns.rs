//! How many rows operators of a stream compute at a turn.
//!
//! Each turn costs instructions beside those of its rows: to find out whose it is, to call a kernel, to lay out rows that several windows read. Where a
//! bound leaves room, line buffers hold more rows, and turns are fewer.

use super::stream::{Link, Search};

/// Parts of an image that are tried, one after the other, double from time to time.
const PARTS: [usize; 3] = [2, 3, 4];

impl Search<'_> {
    /// How many rows operators of a stream compute at a turn: as many as keep its peak below a bound, as far as estimates say.
    pub(super) fn at_once(&self, links: &[Link], bound: usize) -> Vec<usize> {
        let made = links.iter().map(|link| link.rowwise.made);
        let parts = parts(made.max().unwrap_or(1));
        let fits = |links: &[Link]| {
            let cost = self.together(links, &[]);
            cost.is_some_and(|cost| cost.peak <= bound)
        };
        let in_parts = |parts: usize| -> Vec<Link> {
            let all = links.iter().map(|link| link.in_parts(parts));
            all.collect()
        };
        let first = parts
            .iter()
            .position(|parts| fits(&in_parts(*parts)))
            .unwrap_or(parts.len());
        let mut found = match parts.get(first) {
            Some(parts) => in_parts(*parts),
            None => links.to_vec(),
        };
        // What is left may be enough for some of them.
        for at in 0..found.len() {
            for parts in &parts[..first] {
                let other = links[at].in_parts(*parts);
                let before = std::mem::replace(&mut found[at], other);
                if found[at].rowwise.at_once == before.rowwise.at_once {
                    break;
                }
                if fits(&found) {
                    break;
                }
                found[at] = before;
            }
        }
        found.iter().map(|link| link.rowwise.at_once).collect()
    }
}

impl Link {
    /// The same with as many rows at a turn as go into so many parts of its image.
    fn in_parts(&self, parts: usize) -> Self {
        let most = self.rowwise.made.div_ceil(parts).max(1);
        let mut counts = (1..=most).rev();
        let rowwise = counts.find_map(|count| self.rowwise.at_once(count));
        Self {
            rowwise: rowwise.unwrap_or_else(|| self.rowwise.clone()),
            ..*self
        }
    }
}

/// Numbers of parts, the fewest first.
fn parts(rows: usize) -> Vec<usize> {
    let doubled = (0..usize::BITS).map(|by| PARTS.map(|parts| parts << by));
    let mut all: Vec<usize> = Vec::new();
    for parts in doubled.take_while(|parts| parts[0] <= rows).flatten() {
        if all.last().is_none_or(|last| *last < parts) {
            all.push(parts);
        }
    }
    all
}
