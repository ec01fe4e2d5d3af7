//! The runtime of castiron's generated models: kernels, the arena and tensor descriptions.
//!
//! Generated modules and the generator have this crate's version; the documentation hides what only they use. Everything is
//! `no_std`, allocates nothing and cannot panic. Firmware depends on the `castiron` crate, which re-exports this one and
//! `include_model!`.
//!
//! Kernels take **operands**: constants as slices in flash, activations as slices of
//! [`Cell`](core::cell::Cell)s in the arena. Cells let an operator write over an input that dies
//! with it, which the planner decides, without a second kernel and without `unsafe`.
//!
//! In debug builds kernels are `inline`: they are compiled in the crate that calls them, and those that no model needs, nowhere.
//! Release builds compile them here, once.

#![no_std]
#![deny(unsafe_code)]

#[cfg(target_endian = "big")]
compile_error!("castiron packs constants little endian; big-endian targets are not supported");

#[cfg(feature = "host")]
extern crate alloc;

#[doc(hidden)]
pub mod arch;
mod buffer;
#[doc(hidden)]
pub mod crc;
mod custom;
#[doc(hidden)]
pub mod fixed;
#[doc(hidden)]
pub mod functions;
#[cfg(feature = "host")]
#[doc(hidden)]
pub mod host;
pub mod kenning;
#[doc(hidden)]
pub mod kernels;
mod model;
#[doc(hidden)]
pub mod remainder;
#[cfg(feature = "host")]
#[doc(hidden)]
pub mod rows;
#[cfg(feature = "host")]
mod shared;
#[cfg(feature = "source")]
#[doc(hidden)]
pub mod source;
mod spec;
#[cfg(feature = "host")]
mod steps;
mod version;

#[doc(inline)]
pub use arch::foreign::EngineError;
pub use buffer::{Buffer, RunError};
pub use custom::{Tensor, TensorMut};
pub use model::{Model, NotYet};
pub use spec::{Quantized, TensorSpec};

// What generated modules name besides.
#[doc(hidden)]
pub use arch::c_abi;
#[doc(hidden)]
pub use arch::foreign::{CInterface, Foreign};
#[doc(hidden)]
pub use arch::memory::{ALIGNMENT, Arena, Cells, Constants, Element, Held};
#[doc(hidden)]
pub use version::is_version;
