//! castiron for build scripts and for tools that build firmware: everything that needs a compiler.
//!
//! - [`Model`]: in a build script, a model's Rust module in `OUT_DIR`.
//! - [`library`]: a model as a static library with a C interface, which is `castiron lib`.
//! - [`Tflm`]: the same with TensorFlow Lite Micro's kernels, compiled from the sources you point to.
//! - [`validate`]: compares a model's firmware with castiron's results on this machine, as `castiron validate`.
//! - [`toolchain`]: a Rust compiler for a target.

mod cxx;
pub mod library;
mod model;
mod opt_level;
mod output;
pub mod power;
mod process;
pub mod tflm;
pub mod toolchain;
pub mod validate;

pub use castiron_codegen::compile::Input;
pub use castiron_codegen::error::{Diagnostic, Error, Result};
pub use castiron_codegen::plan::Buffers;
pub use castiron_codegen::target::{Isa, Optimize};
pub use castiron_codegen::tflm::arena::Kernels;
pub use castiron_codegen::{Pass, Passes};
pub use model::{Generated, Model, OrExit};
pub use opt_level::OptLevel;
pub use tflm::Tflm;
