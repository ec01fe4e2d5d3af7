//! Boards: what a build's devicetree says about the hardware, and what follows from it.
//!
//! Data flows one way: `zephyr.dts` → [`dts::Devicetree`] → with [`rules::Rules`] a
//! [`renode::Platform`] → [`repl`](mod@repl); the devicetree's memories give
//! [`platforms::Entry`] and the answer of [`fit`].

pub mod code;
mod cpu;
pub mod dts;
pub mod fit;
mod likely;
pub mod memory;
pub mod overlay;
pub mod platforms;
pub mod renode;
pub mod repl;
pub mod rules;
mod yaml;

pub use memory::{BoardMemory, Facts, facts};
