//! The C-side emitters, tested through what they write: snapshots, and compilers where present.

mod compile;
mod csv;
mod header;
mod resolver;
mod spec;
