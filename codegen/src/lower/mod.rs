//! Graph + plan → program: kernel calls with resolved parameters, packed constants, addresses.

mod compile;
mod constants;
mod lowering;
mod program;
mod trace;
mod variables;

pub use compile::{CompileOptions, Examined, Verdict, compile, examine, plan_graph};
pub use lowering::Lowering;
pub use program::{ElementType, Entry, Memory, Operand, Port, Program, Step};
pub use trace::Observation;
