//! Functions of one tensor, element by element: 8-bit ones by table, others computed.
//!
//! Every kernel here may run in place where both tensors have elements of one size.

use core::cell::Cell;

use super::{host_kernel, parameters};

parameters! {
    /// A function of 8-bit values as a table: entry `i` is the result for the value stored as byte
    /// `i`, whether types are signed or not.
    ///
    /// Whatever the function, the result is exact and costs two loads and a store.
    pub struct Lookup;

    /// A [`Function`] of every element.
    pub struct Map<F> {
        /// The function.
        pub function: F,
    }
}

host_kernel! {
    Lookup(x, table, y);
}

/// What becomes of an element.
pub trait Function<X, Y> {
    /// The result.
    fn of(&self, x: X) -> Y;
}

impl<F> Map<F> {
    /// Applies the function to every element.
    #[inline(never)]
    pub fn run<X: Copy, Y>(&self, x: &[Cell<X>], y: &[Cell<Y>])
    where
        F: Function<X, Y>,
    {
        for (x, y) in x.iter().zip(y) {
            y.set(self.function.of(x.get()));
        }
    }
}

/// The least number of bytes by which an output of so many elements may begin before the input, where kernels here take elements one after the
/// other: the outputs of all but the last may reach the next element's input. Elements of input and output have these bytes.
#[cfg(feature = "host")]
#[must_use]
pub fn distance_of_elements(elements: usize, [x, y]: [usize; 2]) -> usize {
    elements.saturating_sub(1) * y.saturating_sub(x)
}

impl Lookup {
    /// Looks up every byte of `x` in `table`, which has 256 entries.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    pub fn run(&self, x: &[Cell<u8>], table: &[u8], y: &[Cell<u8>]) {
        let Some(table) = table.first_chunk::<256>() else {
            return;
        };
        let look_up = |x: &Cell<u8>, y: &Cell<u8>| y.set(table[usize::from(x.get())]);
        // Four at a time, written out: the loop's own instructions are as many as a lookup's.
        let (x_blocks, x_rest) = x.as_chunks::<4>();
        let (y_blocks, y_rest) = y.as_chunks::<4>();
        for ([x0, x1, x2, x3], [y0, y1, y2, y3]) in x_blocks.iter().zip(y_blocks) {
            look_up(x0, y0);
            look_up(x1, y1);
            look_up(x2, y2);
            look_up(x3, y3);
        }
        for (x, y) in x_rest.iter().zip(y_rest) {
            look_up(x, y);
        }
    }
}

/// Declares functions of one value, a line each: see `elementwise.rs`.
macro_rules! unary {
    ($($name:ident $({ $($field:ident),+ })? = $operator:literal($x:ident):
        $([$($t:ident)+] $value:expr),+ $(, real $real:expr)?;)+) => {
        parameters! {$(
            #[doc = concat!("The function of ", $operator, ".")]
            pub struct $name { $($(
                #[doc = "The operator's option of this name."]
                pub $field: f32
            ),+)? }
        )+}

        $(unary! { @functions $name [$($($field)+)?] $x $([$($t)+] $value),+ })+

        /// The operators of one input.
        #[cfg(feature = "host")]
        pub const UNARY: &[crate::rows::Unary] = &[$(crate::rows::Unary {
            operator: $operator,
            kernels: unary!(@kernels $name [$($($field)+)?] $($($t)+)+),
            real: unary!(@real $x $($real)?),
        }),+];
    };
    (@functions $name:ident $fields:tt $x:ident $([$($t:ident)+] $value:expr),+) => {
        $(unary! { @values $name $fields $x [$($t)+] $value })+
    };
    (@values $name:ident $fields:tt $x:ident [$($t:ident)+] $value:expr) => {
        $(unary! { @function $name $fields $x $t $value })+
    };
    (@function $name:ident [$($field:ident)*] $x:ident $t:ident $value:expr) => {
        impl Function<<$t as Value>::Stored, <$t as Value>::Stored> for $name {
            #[inline(always)]
            fn of(&self, x: <$t as Value>::Stored) -> <$t as Value>::Stored {
                let Self { $($field),* } = *self;
                let $x = <$t as Value>::of(x);
                let y: $t = $value;
                y.stored()
            }
        }
    };
    (@kernels $name:ident $fields:tt $($t:ident)+) => {
        &[$((stringify!($t), unary!(@kernel $name $fields $t))),+]
    };
    (@kernel $name:ident [$($field:ident)*] $t:ident) => {
        |_option| {
            let function = $name { $($field: _option(stringify!($field))),* };
            crate::host::map::<<$t as Value>::Stored, <$t as Value>::Stored>(function)
        }
    };
    (@real $x:ident) => { None };
    (@real $x:ident $real:expr) => { Some(|$x: f32| -> f32 { $real }) };
}
pub(super) use unary;
