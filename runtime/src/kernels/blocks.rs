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

    /// Fills a tensor with one value.
    pub struct Fill {
        /// The value's bytes, repeated to eight.
        pub pattern: [u8; 8],
    }
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
        let [.., inner] = self.counts;
        let [.., x_step] = self.x_steps;
        let [.., y_step] = self.y_steps;
        let (mut x_row, mut y_row) = (self.x_start, self.y_start);
        let mut rounds = [0; LOOPS];
        loop {
            let (mut from, mut to) = (x_row, y_row);
            for _ in 0..inner {
                // What is before the beginning is beyond every end.
                copy(
                    part(x, from as usize, self.block),
                    part(y, to as usize, self.block),
                );
                from = from.wrapping_add(x_step);
                to = to.wrapping_add(y_step);
            }
            // The innermost of the outer loops that is not over goes on, and those within begin again.
            let mut goes_on = false;
            let outer = rounds.iter_mut().zip(&self.counts);
            let steps = self.x_steps.iter().zip(&self.y_steps);
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
                return;
            }
        }
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

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;
    use crate::testing::{Numbers, cells, times};

    #[test]
    fn every_block_arrives() {
        let mut n = Numbers::new(1);
        for _ in 0..times(200) {
            let counts = [(); LOOPS].map(|()| 1 + n.below(2));
            let block = n.below(30);
            // The source is packed; the destination has gaps after every loop.
            let (mut x_steps, mut y_steps) = ([0; LOOPS], [0; LOOPS]);
            let (mut x_len, mut y_len) = (block, block);
            for i in (0..LOOPS).rev() {
                y_len += n.below(5);
                (x_steps[i], y_steps[i]) = (x_len as isize, y_len as isize);
                x_len *= counts[i];
                y_len *= counts[i];
            }
            let blocks = Blocks {
                counts,
                x_start: 0,
                x_steps,
                y_start: 0,
                y_steps,
                block,
            };
            let mut x: Vec<u8> = (0..x_len).map(|_| n.next() as u8 | 1).collect();
            let mut expected = std::vec![0; y_len];
            for (i, x) in x.iter().enumerate() {
                let (mut rest, mut to) = (i / block, i % block);
                for j in (0..LOOPS).rev() {
                    to += rest % counts[j] * y_steps[j] as usize;
                    rest /= counts[j];
                }
                expected[to] = *x;
            }
            let mut y = std::vec![0; y_len];
            CopyBlocks { blocks }.run(&x, cells(&mut y));
            assert_eq!(y, expected, "{blocks:?}");
            y.fill(0);
            CopyBlocks { blocks }.run(cells(&mut x), cells(&mut y));
            assert_eq!(y, expected, "{blocks:?}");
        }
    }

    /// A source that is gone through backwards, in columns.
    #[test]
    fn steps_may_go_backwards() {
        let mut blocks = Blocks {
            counts: [1; LOOPS],
            x_start: 5,
            x_steps: [0; LOOPS],
            y_start: 0,
            y_steps: [0; LOOPS],
            block: 1,
        };
        (blocks.counts[4], blocks.counts[5]) = (3, 2);
        (blocks.x_steps[4], blocks.x_steps[5]) = (-1, -3);
        (blocks.y_steps[4], blocks.y_steps[5]) = (2, 1);
        let mut y = [0; 6];
        CopyBlocks { blocks }.run(&[10, 11, 12, 20, 21, 22], cells(&mut y));
        assert_eq!(y, [22, 12, 21, 11, 20, 10]);
    }

    #[test]
    fn a_fill_repeats_its_value() {
        let mut y = [0; 21];
        Fill {
            pattern: [1, 2, 3, 4, 1, 2, 3, 4],
        }
        .run(cells(&mut y));
        for (i, y) in y.iter().enumerate() {
            assert_eq!(usize::from(*y), i % 4 + 1);
        }
    }
}
