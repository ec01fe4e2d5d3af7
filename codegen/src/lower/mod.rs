//! Graph + plan → program: kernel calls with resolved parameters, packed constants, addresses.

mod build;
mod program;

pub use build::{CompileOptions, Lowering, compile, plan_graph};
pub use program::{ElementType, Entry, Memory, Operand, Port, Program, Step};
