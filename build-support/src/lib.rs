//! castiron where something has to be compiled: build scripts, and tools that build firmware.

mod cxx;
pub mod library;
mod process;
pub mod tflm;
pub mod toolchain;

pub use castiron_codegen::error::{Error, Result};
pub use castiron_codegen::tflm::arena::Kernels;
pub use tflm::Tflm;
