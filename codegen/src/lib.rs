//! castiron's generator: a `.tflite` model in, firmware sources out.
//!
//! Data flows one way: bytes → [`tflite`] → [`graph::Model`] → [`plan::Plan`] →
//! [`lower::Program`] → an emitter of [`emit`].

#[cfg(feature = "text")]
pub mod emit;
pub mod error;
pub mod graph;
pub mod tflm;
