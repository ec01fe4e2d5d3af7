//! The firmware-facing crate of castiron.
#![no_std]
#![forbid(unsafe_code)]
pub use castiron_runtime::*;
