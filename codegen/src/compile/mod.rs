//! Graph → program: what computes each operator, where everything lies, and both together.

mod budget;
mod bytes;
mod chosen;
mod code;
#[expect(clippy::module_inception, reason = "the function of the module")]
mod compile;
mod config;
#[cfg(feature = "config")]
mod config_text;
mod frontier;
#[cfg(feature = "text")]
mod frontier_picture;
mod keys;
mod limits;
mod link;
mod memories;
mod options;
mod patches;
mod roms;
mod room;
mod rows;
mod settings;
mod stream;
mod turns;
#[doc(hidden)]
pub mod variables;
mod way_out;

pub use budget::{Flash, check_flash};
pub use bytes::Bytes;
pub use chosen::Verdict;
pub use code::{CodeTable, kernels};
pub use compile::{Examined, Held, compile, compile_beyond_limits, examine, plan_graph};
pub use config::{Config, Key, ModelEntry};
pub use frontier::{Frontier, Point, frontier};
pub use options::{CompileOptions, Input};
pub use settings::{EngineName, Limits, Macs, SectionName, Settings, Written, checked_section};
