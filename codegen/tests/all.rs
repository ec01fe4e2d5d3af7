//! Tests of the generator from outside. One program, since each one that links the generator costs as much as all do.

mod emit;
mod imports;
mod models;
mod names;
mod passes;
mod program;
mod reader;
mod refusals;
mod unit;
mod windows;
