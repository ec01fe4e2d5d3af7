//! Blocks whose places are values of a tensor: GATHER, GATHER_ND, EMBEDDING_LOOKUP and SLICE read there,
//! DYNAMIC_UPDATE_SLICE writes there.
//!
//! Positions are computed in 32 bits, saturating, so that they are the same on every processor.

use core::cell::Cell;

use super::blocks::copy;
use super::place::Source;
use super::{Blocks, LOOPS, host_kernel, parameters, part, split};

parameters! {
    /// Blocks of bytes of `x`, at places that `indices` say. A block that does not lie within its part of the input
    /// is zeros.
    pub struct Gather {
        /// How often there are indices.
        pub batches: usize,
        /// Parts of the input for each batch of indices.
        pub parts: usize,
        /// Bytes of a part.
        pub part: usize,
        /// Places of a batch.
        pub places: usize,
        /// Indices of a place.
        pub depth: usize,
        /// Bytes that each index of a place counts.
        pub steps: [i32; LOOPS],
        /// Bytes of a block.
        pub block: usize,
    }

    /// Copies blocks from a place in `x` that `starts` say, so far moved that all of them lie within.
    pub struct TakeSlice {
        /// The blocks, of a part at the beginning.
        pub blocks: Blocks,
        /// The greatest start along each axis.
        pub most: [i32; LOOPS],
        /// Bytes that each start counts.
        pub steps: [i32; LOOPS],
    }

    /// Copies blocks to a place in `y` that `starts` say, so far moved that all of them lie within.
    pub struct UpdateSlice {
        /// The blocks, of an update at the beginning.
        pub blocks: Blocks,
        /// The greatest start along each axis.
        pub most: [i32; LOOPS],
        /// Bytes that each start counts.
        pub steps: [i32; LOOPS],
    }
}

host_kernel! {
    Gather(x: u8, indices: i32, y);
    TakeSlice(x: u8, starts: i32, y);
    UpdateSlice(x: u8, starts: i32, y);
}

impl Gather {
    /// Copies all blocks.
    #[inline(never)]
    pub fn run<X: Source<u8>, I: Source<i32>>(
        &self,
        mut x: &[X],
        mut indices: &[I],
        mut y: &[Cell<u8>],
    ) {
        for _ in 0..self.batches {
            let (places, other_batches) = split(indices, self.places * self.depth);
            indices = other_batches;
            for _ in 0..self.parts {
                let (source, other_parts) = split(x, self.part);
                x = other_parts;
                let mut rest = places;
                for _ in 0..self.places {
                    let (place, others) = split(rest, self.depth);
                    let (to, others_to) = split(y, self.block);
                    (rest, y) = (others, others_to);
                    // What is before the beginning is beyond every end.
                    let from = part(source, position(place, &self.steps) as usize, self.block);
                    match from.is_empty() {
                        true => to.iter().for_each(|y| y.set(0)),
                        false => copy(from, to),
                    }
                }
            }
        }
    }
}

impl TakeSlice {
    /// Copies all blocks of a part of `x` to `y`.
    #[inline(never)]
    pub fn run<X: Source<u8>, I: Source<i32>>(&self, x: &[X], starts: &[I], y: &[Cell<u8>]) {
        let start = slice_start(starts, &self.most, &self.steps);
        let blocks = Blocks {
            x_start: self.blocks.x_start.wrapping_add(start),
            ..self.blocks
        };
        blocks.copy(x, y);
    }
}

impl UpdateSlice {
    /// Copies all blocks of `x` into `y`.
    #[inline(never)]
    pub fn run<X: Source<u8>, I: Source<i32>>(&self, x: &[X], starts: &[I], y: &[Cell<u8>]) {
        let start = slice_start(starts, &self.most, &self.steps);
        let blocks = Blocks {
            y_start: self.blocks.y_start.wrapping_add(start),
            ..self.blocks
        };
        blocks.copy(x, y);
    }
}

/// The byte where a slice begins.
#[inline(always)]
fn slice_start<I: Source<i32>>(starts: &[I], most: &[i32; LOOPS], steps: &[i32; LOOPS]) -> isize {
    let mut byte = 0isize;
    for (start, (most, step)) in starts.iter().zip(most.iter().zip(steps)) {
        let start = start.read().min(*most).max(0);
        byte = byte.wrapping_add(start.wrapping_mul(*step) as isize);
    }
    byte
}

/// The byte that indices lead to.
#[inline(always)]
fn position<I: Source<i32>>(indices: &[I], steps: &[i32; LOOPS]) -> i32 {
    let terms = indices.iter().zip(steps);
    terms.fold(0i32, |sum, (index, step)| {
        sum.saturating_add(index.read().saturating_mul(*step))
    })
}
