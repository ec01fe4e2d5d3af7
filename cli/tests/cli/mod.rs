//! The `castiron` command from outside: what it prints, writes and returns.

mod automl;
mod boards;
mod cpp;
mod devtools;
mod diagnostics;
mod diff;
mod files;
mod generate;
mod help;
mod inputs;
mod kenning;
mod library;
mod outputs;
mod page;
mod platforms;
mod power;
mod project;
mod report;
mod sbom;
mod tables;
mod tflm;
mod validate;
mod values;
mod verdicts;
mod web;
