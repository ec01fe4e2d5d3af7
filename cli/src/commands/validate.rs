//! `castiron validate`.

mod tables;

use std::path::PathBuf;

use castiron_build::Tflm;
use castiron_build::validate::{self, Against, Difference, Engine, Outcome, Platform, Settings};
use castiron_build::validate::{Subject, TOLERANCE};
use castiron_cases::Interface;
use castiron_codegen::compile::{self, CompileOptions, EngineName, Input};
use castiron_codegen::emit::csv;
use castiron_codegen::error::{Diagnostic, FrontEnd};
use castiron_codegen::plan::Buffers;
use castiron_codegen::report::Report;
use castiron_codegen::warnings;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::Answer;
use super::arena::Kernels;
use super::lib;
use crate::args::{self, Compiled, CompilerLevel, Destination, General};
use crate::diagnostics;
use crate::failure::{Failure, Result};
use crate::input::{self, ModelFile};
use crate::output::Outputs;
use crate::progress;
use crate::project::Named;
use crate::temporary;
use crate::text;

const EXAMPLES: &str = "\
castiron runs the same inputs on this machine, with its own kernels, and as firmware: the model as a
static library, linked with a C harness. Integers have to be equal. The exit code is 1 if anything
differs.

--cases names recorded cases, a .safetensors file or a folder, as for `castiron run`. If they have
outputs, castiron also compares with those. Without --cases, inputs are random.

Examples:
  castiron validate kws.tflite
  castiron validate kws.tflite --on qemu --layers
  castiron validate kws.tflite --on qemu --csv operators.csv
  castiron validate kws.tflite --on renode --cases recorded.safetensors --keep build
  castiron validate kws.tflite --on qemu --engine tflm --tflm ../tflite-micro

castiron looks for programs in PATH; CC, CASTIRON_ARM_GCC, CASTIRON_QEMU and RENODE name others.";

/// Run a model as firmware and on this machine, and compare tensor by tensor
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The model
    model: PathBuf,
    /// Where the firmware runs
    #[arg(long, value_enum, default_value_t = On::Host)]
    on: On,
    /// Kernels of the firmware: castiron's, or TensorFlow Lite Micro's [default: compiled]
    #[arg(long, value_name = "ENGINE", value_parser = args::engine())]
    engine: Option<EngineName>,
    /// TensorFlow Lite Micro's sources, for --engine tflm: a checkout of tflite-micro
    #[arg(long, value_name = "DIR", required_if_eq("engine", "tflm"))]
    tflm: Option<PathBuf>,
    /// TFLM's kernels to use
    #[arg(long, value_enum, requires = "tflm", default_value_t = Kernels::Reference)]
    kernels: Kernels,
    /// Recorded inputs, with reference outputs if you have them: a .safetensors file, or a folder
    #[arg(long, value_name = "PATH", conflicts_with_all = ["random", "seed"])]
    cases: Option<PathBuf>,
    /// Number of random inputs, without --cases
    #[arg(long, value_name = "N", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    random: u16,
    /// Seed of the random inputs
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Compare the outputs of every operator, not only those of the model
    #[arg(long)]
    layers: bool,
    /// Tolerance for floats, relative to the tensor's greatest magnitude or to 1
    #[arg(long, value_name = "SHARE", default_value_t = TOLERANCE, value_parser = tolerance)]
    tolerance: f64,
    /// Write a table of the operators, with their instructions on qemu
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Build in this folder and keep it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    #[command(flatten)]
    level: CompilerLevel,
    #[command(flatten)]
    compiled: Compiled,
    /// The folder to compile the library in [default: castiron, in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    build_dir: Option<PathBuf>,
    /// Do not let cargo use the network
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    to: Destination,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum On {
    /// This machine
    Host,
    /// A Cortex-M4 emulated by QEMU, which counts instructions
    Qemu,
    /// A Cortex-M4 emulated by Renode
    Renode,
}

impl From<On> for Platform {
    fn from(on: On) -> Self {
        match on {
            On::Host => Self::Host,
            On::Qemu => Self::Qemu,
            On::Renode => Self::Renode,
        }
    }
}

fn tolerance(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|e| format!("{e}"))?;
    match value.is_finite() && value >= 0.0 {
        true => Ok(value),
        false => Err("expected 0 or a share such as 1e-5".to_owned()),
    }
}

impl Arguments {
    fn settings(&self, named: &Named, how: &CompileOptions) -> Result<Settings> {
        let engine = named.settings.engine.unwrap_or_default();
        if engine == EngineName::Tflm {
            self.compiled.check_unused()?;
        }
        if self.compiled.input_by == Some(Input::Rows) {
            return Err(Failure::usage(
                "validate hands a model its inputs as a whole",
                "omit --input-by: results are the same; `castiron lib --self-test` tests a library that takes rows",
            ));
        }
        if self
            .compiled
            .buffers
            .is_some_and(|buffers| buffers != Buffers::Model)
        {
            return Err(Failure::usage(
                "validate has inputs and outputs in the model's arena",
                "omit --buffers: results are the same; `castiron lib --self-test` tests a library that takes buffers",
            ));
        }
        let on = Platform::from(self.on);
        let mut settings = Settings::new(on);
        if engine == EngineName::Tflm {
            let folder = lib::sources(self.tflm.as_deref(), named)?;
            settings.engine = Engine::Tflm(Tflm::new(folder).kernels(self.kernels.into()).check()?);
        }
        settings.layers = self.layers;
        settings.measure = self.csv.is_some() && on.counts_instructions();
        settings.tolerance = self.tolerance;
        settings.keep.clone_from(&self.keep);
        settings.opt_level = self.level.opt_level;
        settings.isa = named.settings.isa;
        settings.optimize = how.target.optimize;
        settings.max_arena = how.max_arena;
        if engine == EngineName::Compiled {
            settings.memories.clone_from(&how.memories);
        }
        settings.without = how.without;
        settings.build_dir.clone_from(&self.build_dir);
        settings.offline = self.offline;
        Ok(settings)
    }
}

/// The JSON of an answer.
#[derive(Serialize)]
struct Json<'a> {
    model: String,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let named = arguments.compiled.one(&arguments.model, arguments.engine)?;
    let input = named.read()?;
    if named.settings.engine == Some(EngineName::Tflm) {
        diagnostics::warn(&warnings::of(&input.model));
    }
    let options = whole(&named)?;
    let mut settings = arguments.settings(&named, &options)?;
    let scratch = temporary::Folder::new("castiron-validate-")
        .map_err(|e| Failure::io("make a folder in", &std::env::temp_dir(), &e))?;
    (settings.keep).get_or_insert_with(|| scratch.path().to_owned());
    let mut sources = vec![input.path.clone()];
    sources.extend(arguments.compiled.files());
    let (report, outcome) = progress::stages(general, |say| {
        say("compiling the model");
        let examined = compile::examine(&input.model, &options);
        examined.check_limits()?;
        let report = Report::new(&input.model, &examined);
        let program = examined
            .program
            .map_err(|e| e.for_front_end(FrontEnd::Host))?;
        let entry = &program.entries[0];
        let cases = match &arguments.cases {
            Some(path) => {
                let recording = input::recording(path)?;
                sources.extend(recording.files());
                recording.cases(&Interface::from(entry))?
            }
            None => validate::generated(entry, arguments.random.into(), arguments.seed),
        };
        let subject = Subject {
            model: &input.model,
            program: &program,
        };
        let outcome = validate::validate(subject, &cases, &settings, say)
            .map_err(|e| e.in_file(&input.model.file))?;
        Ok::<_, Failure>((report, outcome))
    })?;

    let mut outputs = Outputs::default();
    if let Some(path) = &arguments.csv {
        // The firmware runs the first subgraph; the others were not measured.
        let measured = |graph, operator| match graph {
            0 => outcome.instructions_of(operator),
            _ => None,
        };
        outputs.add_bytes(
            "operators",
            path,
            csv::operators(&report.subgraphs, measured),
        );
    }
    let answer = Answer {
        what: "validation",
        text: tables::describe(&report.file, &outcome, arguments.layers),
        json: &Json {
            model: report.file.clone(),
            outcome: &outcome,
        },
    };
    super::answer(outputs, &answer, &arguments.to, &sources, general)?;
    match &outcome.first {
        None => Ok(()),
        Some(first) => Err(differs(&input, &outcome, first)),
    }
}

/// What the model is compiled with: the harness hands over whole inputs, which the project's file may not ask for.
fn whole(named: &Named) -> Result<CompileOptions> {
    let mut options = named.options()?;
    if options.input != Input::Whole || options.plan.buffers != Buffers::Model {
        options.input = Input::Whole;
        options.plan.buffers = Buffers::Model;
        options.max_arena = None;
        diagnostics::note(
            "inputs and outputs are in the arena here, whatever castiron.toml says: results are the same, and max-arena is left out",
        );
    }
    Ok(options)
}

/// The first difference as what is wrong.
fn differs(input: &ModelFile, outcome: &Outcome, first: &Difference) -> Failure {
    let whose = match first.against {
        Against::Castiron => "what castiron computes on this machine",
        Against::Reference => "the reference outputs",
    };
    let seen = &first.tensor;
    let mut diagnostic = Diagnostic::new(format!(
        "the firmware on {} differs from {whose}",
        outcome.on
    ))
    .expected(&first.expected)
    .found(format!(
        "{} at element {} {:?} of output {}, case {}",
        first.got, first.element, first.coordinates, seen.output, first.case
    ))
    .at_tensor(seen.tensor, &seen.name)
    .in_subgraph(0);
    diagnostic = match (&seen.operator, first.against) {
        (Some(operator), _) => diagnostic.at_operator(operator.index, text::name(&operator.name)),
        (None, Against::Reference) => diagnostic.help(
            "the firmware agrees with castiron; check that inputs and outputs were recorded in the \
             model's own types and quantisation",
        ),
        (None, Against::Castiron) if outcome.operators.is_empty() => {
            diagnostic.help("--layers shows the first operator that differs")
        }
        (None, Against::Castiron) => diagnostic,
    };
    Failure::from(castiron_codegen::error::Error::from(diagnostic).in_file(&input.model.file))
}
