//! The only place for `unsafe` and for instructions of one processor.
#![allow(unsafe_code)]

pub mod armv7em;
pub mod c_abi;
pub mod foreign;
pub mod memory;
pub mod rv32;
pub mod vfp;
