//! The only place for `unsafe` and for instructions of one processor.
#![allow(unsafe_code)]

pub mod armv7em;
pub mod c_abi;
pub mod depthwise;
pub mod foreign;
pub mod guard;
pub mod memory;
pub mod mve;
mod requantize;
pub mod row;
pub mod scalar;
pub mod swar;
pub mod vfp;
