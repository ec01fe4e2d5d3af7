//! The C-side emitters, tested through what they write.

mod models;
mod resolver;
