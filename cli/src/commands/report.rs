//! `castiron report`.

use std::path::PathBuf;

use castiron_report::{Draft, Settings, Source};
use clap::{Args, ValueEnum};

use crate::args::{Compiled, Depfile, General, Shapes};
use crate::failure::{Failure, Result};
use crate::output::Outputs;
use crate::progress;
use crate::text;

const EXAMPLES: &str = "\
Examples:
  castiron report vae.tflite -o report.html";

/// Draw a model, or compare several, in one HTML page
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The models
    #[arg(value_name = "MODEL", required = true)]
    models: Vec<PathBuf>,
    /// Form of the report
    #[arg(long, value_enum, default_value_t = Form::Html)]
    format: Form,
    /// Write to this file; - for standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    compiled: Compiled,
    #[command(flatten)]
    depfile: Depfile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One page that needs nothing else
    Html,
    /// The data of the page
    Json,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let mut shapes = arguments.compiled.shapes(&arguments.models);
    let settings = Settings {
        compile: arguments.compiled.options()?,
    };
    let mut draft = Draft::default();
    let mut failures = Vec::new();
    let names: Vec<String> = (arguments.models.iter())
        .map(|path| path.display().to_string())
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let names = text::short_paths(&names);
    for (path, name) in arguments.models.iter().zip(names) {
        if let Err(failure) = add(&mut draft, path, name, &mut shapes, &settings, general) {
            failure.diagnostics().iter().for_each(|d| draft.problem(d));
            failures.push(failure);
        }
    }
    let report = draft.finish();
    let text = match arguments.format {
        Form::Html => {
            castiron_report::html(&report).map_err(castiron_codegen::error::Error::from)?
        }
        Form::Json => super::to_json(&report)?,
    };
    let mut outputs = Outputs::default();
    outputs.add_bytes("report", &arguments.output, text);
    super::write(outputs, &arguments.depfile, &arguments.models, general)?;
    Failure::of_several(failures)
}

fn add(
    draft: &mut Draft,
    path: &PathBuf,
    name: &str,
    shapes: &mut Shapes<'_>,
    settings: &Settings,
    general: &General,
) -> Result<()> {
    let input = shapes.model(path)?;
    let source = Source {
        name,
        model: &input.model,
        bytes: &input.bytes,
    };
    progress::during("compiling the model", general, || {
        draft.add(&source, settings)
    })?;
    Ok(())
}
