//! castiron where something has to be compiled: build scripts, and tools that build firmware.
//!
//! - [`Model`]: in a build script, a model's Rust module in `OUT_DIR`.
//! - [`library`]: a model as a static library with a C interface, which is `castiron lib`.
//! - [`toolchain`]: a Rust compiler for a target.

pub mod library;
mod model;
mod process;
pub mod toolchain;

pub use castiron_codegen::error::{Diagnostic, Error};
pub use model::{Generated, Model, OrExit};
