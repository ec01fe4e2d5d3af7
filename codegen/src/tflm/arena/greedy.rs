//! TFLM's greedy memory planner: the offsets an interpreter will choose.
//!
//! This has to give the same offsets as TFLM, not good ones: [`crate::plan`] has those.

use crate::plan::alloc::Occupied;

/// A buffer of the head, in the order that TFLM hands them to its planner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buffer {
    /// Bytes, rounded up to the arena's alignment.
    pub(super) bytes: usize,
    /// First moment of its life; −1 in subgraphs that nothing calls.
    pub(super) first: i64,
    /// Last moment of its life.
    pub(super) last: i64,
    /// Where an offline plan puts it.
    pub(super) fixed: Option<usize>,
}

/// The offset of every buffer.
pub(super) fn offsets(buffers: &[Buffer]) -> Vec<usize> {
    // Two lives meet or not whatever the time between births is.
    let mut births: Vec<i64> = buffers.iter().map(|b| b.first).collect();
    births.sort_unstable();
    births.dedup();
    let mut occupied = Occupied::new(births.len());
    let mut offsets = vec![0; buffers.len()];
    for id in order(buffers) {
        let buffer = &buffers[id];
        let first = births.partition_point(|birth| *birth < buffer.first);
        let last = births.partition_point(|birth| *birth <= buffer.last);
        let last = last.saturating_sub(1).max(first);
        let bytes = buffer.bytes as u64;
        // With an offline plan neighbours may overlap each other.
        offsets[id] = buffer.fixed.unwrap_or_else(|| match bytes {
            0 => 0,
            _ => occupied.lowest_gap(first, last, bytes) as usize,
        });
        occupied.add(first, last, offsets[id] as u64, bytes);
    }
    offsets
}

/// Buffers with a fixed offset first, then the others from the largest to the smallest; of equal
/// sizes, the one handed over last.
fn order(buffers: &[Buffer]) -> Vec<usize> {
    let (mut order, mut free): (Vec<usize>, Vec<usize>) =
        (0..buffers.len()).partition(|id| buffers[*id].fixed.is_some());
    free.reverse();
    free.sort_by_key(|id| std::cmp::Reverse(buffers[*id].bytes));
    order.extend(free);
    order
}

/// Bytes from the start of the arena to the highest end.
pub(super) fn height(buffers: &[Buffer], offsets: &[usize]) -> usize {
    let ends = buffers.iter().zip(offsets).map(|(b, at)| b.bytes + at);
    ends.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(bytes: usize, first: i64, last: i64) -> Buffer {
        Buffer {
            bytes,
            first,
            last,
            fixed: None,
        }
    }

    #[test]
    fn large_buffers_go_first_and_of_equal_ones_the_last() {
        let buffers = [buffer(16, 0, 1), buffer(32, 1, 2), buffer(16, 1, 1)];
        assert_eq!(order(&buffers), [1, 2, 0]);
        assert_eq!(offsets(&buffers), [48, 0, 32]);
        assert_eq!(height(&buffers, &[48, 0, 32]), 64);
    }

    #[test]
    fn buffers_that_never_meet_share_bytes() {
        let buffers = [buffer(64, 0, 0), buffer(64, 1, 1)];
        assert_eq!(offsets(&buffers), [0, 0]);
    }

    #[test]
    fn what_is_fixed_stays_and_the_rest_fits_around_it() {
        let mut buffers = [buffer(32, 0, 2), buffer(16, 0, 2), buffer(64, 0, 2)];
        buffers[0].fixed = Some(16);
        assert_eq!(offsets(&buffers), [16, 0, 48]);
    }
}
