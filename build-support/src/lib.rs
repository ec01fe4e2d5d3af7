//! castiron where something has to be compiled: build scripts, and tools that build firmware.

pub mod library;
mod process;
pub mod toolchain;
pub mod validate;
