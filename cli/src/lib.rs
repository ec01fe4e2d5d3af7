//! The `castiron` command: argument handling, files and text around `castiron-codegen`.
//!
//! It is a library so that castiron's Python module calls it within its own process. It is for that alone: its items may change with any version.

mod args;
mod commands;
mod diagnostics;
mod embedded;
mod failure;
mod include_model;
mod input;
mod kenning;
mod option_names;
mod output;
mod progress;
mod project;
mod sbom;
mod streams;
mod temporary;
mod text;
mod values;

use std::ffi::OsString;

use clap::Parser;

pub use commands::run_arrays::{Input, Output};
pub use embedded::{Failed, answer, run};

/// The command in a process that is its own, with the arguments behind the program's name first; the exit code.
pub fn main(arguments: Vec<OsString>) -> u8 {
    temporary::remove_at_signals();
    if let Some(code) = include_model::answer(&arguments) {
        return code;
    }
    if let Some(script) = kenning::Script::of(arguments.iter().cloned()) {
        return match script.run() {
            Ok(()) => 0,
            Err(failure) => diagnostics::show(&failure, &kenning::GENERAL),
        };
    }
    let arguments = match args::command_line(arguments) {
        Ok(arguments) => arguments,
        Err(failure) => return diagnostics::show(&failure, &kenning::GENERAL),
    };
    let cli = match args::Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return diagnostics::show_usage(&error, &arguments),
    };
    cli.general.color.apply();
    diagnostics::silence(&cli.general);
    match commands::run(&cli) {
        Ok(()) => 0,
        Err(failure) => diagnostics::show(&failure, &cli.general),
    }
}
