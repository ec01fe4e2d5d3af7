//! What castiron's generated models call: kernels, the arena and tensor descriptions.
//!
//! Everything here is `no_std`, allocates nothing and has no panic path. Firmware depends on
//! the `castiron` crate, which re-exports this one beside `include_model!`.
//!
//! Kernels take **operands**: constants as slices in flash, activations as slices of
//! [`Cell`](core::cell::Cell)s in the arena. Cells let an operator write over an input that dies
//! with it, which the planner decides, without a second kernel and without `unsafe`.

#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

#[cfg(target_endian = "big")]
compile_error!("castiron packs constants little endian; big-endian targets are not supported");

#[cfg(any(test, feature = "host"))]
extern crate alloc;

pub mod arch;
pub mod fixed;
pub mod functions;
#[cfg(feature = "host")]
pub mod host;
pub mod kernels;
#[cfg(feature = "source")]
pub mod source;
mod spec;
#[cfg(test)]
mod testing;

pub use arch::c_abi;
pub use arch::foreign::{CInterface, EngineError, Foreign};
pub use arch::memory::{ALIGNMENT, Arena, Cells, Constants, Element};
pub use spec::{Quantized, TensorSpec};
