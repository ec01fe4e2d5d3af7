//! How much code castiron's engine takes: the generator estimates it, as it compares limits with it.

pub use castiron_codegen::compile::{CodeTable, kernels};
