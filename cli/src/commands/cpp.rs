//! `castiron gen-cpp`.

use std::path::PathBuf;

use castiron_codegen::emit::cpp::{CppOptions, cpp};
use castiron_codegen::tflm::arena::{ArenaOptions, Target};
use castiron_codegen::tflm::direct::{Direct, DirectOptions};
use castiron_codegen::warnings;
use castiron_report::sbom::ComputedBy;
use clap::Args;

use super::arena::{Kernels, cpu};
use crate::args::{Depfile, General};
use crate::failure::Result;
use crate::output::Outputs;
use crate::progress;
use crate::project::Project;
use crate::sbom::Sbom;

const EXAMPLES: &str = "\
Files, for a model kws.tflite:
  kws_tflm.h, kws_tflm.cc           class kws::Model with Init(), Invoke(), Reset(), input0(), …
  kws_tflm_weights.cc               weights and other constants
  castiron_tflm.h, castiron_tflm.cc support for TFLM's kernels; the same for every model

The files are C++17 and compile against a tree of tflite-micro. They need no interpreter, model
file, operator resolver or heap. A Model object contains all of the model's RAM.

Examples:
  castiron gen-cpp kws.tflite --out-dir generated
  castiron gen-cpp kws.tflite --kernels cmsis-nn --cpu cortex-m55 --out-dir generated
  castiron gen-cpp kws.tflite --name wakeword --section .qspi --out-dir generated";

/// Write C++ that calls TensorFlow Lite Micro's kernels without its interpreter
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The model
    model: PathBuf,
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
    /// Replace files in the folder that castiron did not make
    #[arg(long)]
    force: bool,
    /// Namespace and name of the files [default: the model's name]
    #[arg(long)]
    name: Option<String>,
    /// Kernels of the firmware
    #[arg(long, value_enum, default_value_t = Kernels::Reference)]
    kernels: Kernels,
    /// Processor of the firmware, as compilers name it: cortex-m7, generic-rv32
    #[arg(long, value_name = "NAME", value_parser = cpu, default_value = "cortex-m4")]
    cpu: Target,
    /// Linker section of weights and other constants
    #[arg(long, value_name = "NAME")]
    section: Option<String>,
    #[command(flatten)]
    sbom: Sbom,
    #[command(flatten)]
    project: Project,
    #[command(flatten)]
    depfile: Depfile,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let named = arguments.project.one(&arguments.model)?;
    let input = named.input()?;
    let options = DirectOptions {
        arena: ArenaOptions {
            kernels: arguments.kernels.into(),
            target: arguments.cpu,
            ..ArenaOptions::default()
        },
        ..DirectOptions::default()
    };
    let direct = progress::during("planning memory", general, || {
        Direct::new(&input.model, &options)
    })?;
    let mut options = CppOptions::default();
    options.name = arguments.name.clone().or(named.entry.clone());
    options.section = (arguments.section.clone()).or(named.settings.section.clone());
    let files = cpp(&input.model, &direct, &options)?;
    let mut outputs = Outputs::default();
    outputs.force = arguments.force;
    for file in files {
        let path = arguments.out_dir.join(&file.file_name);
        outputs.add("C++", path, move |out| file.write_to(out));
    }
    outputs.named_by_us(0);
    let name = options.name.as_deref().unwrap_or(input.model.stem());
    let engine = ComputedBy::Tflm {
        kernels: arguments.kernels.into(),
        other_revision: None,
    };
    arguments.sbom.add(&mut outputs, name, &input, engine)?;
    let sources: Vec<PathBuf> = (std::iter::once(input.path.clone()))
        .chain(arguments.project.file())
        .collect();
    let left_out = warnings::left_out(&input.model);
    let warnings: Vec<_> = direct.warnings.iter().cloned().chain(left_out).collect();
    super::write_with_warnings(
        outputs,
        &arguments.depfile,
        &sources,
        &[],
        &warnings,
        general,
    )
}
