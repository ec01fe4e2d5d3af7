//! Boards: reads a build's devicetree, and derives Renode platforms, Kenning's entries and the fit check.
//!
//! Data flows one way: `zephyr.dts` → [`dts::Devicetree`] → with [`rules::Rules`] a
//! [`renode::Platform`] → [`repl`](mod@repl); the devicetree's memories give
//! [`platforms::Entry`] and the answer of [`fit`].

pub mod clock;
pub mod cost;
mod cpu;
pub mod dts;
pub mod fit;
#[doc(hidden)]
pub mod likely;
pub mod memory;
pub mod overlay;
pub mod platforms;
mod rams;
pub mod renode;
pub mod repl;
pub mod rules;
#[doc(hidden)]
pub mod yaml;

pub use memory::{BoardMemory, Facts, facts};
pub use rams::rams;
