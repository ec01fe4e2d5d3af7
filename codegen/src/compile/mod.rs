//! Graph → program: what computes each operator, where everything lies, and both together.

#[expect(clippy::module_inception, reason = "the function of the module")]
mod compile;
mod link;
#[doc(hidden)]
pub mod variables;
mod way_out;

pub use compile::{CompileOptions, Examined, Verdict, compile, examine, plan_graph};
