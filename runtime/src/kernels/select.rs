//! SELECT and SELECT_V2: of two tensors' elements, the one that a third says.

use core::cell::Cell;

use super::blocks::LOOPS;
use super::parameters;
use super::place::Source;

parameters! {
    /// Which elements of three tensors meet, in the order of the output.
    pub struct Select {
        /// Rounds of each loop, the outermost first.
        pub counts: [usize; LOOPS],
        /// Elements from one round to the next: of the condition, and of what is taken where it is true and where not.
        pub steps: [[usize; 3]; LOOPS],
    }
}

impl Select {
    /// Computes the whole output.
    #[inline(never)]
    pub fn run<T: Copy, C: Source<u8>, A: Source<T>, B: Source<T>>(
        &self,
        condition: &[C],
        first: &[A],
        second: &[B],
        y: &[Cell<T>],
    ) {
        let [outer @ .., inner] = self.counts;
        let [outer_steps @ .., step] = self.steps;
        let mut starts = [0usize; 3];
        let mut rounds = [0; LOOPS - 1];
        for row in y.chunks(inner.max(1)) {
            let [mut c, mut a, mut b] = starts;
            for y in row {
                let Some(condition) = condition.get(c) else {
                    return;
                };
                let value = match condition.read() {
                    0 => second.get(b).map(Source::read),
                    _ => first.get(a).map(Source::read),
                };
                let Some(value) = value else {
                    return;
                };
                y.set(value);
                c = c.wrapping_add(step[0]);
                a = a.wrapping_add(step[1]);
                b = b.wrapping_add(step[2]);
            }
            // The innermost of the outer loops that is not over goes on, and those within begin again.
            let loops = rounds.iter_mut().zip(&outer).zip(&outer_steps);
            for ((round, count), steps) in loops.rev() {
                *round += 1;
                let is_over = *round >= *count;
                let back = if is_over { *round } else { 0 };
                for (start, step) in starts.iter_mut().zip(steps) {
                    let start_of_next = start.wrapping_add(*step);
                    *start = start_of_next.wrapping_sub(step.wrapping_mul(back));
                }
                if !is_over {
                    break;
                }
                *round = 0;
            }
        }
    }
}
