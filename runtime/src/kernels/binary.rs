//! Functions of two tensors, or of a tensor and a constant, element by element.
//!
//! The first operand is always an activation; the generator exchanges operands where the first is the constant one
//! or the one that is repeated. Either activation that is as large as the output may share its memory: each element
//! is read before the one in its place is written.

use core::cell::Cell;

use super::broadcast::{Broadcast, Combine, Meeting};
use super::parameters;
use super::place::Source;

parameters! {
    /// What a [`Combine`] makes of each two elements.
    pub struct Zip<F> {
        /// What to compute of two elements.
        pub function: F,
        /// Whether the first operand is the function's second one.
        pub exchanged: bool,
        /// How the operands' elements meet; `None` where both are as large as the output or
        /// the second operand has one element.
        pub broadcast: Option<Broadcast>,
    }

    /// A function with an activation: its results in a range.
    pub struct Clamped<F, T> {
        /// The function.
        pub function: F,
        /// Least output value.
        pub min: T,
        /// Greatest output value.
        pub max: T,
    }
}

impl<F> Zip<F> {
    /// Computes the whole output.
    // Inlined so that the choices, constant where the model is compiled, leave one loop, which all
    // layers of a kind share.
    #[inline(always)]
    pub fn run<X: Copy, Y: Copy, S: Source<X>>(
        &self,
        first: &[Cell<X>],
        second: &[S],
        y: &[Cell<Y>],
    ) where
        F: Combine<X, Y>,
    {
        let meeting = Meeting {
            broadcast: self.broadcast.as_ref(),
            first,
            second,
            y,
        };
        match self.exchanged {
            false => self.function.meet(meeting),
            true => meeting.run(Exchanged(&self.function)),
        }
    }
}

/// A function of operands that have changed places.
struct Exchanged<'a, F>(&'a F);

impl<F> Clone for Exchanged<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Exchanged<'_, F> {}

impl<X, Y, F: Combine<X, Y>> Combine<X, Y> for Exchanged<'_, F> {
    #[inline(always)]
    fn combine(&self, first: X, second: X) -> Y {
        self.0.combine(second, first)
    }
}

impl<T: Copy + PartialOrd, F: Combine<T, T>> Combine<T, T> for Clamped<F, T> {
    #[inline(always)]
    fn combine(&self, first: T, second: T) -> T {
        clamp(self.function.combine(first, second), self.min, self.max)
    }
}

/// By comparison, which leaves NaN; `f32::clamp` is library calls where the processor has no instruction for it.
#[inline(always)]
pub(super) fn clamp<T: PartialOrd>(x: T, min: T, max: T) -> T {
    if x > max {
        max
    } else if x < min {
        min
    } else {
        x
    }
}

/// Declares functions of two values, a line each: see `elementwise.rs`.
macro_rules! binary {
    ($($name:ident = $operator:literal($a:ident, $b:ident): $([$($t:ident)+] $value:expr),+;)+) => {
        $(binary! { @functions $name $operator ($a, $b) $([$($t => $t)+] $value),+ })+

        /// The operators of two inputs whose results are of the inputs' type.
        #[cfg(feature = "host")]
        pub const BINARY: &[crate::rows::Binary] = &[$(crate::rows::Binary {
            operator: $operator,
            kernels: &[$($((stringify!($t), binary!(@kernel $name $t => $t))),+),+],
            clamped: &[],
            scaled: &[],
        }),+];
    };
    (@functions $name:ident $operator:literal $ab:tt $([$($t:ident => $y:ident)+] $value:expr),+) => {
        parameters! {
            #[doc = concat!("The function of ", $operator, ".")]
            pub struct $name;
        }

        $(binary! { @values $name $ab [$($t => $y)+] $value })+
    };
    (@values $name:ident $ab:tt [$($t:ident => $y:ident)+] $value:expr) => {
        $(binary! { @function $name $ab $t $y $value })+
    };
    (@function $name:ident ($a:ident, $b:ident) $t:ident $y:ident $value:expr) => {
        impl Combine<<$t as Value>::Stored, <$y as Value>::Stored> for $name {
            #[inline(always)]
            fn combine(
                &self,
                first: <$t as Value>::Stored,
                second: <$t as Value>::Stored,
            ) -> <$y as Value>::Stored {
                let ($a, $b) = (<$t as Value>::of(first), <$t as Value>::of(second));
                let y: $y = $value;
                y.stored()
            }
        }
    };
    (@kernel $name:ident $t:ident => $y:ident) => {
        |meeting| {
            crate::host::zip::<<$t as Value>::Stored, <$y as Value>::Stored, _>(
                meeting.of($name {}),
            )
        }
    };
}
pub(super) use binary;

/// As `binary`, of operators that may have an activation.
macro_rules! arithmetic {
    ($($name:ident = $operator:literal($a:ident, $b:ident): $([$($t:ident)+] $value:expr),+;)+) => {
        $(binary! { @functions $name $operator ($a, $b) $([$($t => $t)+] $value),+ })+

        /// The operators of two inputs that may have an activation.
        #[cfg(feature = "host")]
        pub const ARITHMETIC: &[crate::rows::Binary] = &[$(crate::rows::Binary {
            operator: $operator,
            kernels: &[$($((stringify!($t), binary!(@kernel $name $t => $t))),+),+],
            clamped: &[$($((stringify!($t), |meeting, range| {
                let (min, max) = (range.min as $t, range.max as $t);
                let clamped = super::binary::Clamped { function: $name {}, min, max };
                crate::host::zip::<$t, $t, _>(meeting.of(clamped))
            })),+),+],
            scaled: &[],
        }),+];
    };
}
pub(super) use arithmetic;

/// As `binary`, of operators whose results are truth values.
macro_rules! comparisons {
    ($($name:ident = $operator:literal($a:ident, $b:ident): [$($t:ident)+] $value:expr;)+) => {
        $(binary! { @functions $name $operator ($a, $b) [$($t => bool)+] $value })+

        /// The operators that compare.
        #[cfg(feature = "host")]
        pub const COMPARISONS: &[crate::rows::Binary] = &[$(crate::rows::Binary {
            operator: $operator,
            kernels: &[$((stringify!($t), binary!(@kernel $name $t => bool))),+],
            clamped: &[],
            scaled: comparisons!(@scaled $name: i8 u8 i16),
        }),+];
    };
    (@scaled $name:ident: $($t:ident)+) => {
        &[$((stringify!($t), |meeting, first, second| {
            let scaled = super::quantized::Scaled { function: $name {}, first, second };
            crate::host::zip::<$t, u8, _>(meeting.of(scaled))
        })),+]
    };
}
pub(super) use comparisons;
