//! `castiron completions`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::Result;
use crate::output::Outputs;

const EXAMPLES: &str = "\
Examples:
  castiron completions bash > ~/.local/share/bash-completion/completions/castiron
  castiron completions zsh -o ~/.zfunc/_castiron";

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
    /// Write to this file instead of standard output
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "-",
        hide_default_value = true
    )]
    output: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Cli::command(),
        "castiron",
        &mut script,
    );
    let mut outputs = Outputs::default();
    outputs.add_bytes("completions", &arguments.output, script);
    outputs.write(&[]).map(drop)
}
