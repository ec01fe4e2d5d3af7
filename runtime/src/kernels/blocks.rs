//! Copies of blocks of bytes between tensors of different shapes, and fills.
//!
//! Elements are copied as bytes, so that one kernel serves every type. What has to be copied
//! to where is known when the model is compiled: dimensions that lie together in both tensors
//! are one block, the others are loops.

use core::array;
use core::cell::Cell;

use super::place::Source;
use super::{host_kernel, parameters, part};

/// How many loops a copy may have, after what lies together on both sides is one: any order of six dimensions.
pub const LOOPS: usize = 6;

/// Bytes that are moved at once, as whole words on a 32-bit processor.
const WORDS: usize = 8;

parameters! {
    /// Blocks of bytes and where they lie in the source `x` and the destination `y`.
    pub struct Blocks {
        /// Rounds of each loop, the outermost first.
        pub counts: [usize; LOOPS],
        /// Where the first block is in the source.
        pub x_start: isize,
        /// Bytes from one round to the next in the source; negative where it goes backwards.
        pub x_steps: [isize; LOOPS],
        /// Where the first block is in the destination.
        pub y_start: isize,
        /// Bytes from one round to the next in the destination.
        pub y_steps: [isize; LOOPS],
        /// Bytes of one block.
        pub block: usize,
    }

    /// Copies blocks of a tensor.
    pub struct CopyBlocks {
        /// Which blocks.
        pub blocks: Blocks,
    }

    /// Copies elements that have no neighbours in common.
    pub struct CopyElements {
        /// Which: a block is an element, and steps are in elements.
        pub blocks: Blocks,
    }

    /// Fills a tensor with one value.
    pub struct Fill {
        /// The value's bytes, repeated to eight.
        pub pattern: [u8; 8],
    }
}

/// Does something with where each block begins, in the source and in the destination; what is before the beginning is beyond every end. A closure
/// would do, but compilers then keep the loops' state in memory: small copies took up to 13 % more instructions.
macro_rules! each_block {
    ($blocks:expr, |$from:ident, $to:ident| $block:expr) => {{
        let blocks: &Blocks = &$blocks;
        let [.., inner] = blocks.counts;
        let [.., x_step] = blocks.x_steps;
        let [.., y_step] = blocks.y_steps;
        let (mut x_row, mut y_row) = (blocks.x_start, blocks.y_start);
        let mut rounds = [0; LOOPS];
        loop {
            let (mut $from, mut $to) = (x_row, y_row);
            for _ in 0..inner {
                $block;
                $from = $from.wrapping_add(x_step);
                $to = $to.wrapping_add(y_step);
            }
            // The innermost of the outer loops that is not over goes on, and those within begin again.
            let mut goes_on = false;
            let outer = rounds.iter_mut().zip(&blocks.counts);
            let steps = blocks.x_steps.iter().zip(&blocks.y_steps);
            for ((round, count), (x_step, y_step)) in outer.zip(steps).rev().skip(1) {
                *round += 1;
                x_row = x_row.wrapping_add(*x_step);
                y_row = y_row.wrapping_add(*y_step);
                if *round < *count {
                    goes_on = true;
                    break;
                }
                let rounds = *round as isize;
                x_row = x_row.wrapping_sub(x_step.wrapping_mul(rounds));
                y_row = y_row.wrapping_sub(y_step.wrapping_mul(rounds));
                *round = 0;
            }
            if !goes_on {
                break;
            }
        }
    }};
}

host_kernel! {
    CopyBlocks(x: u8, y);
    Fill(y);
}

impl CopyBlocks {
    /// Copies all blocks.
    #[inline(never)]
    pub fn run<S: Source<u8>>(&self, x: &[S], y: &[Cell<u8>]) {
        self.blocks.copy(x, y);
    }
}

impl CopyElements {
    /// Copies all elements. A block's length is not known when the firmware is compiled; an element's is, and it takes one load and one store.
    #[inline(never)]
    pub fn run<T: Copy, S: Source<T>>(&self, x: &[S], y: &[Cell<T>]) {
        each_block!(self.blocks, |from, to| {
            if let (Some(x), Some(y)) = (x.get(from as usize), y.get(to as usize)) {
                y.set(x.read());
            }
        });
    }
}

impl Fill {
    /// Fills `y`.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, y: &[Cell<u8>]) {
        let (words, rest) = y.as_chunks::<WORDS>();
        for word in words {
            for (y, value) in word.iter().zip(self.pattern) {
                y.set(value);
            }
        }
        for (y, value) in rest.iter().zip(self.pattern) {
            y.set(value);
        }
    }
}

impl Blocks {
    #[inline(always)]
    pub(super) fn copy<S: Source<u8>>(&self, x: &[S], y: &[Cell<u8>]) {
        each_block!(self, |from, to| copy(
            part(x, from as usize, self.block),
            part(y, to as usize, self.block),
        ));
    }
}

/// Copies as many bytes as both have.
#[inline(always)]
pub(super) fn copy<S: Source<u8>>(x: &[S], y: &[Cell<u8>]) {
    let (x_words, x_rest) = x.as_chunks::<WORDS>();
    let (y_words, y_rest) = y.as_chunks::<WORDS>();
    for (x, y) in x_words.iter().zip(y_words) {
        // All of a word is read before any of it is written: the compiler cannot know that the
        // two do not overlap, and would move single bytes.
        let word: [u8; WORDS] = array::from_fn(|i| x[i].read());
        for (y, value) in y.iter().zip(word) {
            y.set(value);
        }
    }
    for (x, y) in x_rest.iter().zip(y_rest) {
        y.set(x.read());
    }
}
