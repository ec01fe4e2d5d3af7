//! castiron's generator: a `.tflite` model in, firmware sources out.
//!
//! Data flows one way: bytes → [`tflite`] → [`graph::Model`] → [`plan::Plan`] →
//! [`program::Program`] → an emitter of [`emit`].

#[cfg(feature = "board")]
pub mod board;
pub mod compile;
pub mod cortex;
pub mod emit;
pub mod error;
pub mod exec;
pub mod files;
pub mod graph;
pub mod ident;
pub mod labels;
pub mod ops;
pub mod passes;
pub mod plan;
pub mod program;
#[cfg(feature = "text")]
pub mod report;
pub mod target;
pub mod tflite;
pub mod tflm;
pub mod warnings;
pub mod work;
