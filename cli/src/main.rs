//! The `castiron` command: argument handling, files and text around `castiron-codegen`.

mod args;
mod commands;
mod diagnostics;
mod failure;
mod input;
mod npy;
mod output;
mod progress;
mod text;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    cli.general.color.apply();
    match commands::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => diagnostics::show(&failure, &cli.general),
    }
}
