//! The C-side emitters, tested through what they write: snapshots, and compilers where present.

mod compile;
mod csv;
mod header;
mod models;
mod resolver;
mod spec;
