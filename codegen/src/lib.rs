//! castiron's generator: a `.tflite` model in, firmware sources out.
//!
//! ```ignore
//! let bytes = std::fs::read("sine_int8.tflite")?;
//! let model = castiron_codegen::read("sine_int8.tflite", &bytes)?;
//! let program = castiron_codegen::compile(&model, &CompileOptions::default())?;
//! let source = emit::rust::file(&program, &RustOptions::default());
//! ```
//!
//! That is the interface: [`read()`], [`compile()`], the emitters in [`emit`], and their [`error`]s. Options and enumerations
//! grow with new versions. The other modules are for castiron's own crates, which depend on this version alone; they change
//! without notice.
//!
//! Data flows one way: bytes → `tflite` → [`Model`] → `passes` → `ops`, which choose kernels → `plan` → [`compile()`] links →
//! [`Program`] → an emitter of [`emit`].

pub mod compile;
pub mod emit;
pub mod error;
pub mod target;

#[doc(hidden)]
pub mod cortex;
mod evaluate;
#[doc(hidden)]
#[cfg(feature = "text")]
pub mod exec;
#[doc(hidden)]
pub mod expand;
#[doc(hidden)]
pub mod files;
#[doc(hidden)]
pub mod graph;
#[doc(hidden)]
pub mod ident;
#[doc(hidden)]
pub mod labels;
#[doc(hidden)]
pub mod ops;
#[doc(hidden)]
pub mod passes;
#[doc(hidden)]
pub mod plan;
#[doc(hidden)]
pub mod program;
#[doc(hidden)]
#[cfg(feature = "text")]
pub mod report;
pub mod resize;
mod sorted;
#[doc(hidden)]
pub mod tflite;
#[doc(hidden)]
pub mod tflm;
#[doc(hidden)]
pub mod warnings;
#[doc(hidden)]
pub mod work;

pub use compile::{CompileOptions, compile};
#[doc(inline)]
pub use graph::Model;
#[doc(inline)]
pub use passes::{Pass, Passes};
#[doc(inline)]
pub use plan::PlanOptions;
#[doc(inline)]
pub use program::Program;
#[doc(inline)]
pub use resize::{InputShape, resize};
#[doc(inline)]
pub use tflite::read;
