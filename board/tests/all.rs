//! Tests of boards from outside.

mod boards;
mod unit;
