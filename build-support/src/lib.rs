//! castiron where something is compiled: in a `build.rs`, and behind the commands that build
//! libraries and firmware.

mod cxx;
mod tflm;

pub use castiron_codegen::error::{Error, Result};
pub use castiron_codegen::tflm::arena::Kernels;
pub use cxx::Target;
pub use tflm::{Tflm, Tree};
