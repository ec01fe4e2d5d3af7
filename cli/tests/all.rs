//! The command from outside: by itself, called by CMake, west and Zephyr, and as documents show it. One program, since each
//! one costs a link.

mod cli;
mod cmake;
mod documents;
mod support;
mod west;
mod zephyr;
