//! What the generator asks of the parameters and operands of kernels that are generic. Firmware asks nothing.

#[cfg(feature = "host")]
pub use crate::host::{Operands, Parameter};

/// A parameter of a kernel.
#[cfg(not(feature = "host"))]
pub trait Parameter {}

#[cfg(not(feature = "host"))]
impl<T> Parameter for T {}

/// Several operands of a kernel.
#[cfg(not(feature = "host"))]
pub trait Operands<'a>: Sized {}

#[cfg(not(feature = "host"))]
impl<T> Operands<'_> for T {}
