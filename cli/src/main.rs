//! The `castiron` command: argument handling, files and text around `castiron-codegen`.

mod args;
mod commands;
mod diagnostics;
mod failure;
mod include_model;
mod input;
mod kenning;
mod option_names;
mod output;
mod progress;
mod project;
mod sbom;
mod temporary;
mod text;
mod values;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    if let Some(code) = castiron_build::tflm::build_apart() {
        return code;
    }
    if let Some(code) = include_model::answer(std::env::args_os()) {
        return code;
    }
    if let Some(script) = kenning::Script::of(std::env::args_os()) {
        return match script.run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => diagnostics::show(&failure, &kenning::GENERAL),
        };
    }
    let arguments = match args::command_line() {
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
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => diagnostics::show(&failure, &cli.general),
    }
}
