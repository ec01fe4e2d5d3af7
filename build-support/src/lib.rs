//! castiron where something has to be compiled: build scripts, and tools that build firmware.

mod process;
pub mod toolchain;
