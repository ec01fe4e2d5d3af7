//! `castiron gen-header`.

use std::path::PathBuf;

use castiron_codegen::emit::c_header::{CFile, HeaderOptions, HeaderStyle, c_header};
use castiron_report::sbom::ComputedBy;
use clap::{Args, ValueEnum};

use super::arena::Interpreter;
use crate::args::{Companions, Depfile, General};
use crate::failure::{Failure, Result};
use crate::input::Extras;
use crate::output::{Outputs, is_file, is_stdout};
use crate::project::Project;
use crate::sbom::Sbom;

const EXAMPLES: &str = "\
Examples:
  castiron gen-header vae.tflite -o generated/vae.h
  castiron gen-header vae.tflite --style kenning --io-spec vae.json -o model_data.h
  castiron gen-header kws.tflite --labels labels.txt --section .ext_flash --align 64 -o kws.h
  castiron gen-header kws.tflite --kernels cmsis-nn --cpu cortex-m55 -o kws.h

The standalone header names the arena of TensorFlow Lite Micro (KWS_TFLM_ARENA_BYTES) and has
KWS_TFLM_CHECK_ARENA(arena), which compiles only if the array is large enough. If the size is
unknown, a comment gives the reason; with --kernels or --cpu that is an error.

A rule of make or ninja can read the other files that the header depends on from --depfile:
  castiron gen-header vae.tflite -o vae.h --depfile vae.h.d";

/// Write a model as C: its bytes, shapes, quantisation and labels
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The model
    model: PathBuf,
    /// The header to write; the standalone style puts a .c file beside it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace a .c file beside the header that castiron did not make
    #[arg(long)]
    force: bool,
    /// `standalone` needs only the C library; `kenning` is the header of Kenning Zephyr Runtime
    #[arg(long, value_enum, default_value_t = Style::Standalone)]
    style: Style,
    /// Standalone: prefix of all names [default: the model's name]. Kenning: the model's name
    #[arg(long)]
    name: Option<String>,
    /// Linker section of the model's bytes
    #[arg(long, value_name = "NAME")]
    section: Option<String>,
    /// Alignment of the model's bytes [default: 16; kenning: 32]
    #[arg(long, value_name = "BYTES")]
    align: Option<u32>,
    #[command(flatten)]
    project: Project,
    #[command(flatten)]
    companions: Companions,
    #[command(flatten)]
    interpreter: Interpreter,
    #[command(flatten)]
    sbom: Sbom,
    #[command(flatten)]
    depfile: Depfile,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Style {
    Standalone,
    Kenning,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let output = &arguments.output;
    if !is_file(output) && matches!(arguments.style, Style::Standalone) {
        let stream = match is_stdout(output) {
            true => "standard output".to_owned(),
            false => output.display().to_string(),
        };
        return Err(Failure::usage(
            format!("the standalone style writes two files, but {stream} can hold only one"),
            "give --output a file, or use --style kenning",
        ));
    }
    arguments.interpreter.check()?;
    let named = arguments.project.one(&arguments.model)?;
    let input = named.input()?;
    let extras = Extras::read(&named, &arguments.companions)?;
    // Kenning's header has a fixed form, which has no place for it.
    let arena = match arguments.style {
        Style::Standalone => Some(arguments.interpreter.need(&input.model)?),
        Style::Kenning => None,
    };
    let mut options = HeaderOptions::default();
    options.style = match arguments.style {
        Style::Standalone => HeaderStyle::Standalone,
        Style::Kenning => HeaderStyle::Kenning,
    };
    options.name = arguments.name.clone().or(named.entry.clone());
    options.section = (arguments.section.clone()).or(named.settings.section.clone());
    options.alignment = arguments.align;
    options.labels = extras.labels.clone();
    options.io_spec = extras.io_spec();
    options.include = output.file_name().map(|n| n.to_string_lossy().into_owned());
    options.arena = arena.clone();
    let made = c_header(&input.model, &input.bytes, &options)?;
    let mut outputs = Outputs::default();
    outputs.force = arguments.force;
    add(&mut outputs, "C header", output.clone(), made.header);
    if let Some(source) = made.source {
        add(&mut outputs, "C source", output.with_extension("c"), source);
        outputs.named_by_us(1);
    }
    let name = arguments.name.as_deref().unwrap_or(input.model.stem());
    arguments
        .sbom
        .add(&mut outputs, name, &input, ComputedBy::Application)?;
    let mut sources = vec![input.path.clone()];
    sources.extend(extras.files.iter().cloned());
    sources.extend(arguments.project.file());
    let arenas = arena.as_slice();
    let warnings = arguments.interpreter.warnings(&input.model);
    super::write_with_warnings(
        outputs,
        &arguments.depfile,
        &sources,
        arenas,
        &warnings,
        general,
    )
}

/// A C file streams its bytes; as text they would take six times the model's size in memory.
pub(super) fn add<'a>(
    outputs: &mut Outputs<'a>,
    what: &'static str,
    path: PathBuf,
    file: CFile<'a>,
) {
    outputs.add(what, path, move |out| file.write_to(out));
}
