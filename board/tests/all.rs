//! Tests of boards from outside.

mod boards;
