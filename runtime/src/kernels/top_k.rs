//! TOPK_V2: the greatest values along the last axis, and where they are.

use core::cell::Cell;
use core::cmp::Ordering;

use super::parameters;

parameters! {
    /// The greatest elements of each row, the greatest first; of equal ones, the first comes first.
    pub struct TopK {
        /// Elements of a row.
        pub depth: usize,
        /// How many of them.
        pub count: usize,
    }
}

impl TopK {
    /// Computes both outputs. Each element is looked for among those behind the last one found, so that no memory is
    /// needed.
    #[inline(never)]
    pub fn run<T: Copy + PartialOrd>(
        &self,
        x: &[Cell<T>],
        values: &[Cell<T>],
        indices: &[Cell<i32>],
    ) {
        let (depth, count) = (self.depth.max(1), self.count.max(1));
        let rows = values.chunks(count).zip(indices.chunks(count));
        for (x, (values, indices)) in x.chunks(depth).zip(rows) {
            let mut last: Option<(T, usize)> = None;
            for (value, index) in values.iter().zip(indices) {
                let mut best: Option<(T, usize)> = None;
                for (at, x) in x.iter().enumerate() {
                    let x = x.get();
                    // Equal ones are met in the order of their places.
                    let is_left = last.is_none_or(|(last, before)| match x.partial_cmp(&last) {
                        Some(Ordering::Less) => true,
                        Some(Ordering::Greater) => false,
                        _ => at > before,
                    });
                    if is_left && best.is_none_or(|(best, _)| x > best) {
                        best = Some((x, at));
                    }
                }
                let Some((found, at)) = best else {
                    break;
                };
                value.set(found);
                index.set(at as i32);
                last = best;
            }
        }
    }
}
