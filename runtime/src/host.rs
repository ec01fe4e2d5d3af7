//! Kernels as values, for the generator: run on the host, written down as Rust.

use core::cell::Cell;
use core::fmt;

use alloc::boxed::Box;

pub use crate::arch::memory::Aligned;
use crate::arch::memory::{Element, cast, cast_cells};

pub use databake::Bake;

/// One operand of a kernel call on the host.
#[derive(Debug, Clone, Copy)]
pub enum Operand<'a> {
    /// Activations.
    Arena(&'a [Cell<u8>]),
    /// Constants.
    Constant(&'a [u8]),
}

/// A call whose operands are not what the kernel takes: a mistake of its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch {
    /// The kernel.
    pub kernel: &'static str,
    /// How many operands it takes.
    pub takes: usize,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} takes {} operands, of other kinds than it was given",
            self.kernel, self.takes
        )
    }
}

impl core::error::Error for Mismatch {}

/// A kernel with its parameters.
pub trait HostKernel: Bake + fmt::Debug + Send + Sync {
    /// The kernel's name in [`crate::kernels`].
    fn name(&self) -> &'static str;

    /// Runs the kernel.
    ///
    /// # Errors
    /// If the operands are not as many or not of the kinds that the kernel takes.
    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Mismatch>;

    /// A copy.
    fn boxed(&self) -> Box<dyn HostKernel>;
}

/// A typed operand out of an untyped one.
pub trait FromOperand<'a>: Sized {
    /// The operand, if it is of this kind.
    fn from_operand(operand: Operand<'a>) -> Option<Self>;
}

impl<'a, T: Element> FromOperand<'a> for &'a [T] {
    fn from_operand(operand: Operand<'a>) -> Option<Self> {
        match operand {
            Operand::Constant(bytes) => cast(bytes),
            Operand::Arena(_) => None,
        }
    }
}

impl<'a, T: Element> FromOperand<'a> for &'a [Cell<T>] {
    fn from_operand(operand: Operand<'a>) -> Option<Self> {
        match operand {
            Operand::Arena(bytes) => cast_cells(bytes),
            Operand::Constant(_) => None,
        }
    }
}
