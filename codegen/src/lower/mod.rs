//! Graph + plan → program: kernel calls with resolved parameters, packed constants, addresses.

mod compile;
mod constants;
mod lowering;
mod program;
mod trace;

pub use compile::{CompileOptions, compile, plan_graph};
pub use lowering::Lowering;
pub use program::{ElementType, Entry, Memory, Operand, Port, Program, Step};
pub use trace::Observation;
