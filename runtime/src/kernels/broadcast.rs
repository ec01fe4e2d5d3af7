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
        /// Elements of a run of the first operand: as many as the output's run has, or 1 for all.
        pub run: usize,
        /// Elements of a run of the second operand: the same.
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
    pub broadcast: Option<&'a Broadcast>,
    pub first: &'a [Cell<X>],
    pub second: &'a [S],
    pub y: &'a [Cell<Y>],
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
        for y in y.chunks(self.run.max(self.second_run).max(1)) {
            let first = part(first, first_at, self.run);
            let second = part(second, second_at, self.second_run);
            match first {
                // A constant that is larger than the activation, as of layer normalisation: the second one is walked.
                [first] if self.run < self.second_run => {
                    let first = first.get();
                    for (second, y) in second.iter().zip(y) {
                        y.set(function.combine(first, second.read()));
                    }
                }
                _ => run(function, first, second, y),
            }
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
