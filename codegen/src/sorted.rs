//! Sorting, stable and by a key. The library's sorts are large and compiled for every type of elements and every key;
//! whoever includes a model would pay for twenty of them. Here one sorts the positions for all.

use std::cmp::Ordering;

/// Sorts elements.
pub(crate) fn by_key<T, K: Ord>(items: &mut Vec<T>, key: impl Fn(&T) -> K) {
    let mut order: Vec<usize> = (0..items.len()).collect();
    sort(&mut order, &|a, b| key(&items[a]).cmp(&key(&items[b])));
    let mut places: Vec<Option<T>> = items.drain(..).map(Some).collect();
    items.extend(order.into_iter().filter_map(|i| places[i].take()));
}

/// Sorts positions.
pub(crate) fn positions_by_key<K: Ord>(positions: &mut [usize], key: impl Fn(usize) -> K) {
    sort(positions, &|a, b| key(a).cmp(&key(b)));
}

fn sort(positions: &mut [usize], compare: &dyn Fn(usize, usize) -> Ordering) {
    positions.sort_by(|a, b| compare(*a, *b));
}
