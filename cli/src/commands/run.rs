//! `castiron run`.

use std::path::PathBuf;

use castiron_codegen::error::{Diagnostic, Error};
use castiron_codegen::exec::Machine;
use castiron_codegen::lower::{self, CompileOptions, Entry, Port, Program};
use clap::Args;
use serde::Serialize;

use crate::args::{Depfile, General};
use crate::failure::{Failure, Result};
use crate::input;
use crate::npy;
use crate::output::{Outputs, Written};
use crate::progress;
use crate::text::{self, table};

const EXAMPLES: &str = "\
Inputs are files of the model's own element type, in the subgraph's order (see `castiron inspect`):
.npy, whose type and shape are checked, or anything else as raw little-endian bytes. The results
are those of the firmware: the same kernels run with the same parameters.

Examples:
  castiron run vae.tflite --input image.npy --output-dir out --npy
  castiron run two.tflite --input left.bin right.bin --output-dir out
  castiron run vae.tflite --signature encode --input image.bin --output-dir out";

/// Run a model on this machine with the kernels that the firmware calls
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The model
    model: PathBuf,
    /// One file for each input
    #[arg(short, long, value_name = "FILE", num_args = 1..)]
    input: Vec<PathBuf>,
    /// The folder for out_0.bin, out_1.bin, …
    #[arg(short, long, value_name = "DIR")]
    output_dir: PathBuf,
    /// Write out_0.npy, out_1.npy, … instead
    #[arg(long)]
    npy: bool,
    /// The entry point to run [default: the first subgraph]
    #[arg(long, value_name = "NAME")]
    signature: Option<String>,
    #[command(flatten)]
    depfile: Depfile,
}

/// An output with its file.
#[derive(Serialize)]
struct OutputReport<'a> {
    index: usize,
    name: &'a str,
    dtype: &'static str,
    shape: &'a [usize],
    #[serde(flatten)]
    file: &'a Written,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let input = input::model(&arguments.model)?;
    let program = progress::during("compiling the model", general, || {
        lower::compile(&input.model, &CompileOptions::default())
    })?;
    let in_file = |e: Error| e.in_file(&input.model.file);
    let entry = entry(&program, arguments.signature.as_deref()).map_err(|d| in_file(d.into()))?;
    check_count(entry, &arguments.input).map_err(|d| in_file(d.into()))?;

    let mut machine = Machine::new(&program, entry);
    for (position, (path, port)) in arguments.input.iter().zip(&entry.inputs).enumerate() {
        let bytes = npy::tensor(path, port)?;
        let named = |e: Error| e.in_file(&path.display().to_string());
        machine.set_input(position, &bytes).map_err(named)?;
    }
    progress::during("running the model", general, || machine.run()).map_err(in_file)?;

    let mut outputs = Outputs::default();
    for (position, port) in entry.outputs.iter().enumerate() {
        let bytes = machine.output(position).unwrap_or_default();
        let suffix = if arguments.npy { "npy" } else { "bin" };
        let path = arguments
            .output_dir
            .join(format!("out_{position}.{suffix}"));
        if arguments.npy {
            let file = npy::write(port, bytes).map_err(|e| Failure::io("write", &path, &e))?;
            outputs.add_bytes("output", path, file);
        } else {
            outputs.add_bytes("output", path, bytes);
        }
    }
    let mut sources = vec![input.path.clone()];
    sources.extend(arguments.input.iter().cloned());
    outputs.add_depfile(&arguments.depfile, &sources)?;
    let written = outputs.write(&sources)?;
    show(entry, &written, general)
}

/// The entry of a signature's name, or the default one.
fn entry<'a>(program: &'a Program, signature: Option<&str>) -> Result<&'a Entry, Diagnostic> {
    let mut entries = program.entries.iter();
    let found = match signature {
        None => entries.next(),
        Some(name) => entries.find(|e| e.signature.as_deref() == Some(name)),
    };
    found.ok_or_else(|| {
        let name = signature.unwrap_or_default().escape_debug();
        let there: Vec<String> = (program.entries.iter())
            .filter_map(|e| e.signature.as_ref())
            .map(|s| format!("\"{}\"", s.escape_debug()))
            .collect();
        let there = match &there[..] {
            [] => "no --signature, as the model has none".to_owned(),
            names => names.join(" or "),
        };
        Diagnostic::new(format!("the model has no signature \"{name}\"")).expected(there)
    })
}

fn check_count(entry: &Entry, given: &[PathBuf]) -> Result<(), Diagnostic> {
    if entry.inputs.len() == given.len() {
        return Ok(());
    }
    let wanted: Vec<String> = entry.inputs.iter().map(describe).collect();
    Err(Diagnostic::new("wrong number of --input files")
        .expected(match wanted.len() {
            1 => format!("1: {}", wanted[0]),
            n => format!("{n}: {}", wanted.join(", ")),
        })
        .found(given.len()))
}

fn describe(port: &Port) -> String {
    format!(
        "{} ({} {:?})",
        text::name(&port.name),
        port.dtype,
        port.shape
    )
}

fn show(entry: &Entry, written: &[Written], general: &General) -> Result<()> {
    // A depfile, if any, comes after the outputs.
    let outputs: Vec<OutputReport<'_>> = (entry.outputs.iter().zip(written).enumerate())
        .map(|(index, (port, file))| OutputReport {
            index,
            name: &port.name,
            dtype: port.dtype.name(),
            shape: &port.shape,
            file,
        })
        .collect();
    if general.json {
        return text::print(&super::to_json(&serde_json::json!({ "outputs": outputs }))?);
    }
    if general.quiet {
        return Ok(());
    }
    let rows = outputs.iter().map(|output| {
        vec![
            format!("output {}", output.index),
            text::name(output.name),
            output.dtype.to_owned(),
            text::shape(output.shape),
            output.file.path.clone(),
        ]
    });
    text::print(&table(&["", "Name", "Type", "Shape", "File"], rows))
}
