//! The table of element-wise operators and reductions as the generator reads it: `kernels/elementwise.rs`.

use alloc::boxed::Box;

use crate::host::HostKernel;
use crate::kernels::{self, ARITHMETIC, BINARY, Broadcast, COMPARISONS, Float, REDUCTIONS};
use crate::kernels::{Side, UNARY, Zip};

/// An option of an operator by the schema's name of it.
pub type Options<'a> = &'a dyn Fn(&str) -> f32;

/// A kernel of any element-wise operator.
pub type Kernel = Box<dyn HostKernel>;

/// What there is for each type of elements, by the type's name in Rust.
pub type OfTypes<K> = &'static [(&'static str, K)];

/// An operator of one input.
#[derive(Debug)]
pub struct Unary {
    /// Its name in the schema.
    pub operator: &'static str,
    /// Types of elements, and what computes them.
    pub kernels: OfTypes<fn(Options<'_>) -> Kernel>,
    /// What 8-bit values stand for, where they are computed so.
    pub real: Option<fn(f32) -> f32>,
}

/// An operator of two inputs.
#[derive(Debug)]
pub struct Binary {
    /// Its name in the schema.
    pub operator: &'static str,
    /// Types of the inputs' elements, and what computes them.
    pub kernels: OfTypes<fn(Order) -> Kernel>,
    /// The same with an activation.
    pub clamped: OfTypes<fn(Order, Float) -> Kernel>,
    /// What compares integers of two scales; only operators that compare have it.
    pub scaled: OfTypes<fn(Order, Side, Side) -> Kernel>,
}

/// An operator that reduces axes.
#[derive(Debug)]
pub struct Reduction {
    /// Its name in the schema.
    pub operator: &'static str,
    /// Types of elements, and what computes them.
    pub kernels: OfTypes<fn(kernels::Reduction) -> Kernel>,
}

/// How the operands of a [`Zip`] come.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// Whether the first one is the operator's second.
    pub exchanged: bool,
    /// How their elements meet.
    pub broadcast: Option<Broadcast>,
}

impl Order {
    /// The kernel of a function.
    pub fn of<F>(self, function: F) -> Zip<F> {
        Zip {
            function,
            exchanged: self.exchanged,
            broadcast: self.broadcast,
        }
    }
}

/// The operator of a name, if it has one input and is in the table.
pub fn unary(operator: &str) -> Option<&'static Unary> {
    UNARY.iter().find(|row| row.operator == operator)
}

/// The operator of a name, if it has two inputs and is in the table.
pub fn binary(operator: &str) -> Option<&'static Binary> {
    [ARITHMETIC, BINARY, COMPARISONS]
        .into_iter()
        .flatten()
        .find(|row| row.operator == operator)
}

/// The operator of a name, if it reduces axes and is in the table.
pub fn reduction(operator: &str) -> Option<&'static Reduction> {
    REDUCTIONS.iter().find(|row| row.operator == operator)
}
