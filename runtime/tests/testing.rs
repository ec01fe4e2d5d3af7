//! What the kernels' tests share.

use std::cell::Cell;

use proptest::test_runner::Config;

/// A fixed sequence of numbers without a pattern (a linear congruential generator).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<i8> {
        (0..len).map(|_| self.next() as i8).collect()
    }

    /// Floats in −1..1.
    pub(crate) fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len)
            .map(|_| self.next() as i32 as f32 / 2f32.powi(31))
            .collect()
    }
}

/// How many times a test repeats: Miri, which takes a thousand times as long, looks at what memory is used and
/// not at what is computed.
pub(crate) const fn times(all: usize) -> usize {
    if cfg!(miri) { 1 } else { all }
}

/// A tensor as kernels see it.
pub(crate) fn cells<T>(values: &mut [T]) -> &[Cell<T>] {
    Cell::from_mut(values).as_slice_of_cells()
}

/// What a kernel computes where its output begins so many elements before its input; `poison` is what lies around the input.
pub(crate) fn overlapping<T: Copy>(
    x: &[T],
    outputs: usize,
    distance: usize,
    poison: T,
    run: impl FnOnce(&[Cell<T>], &[Cell<T>]),
) -> Vec<T> {
    let mut memory = vec![poison; outputs.max(distance + x.len())];
    memory[distance..][..x.len()].copy_from_slice(x);
    let memory_of = cells(&mut memory);
    run(&memory_of[distance..][..x.len()], &memory_of[..outputs]);
    memory[..outputs].to_vec()
}

/// Settings of a property that is asked for so many cases. Seeds of failures are not kept: a failure becomes a test by itself.
pub(crate) fn cases(all: u32) -> Config {
    Config {
        failure_persistence: None,
        ..Config::with_cases(times(all as usize) as u32)
    }
}
