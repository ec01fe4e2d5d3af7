//! How the elements of two operands meet: of equal shapes, of one element, or broadcast.
//!
//! What becomes of two elements is a [`Combine`]; the loops over them are here, once.

use core::cell::Cell;

use super::place::Source;
use super::{parameters, part};

/// Outer dimensions of a [`Broadcast`].
pub const OUTER_DIMS: usize = 6;

parameters! {
    /// How two operands of different shapes meet: equal runs of elements, and where each run begins.
    #[derive(PartialEq)]
    pub struct Broadcast {
        /// Elements of a run of the output, and of the first operand.
        pub run: usize,
        /// Elements of a run of the second operand: `run` or 1.
        pub second_run: usize,
        /// The dimensions around the runs, the fastest first; unused ones count 1.
        pub outer: [OuterDim; OUTER_DIMS],
    }

    /// One dimension around the runs of a [`Broadcast`].
    #[derive(PartialEq)]
    pub struct OuterDim {
        /// Its size.
        pub count: usize,
        /// Elements of the first operand from one to the next.
        pub first: usize,
        /// Elements of the second operand from one to the next.
        pub second: usize,
    }
}

/// What becomes of two elements.
pub trait Combine<X, Y> {
    /// The result.
    fn combine(&self, first: X, second: X) -> Y;

    /// Computes all elements. A function that has simpler forms for some parameters chooses here.
    #[inline(always)]
    fn meet<S: Source<X>>(&self, meeting: Meeting<'_, X, S, Y>)
    where
        Self: Sized,
        X: Copy,
        Y: Copy,
    {
        meeting.run(self);
    }
}

impl<X, Y, C: Combine<X, Y> + ?Sized> Combine<X, Y> for &C {
    #[inline(always)]
    fn combine(&self, first: X, second: X) -> Y {
        (*self).combine(first, second)
    }
}

/// Operands with the way they meet.
#[cfg_attr(any(test, feature = "host"), derive(Debug))]
pub struct Meeting<'a, X: Copy, S, Y: Copy> {
    pub(super) broadcast: Option<&'a Broadcast>,
    pub(super) first: &'a [Cell<X>],
    pub(super) second: &'a [S],
    pub(super) y: &'a [Cell<Y>],
}

impl<X: Copy, S: Source<X>, Y: Copy> Meeting<'_, X, S, Y> {
    #[inline(always)]
    pub(super) fn run<C: Combine<X, Y> + Copy>(self, function: C) {
        match self.broadcast {
            None => run(function, self.first, self.second, self.y),
            Some(b) => b.runs(function, self.first, self.second, self.y),
        }
    }
}

/// One run: as many elements of each, or one of the second operand for all.
#[inline(never)]
fn run<X: Copy, S: Source<X>, Y, C: Combine<X, Y> + Copy>(
    function: C,
    first: &[Cell<X>],
    second: &[S],
    y: &[Cell<Y>],
) {
    if let [second] = second {
        let second = second.read();
        for (first, y) in first.iter().zip(y) {
            y.set(function.combine(first.get(), second));
        }
    } else {
        for ((first, second), y) in first.iter().zip(second).zip(y) {
            y.set(function.combine(first.get(), second.read()));
        }
    }
}

impl Broadcast {
    #[inline(never)]
    fn runs<X: Copy, S: Source<X>, Y, C: Combine<X, Y> + Copy>(
        &self,
        function: C,
        first: &[Cell<X>],
        second: &[S],
        y: &[Cell<Y>],
    ) {
        let mut position = [0usize; OUTER_DIMS];
        let (mut first_at, mut second_at) = (0usize, 0usize);
        for y in y.chunks(self.run.max(1)) {
            let first = part(first, first_at, self.run);
            let second = part(second, second_at, self.second_run);
            run(function, first, second, y);
            next(&self.outer, &mut position, &mut first_at, &mut second_at);
        }
    }
}

/// Goes to the next position of the outer dimensions, and to where both inputs are there.
#[inline(always)]
pub(super) fn next(
    outer: &[OuterDim; OUTER_DIMS],
    position: &mut [usize; OUTER_DIMS],
    first_at: &mut usize,
    second_at: &mut usize,
) {
    for (dim, position) in outer.iter().zip(position) {
        *position += 1;
        *first_at = first_at.wrapping_add(dim.first);
        *second_at = second_at.wrapping_add(dim.second);
        if *position < dim.count {
            break;
        }
        *position = 0;
        *first_at = first_at.wrapping_sub(dim.first.wrapping_mul(dim.count));
        *second_at = second_at.wrapping_sub(dim.second.wrapping_mul(dim.count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNUSED: OuterDim = OuterDim {
        count: 1,
        first: 0,
        second: 0,
    };

    struct Sum;

    impl Combine<i32, i32> for Sum {
        fn combine(&self, first: i32, second: i32) -> i32 {
            first + second
        }
    }

    fn add(broadcast: Option<Broadcast>, first: &[Cell<i32>], second: &[i32], y: &[Cell<i32>]) {
        let meeting = Meeting {
            broadcast: broadcast.as_ref(),
            first,
            second,
            y,
        };
        Sum.meet(meeting);
    }

    #[test]
    fn one_second_operand_serves_all() {
        let values = [1, 2, 3].map(Cell::new);
        add(None, &values, &[5], &values);
        assert_eq!(values.map(|y| y.get()), [6, 7, 8]);
    }

    #[test]
    fn runs_meet_as_the_dimensions_say() {
        // [2, 1, 3] + [4, 1] gives [2, 4, 3]: runs of 3 with one second operand.
        let broadcast = Broadcast {
            run: 3,
            second_run: 1,
            outer: [
                OuterDim {
                    count: 4,
                    first: 0,
                    second: 1,
                },
                OuterDim {
                    count: 2,
                    first: 3,
                    second: 0,
                },
                UNUSED,
                UNUSED,
                UNUSED,
                UNUSED,
            ],
        };
        let x = [0, 1, 2, 3, 4, 5].map(Cell::new);
        let y = [const { Cell::new(0) }; 24];
        add(Some(broadcast), &x, &[10, 20, 30, 40], &y);
        for (i, y) in y.iter().enumerate() {
            let (a, b, c) = (i / 12, i / 3 % 4, i % 3);
            assert_eq!(y.get(), (a * 3 + c + (b + 1) * 10) as i32);
        }
    }

    #[test]
    fn operands_too_short_compute_less() {
        let y = [const { Cell::new(0) }; 4];
        add(None, &[Cell::new(1)], &[1, 1], &y);
        let broadcast = Broadcast {
            run: 0,
            second_run: 9,
            outer: [UNUSED; OUTER_DIMS],
        };
        add(Some(broadcast), &y, &[1], &y);
        assert_eq!(y.map(|y| y.get()), [2, 0, 0, 0]);
    }
}
