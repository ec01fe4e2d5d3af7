//! Copies between tensors of different shapes as blocks of bytes.

use castiron_runtime::kernels::{Blocks, CopyBlocks, CopyConstantBlocks, LOOPS};

use crate::program::{Argument, Choosing, ElementType};

/// One loop of a copy: rounds, and elements from one to the next in source and destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Loop {
    pub(super) count: usize,
    pub(super) x_step: usize,
    pub(super) y_step: usize,
}

/// An operand's bytes from one of its elements on.
pub(super) fn bytes_from(operand: Argument, element: usize) -> Argument {
    let size = operand.element.bytes();
    Argument {
        element: ElementType::U8,
        offset: operand.offset + element * size,
        len: operand.len.saturating_sub(element) * size,
        ..operand
    }
}

/// Adds a copy of blocks of `block` elements to where `y_start` elements of `y` come first.
/// Loops are given from the outermost; `false` if they are too many.
#[must_use]
pub(super) fn copy(
    choosing: &mut Choosing<'_>,
    (x, y, y_start): (Argument, Argument, usize),
    loops: &[Loop],
    block: usize,
) -> bool {
    let size = x.element.bytes();
    let loops = merge(loops);
    let Some(first) = LOOPS.checked_sub(loops.len()) else {
        return false;
    };
    let mut blocks = Blocks {
        counts: [1; LOOPS],
        x_steps: [0; LOOPS],
        y_steps: [0; LOOPS],
        block: block * size,
    };
    for (i, l) in (first..).zip(loops) {
        blocks.counts[i] = l.count;
        blocks.x_steps[i] = l.x_step * size;
        blocks.y_steps[i] = l.y_step * size;
    }
    let operands = [bytes_from(x, 0), bytes_from(y, y_start)];
    match x.is_constant() {
        false => choosing.call(CopyBlocks { blocks }, operands),
        true => choosing.call(CopyConstantBlocks { blocks }, operands),
    }
    true
}

/// Loops without those of one round; a loop that goes on where its inner one ends becomes one
/// with it.
fn merge(loops: &[Loop]) -> Vec<Loop> {
    let mut merged: Vec<Loop> = Vec::new();
    for &inner in loops.iter().filter(|l| l.count != 1) {
        match merged.last_mut() {
            Some(outer)
                if outer.x_step == inner.count * inner.x_step
                    && outer.y_step == inner.count * inner.y_step =>
            {
                outer.count *= inner.count;
                (outer.x_step, outer.y_step) = (inner.x_step, inner.y_step);
            }
            _ => merged.push(inner),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: usize, x_step: usize, y_step: usize) -> Loop {
        Loop {
            count,
            x_step,
            y_step,
        }
    }

    #[test]
    fn loops_that_continue_each_other_are_one() {
        let loops = [of(2, 24, 40), of(1, 24, 40), of(4, 6, 10), of(3, 2, 3)];
        assert_eq!(merge(&loops), [of(8, 6, 10), of(3, 2, 3)]);
    }
}
