//! TFLM's greedy memory planner: the offsets an interpreter will choose.
//!
//! This has to give the same offsets as TFLM, not good ones: [`crate::plan`] has those.

use crate::plan::alloc::Occupied;

/// A buffer of the head, in the order that TFLM hands them to its planner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffer {
    /// Bytes, rounded up to the arena's alignment.
    pub bytes: usize,
    /// First moment of its life; −1 in subgraphs that nothing calls.
    pub first: i64,
    /// Last moment of its life.
    pub last: i64,
    /// Where an offline plan puts it.
    pub fixed: Option<usize>,
}

/// The offset of every buffer.
pub fn offsets(buffers: &[Buffer]) -> Vec<usize> {
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
pub fn order(buffers: &[Buffer]) -> Vec<usize> {
    let (mut order, mut free): (Vec<usize>, Vec<usize>) =
        (0..buffers.len()).partition(|id| buffers[*id].fixed.is_some());
    free.reverse();
    free.sort_by_key(|id| std::cmp::Reverse(buffers[*id].bytes));
    order.extend(free);
    order
}

/// Bytes from the start of the arena to the highest end.
pub fn height(buffers: &[Buffer], offsets: &[usize]) -> usize {
    let ends = buffers.iter().zip(offsets).map(|(b, at)| b.bytes + at);
    ends.max().unwrap_or(0)
}
