//! The `castiron` command from outside: what it prints, writes and returns.

mod boards;
mod diagnostics;
mod files;
mod generate;
mod help;
mod support;
mod tables;
mod tflm;
mod values;
