//! ONE_HOT: for every index, one of two values at each place, the first where the index says.

use core::cell::Cell;

use super::blocks::copy;
use super::place::Source;
use super::{host_kernel, parameters, split};

parameters! {
    /// Values of any type, as bytes.
    pub struct OneHot {
        /// Places of an index.
        pub depth: usize,
        /// Indices of a row: those behind the axis of places.
        pub row: usize,
        /// Bytes of a value.
        pub element: usize,
    }
}

host_kernel! {
    OneHot(indices: i32, on: u8, off: u8, y);
}

impl OneHot {
    /// Computes the whole output. An index that is no place is `off` at all of them.
    #[inline(never)]
    pub fn run<I: Source<i32>, A: Source<u8>, B: Source<u8>>(
        &self,
        indices: &[I],
        on: &[A],
        off: &[B],
        mut y: &[Cell<u8>],
    ) {
        for row in indices.chunks(self.row.max(1)) {
            for place in 0..self.depth {
                for index in row {
                    let (to, rest) = split(y, self.element);
                    y = rest;
                    match usize::try_from(index.read()) {
                        Ok(index) if index == place => copy(on, to),
                        _ => copy(off, to),
                    }
                }
            }
        }
    }
}
