//! `castiron align`.

use std::path::PathBuf;

use castiron_codegen::tflite::rewrite;
use clap::Args;

use crate::args::{Depfile, General};
use crate::failure::Result;
use crate::output::Outputs;
use crate::project::Project;

const EXAMPLES: &str = "\
Examples:
  castiron align model.tflite -o aligned.tflite
  castiron plan model.tflite --embed -o - | castiron align - -o planned.tflite

Place the file itself at a multiple of 16, too. Only the places of buffers change; an aligned file
stays unchanged.";

/// Put every constant buffer of a model at a multiple of 16 bytes
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The model
    model: PathBuf,
    /// The aligned copy; - for standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    project: Project,
    #[command(flatten)]
    depfile: Depfile,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let input = arguments.project.one(&arguments.model)?.input()?;
    let bytes = rewrite::align(&input.model.file, &input.bytes)?;
    let mut outputs = Outputs::default();
    outputs.add_bytes("aligned model", &arguments.output, bytes);
    let sources: Vec<PathBuf> = (std::iter::once(input.path))
        .chain(arguments.project.file())
        .collect();
    super::write(outputs, &arguments.depfile, &sources, general)
}
