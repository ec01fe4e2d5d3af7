//! Consecutive element-wise functions in one loop over memory: what one gives is the next one's operand, and lies nowhere.
//!
//! Memory is rows of equal length. The other operand of a function of two values has one element for each row, one for each
//! column, or one for each element.

use core::cell::Cell;

use super::broadcast::Combine;
use super::parameters;
use super::place::Source;
use super::reduce::Reducing;
use super::unary::Function;

parameters! {
    /// ChainSteps from each element of an input to that of the output, which may share its memory.
    pub struct Chain<S> {
        /// Elements of a row.
        pub row: usize,
        /// [`Then`] up to [`End`].
        pub steps: S,
    }

    /// One result for each row of an input: what a [`Reducing`] takes in of what steps make of the row's elements, one after the other.
    pub struct ReduceChain<S, F> {
        /// Elements of a row.
        pub row: usize,
        /// [`Then`] up to [`End`].
        pub steps: S,
        /// What takes them in.
        pub function: F,
    }

    /// A step and those behind it.
    pub struct Then<F, S> {
        /// An [`Each`], [`Across`] or [`Along`].
        pub first: F,
        /// The others.
        pub rest: S,
    }

    /// No more steps.
    pub struct End;

    /// A [`Function`] of the value so far.
    pub struct Each<F> {
        /// The function.
        pub function: F,
    }

    /// What a [`Combine`] makes of the value so far and of one element for each row.
    pub struct Across<F> {
        /// The function.
        pub function: F,
        /// From one row's element to the next one's: 1, or 0 where one serves for all.
        pub step: usize,
    }

    /// What a [`Combine`] makes of the value so far and of one element for each column.
    pub struct Along<F> {
        /// The function.
        pub function: F,
        /// From one row's elements to the next one's: a row, or 0 where one row serves for all.
        pub step: usize,
    }

    /// A [`Combine`] of operands that have changed places.
    pub struct Swapped<F> {
        /// The function.
        pub function: F,
    }
}

impl<X, Y, F: Combine<X, Y>> Combine<X, Y> for Swapped<F> {
    #[inline(always)]
    fn combine(&self, first: X, second: X) -> Y {
        self.function.combine(second, first)
    }
}

/// ChainSteps, with the operands that they take in their order: `(a, (b, …))`, of which some may be left.
pub trait ChainSteps<T, O> {
    /// What is the same for all elements of a row.
    type Row;

    /// A row's; `None` if an operand is too short.
    fn row(&self, operands: O, row: usize, len: usize) -> Option<Self::Row>;

    /// What becomes of an element of the row.
    fn apply(&self, row: &Self::Row, at: usize, value: T) -> T;
}

impl<T, O> ChainSteps<T, O> for End {
    type Row = ();

    #[inline(always)]
    fn row(&self, _: O, _: usize, _: usize) -> Option<()> {
        Some(())
    }

    #[inline(always)]
    fn apply(&self, (): &(), _: usize, value: T) -> T {
        value
    }
}

impl<T, O, F: Function<T, T>, S: ChainSteps<T, O>> ChainSteps<T, O> for Then<Each<F>, S> {
    type Row = S::Row;

    #[inline(always)]
    fn row(&self, operands: O, row: usize, len: usize) -> Option<S::Row> {
        self.rest.row(operands, row, len)
    }

    #[inline(always)]
    fn apply(&self, row: &S::Row, at: usize, value: T) -> T {
        self.rest.apply(row, at, self.first.function.of(value))
    }
}

impl<T: Copy, A: Source<T>, O, F: Combine<T, T>, S: ChainSteps<T, O>> ChainSteps<T, (&[A], O)>
    for Then<Across<F>, S>
{
    type Row = (T, S::Row);

    #[inline(always)]
    fn row(&self, (operand, rest): (&[A], O), row: usize, len: usize) -> Option<Self::Row> {
        let second = operand.get(row.wrapping_mul(self.first.step))?.read();
        Some((second, self.rest.row(rest, row, len)?))
    }

    #[inline(always)]
    fn apply(&self, (second, row): &Self::Row, at: usize, value: T) -> T {
        let value = self.first.function.combine(value, *second);
        self.rest.apply(row, at, value)
    }
}

impl<'a, T, A: Source<T>, O, F: Combine<T, T>, S: ChainSteps<T, O>> ChainSteps<T, (&'a [A], O)>
    for Then<Along<F>, S>
{
    type Row = (&'a [A], S::Row);

    #[inline(always)]
    fn row(&self, (operand, rest): (&'a [A], O), row: usize, len: usize) -> Option<Self::Row> {
        let elements = operand
            .get(row.wrapping_mul(self.first.step)..)?
            .get(..len)?;
        Some((elements, self.rest.row(rest, row, len)?))
    }

    #[inline(always)]
    fn apply(&self, (elements, row): &Self::Row, at: usize, value: T) -> T {
        match elements.get(at) {
            Some(second) => {
                let value = self.first.function.combine(value, second.read());
                self.rest.apply(row, at, value)
            }
            None => value,
        }
    }
}

impl<S> Chain<S> {
    /// Computes the whole output. Operands that the steps do not take are not looked at.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    pub fn run<'a, T: Copy, A: Source<T>, B: Source<T>, C: Source<T>, D: Source<T>>(
        &self,
        x: &[Cell<T>],
        a: &'a [A],
        b: &'a [B],
        c: &'a [C],
        d: &'a [D],
        y: &[Cell<T>],
    ) where
        S: ChainSteps<T, (&'a [A], (&'a [B], (&'a [C], (&'a [D], ()))))>,
    {
        let len = self.row.max(1);
        for (row, (x, y)) in x.chunks_exact(len).zip(y.chunks_exact(len)).enumerate() {
            let Some(operands) = self.steps.row((a, (b, (c, (d, ())))), row, len) else {
                return;
            };
            for (at, (x, y)) in x.iter().zip(y).enumerate() {
                y.set(self.steps.apply(&operands, at, x.get()));
            }
        }
    }
}

impl<S, F> ReduceChain<S, F> {
    /// Computes the whole output. Operands that the steps do not take are not looked at.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    pub fn run<'a, T: Copy, Y, A: Source<T>, B: Source<T>, C: Source<T>, D: Source<T>>(
        &self,
        x: &[Cell<T>],
        a: &'a [A],
        b: &'a [B],
        c: &'a [C],
        d: &'a [D],
        y: &[Cell<Y>],
    ) where
        S: ChainSteps<T, (&'a [A], (&'a [B], (&'a [C], (&'a [D], ()))))>,
        F: Reducing<T, Y>,
    {
        let len = self.row.max(1);
        for (row, (x, y)) in x.chunks_exact(len).zip(y).enumerate() {
            let Some(operands) = self.steps.row((a, (b, (c, (d, ())))), row, len) else {
                return;
            };
            let mut acc = self.function.start();
            for (at, x) in x.iter().enumerate() {
                acc = self
                    .function
                    .fold(acc, self.steps.apply(&operands, at, x.get()));
            }
            y.set(self.function.finish(acc));
        }
    }
}
