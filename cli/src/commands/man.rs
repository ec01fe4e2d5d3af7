//! `castiron man`.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use crate::args::{Cli, Depfile, General};
use crate::failure::{Failure, Result};
use crate::output::Outputs;

const EXAMPLES: &str = "\
Examples:
  castiron man | man -l -
  castiron man --out-dir ~/.local/share/man/man1";

/// Print the manual page, or write one page for each command
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Write castiron.1, castiron-inspect.1, … to this folder
    #[arg(long, value_name = "DIR")]
    out_dir: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let mut command = Cli::command();
    command.build();
    let mut outputs = Outputs::default();
    let Some(folder) = &arguments.out_dir else {
        outputs.add_bytes("manual", "-", page(command)?);
        return outputs.write(&[]).map(drop);
    };
    // `castiron help` has no page: it shows those of the others.
    let subcommands = command.get_subcommands();
    for sub in subcommands.filter(|sub| sub.get_name() != "help") {
        let name = format!("castiron-{}", sub.get_name());
        let sub = sub.clone().display_name(&name);
        outputs.add_bytes("manual", folder.join(format!("{name}.1")), page(sub)?);
    }
    outputs.add_bytes("manual", folder.join("castiron.1"), page(command)?);
    super::write(outputs, &Depfile::default(), &[], general)
}

fn page(command: clap::Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command)
        .render(&mut page)
        .map_err(|e| Failure::io("make the manual page", Path::new("castiron.1"), &e))?;
    Ok(page)
}
