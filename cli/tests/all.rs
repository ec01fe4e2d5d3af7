//! The command from outside: by itself, called by `include_model!`, CMake, west and Zephyr, and as documents show it. One program, since each
//! one costs a link.

mod cli;
mod cmake;
mod documents;
mod include_model;
mod support;
mod west;
mod zephyr;
