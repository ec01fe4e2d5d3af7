//! The `castiron` command: argument handling, files and text around `castiron-codegen`.

mod args;
mod commands;
mod diagnostics;
mod failure;
mod input;
mod kenning;
mod npy;
mod output;
mod progress;
mod text;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    if let Some(script) = kenning::Script::of(std::env::args_os()) {
        return match script.run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => diagnostics::show(&failure, &kenning::GENERAL),
        };
    }
    let cli = args::Cli::parse();
    cli.general.color.apply();
    match commands::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => diagnostics::show(&failure, &cli.general),
    }
}
