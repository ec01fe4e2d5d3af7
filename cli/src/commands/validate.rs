//! `castiron validate`.

mod place;
mod tables;

use std::path::{Path, PathBuf};
use std::time::Duration;

use castiron_build::Tflm;
use castiron_build::power::Power;
use castiron_build::validate::{self, Against, Difference, Engine, Outcome, Platform, Settings};
use castiron_build::validate::{Subject, TOLERANCE};
use castiron_cases::Interface;
use castiron_codegen::compile::{self, CompileOptions, EngineName, Input};
use castiron_codegen::emit::csv;
use castiron_codegen::error::{Diagnostic, FrontEnd};
use castiron_codegen::plan::Buffers;
use castiron_codegen::report::Report;
use castiron_codegen::warnings;
use clap::Args;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use place::On;

use super::Answer;
use super::arena::Kernels;
use super::lib;
use super::power::{self, Telling};
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
  castiron validate kws.tflite --on serial --layers --firmware board --target thumbv7em-none-eabihf
  castiron validate kws.tflite --on serial:/dev/ttyACM0@115200 --layers --csv operators.csv
  castiron validate kws.tflite --on serial:/dev/ttyACM0 --power ppk2.csv --marker D0 --voltage 3.0
  castiron validate kws.tflite --on probe:nRF52840_xxAA --target thumbv7em-none-eabihf --layers

On a board, the firmware is yours to build and flash: --firmware writes its sources, in which three
functions are for your board's UART. Afterwards --on serial:PORT talks to it, as often as you want.

castiron looks for programs in PATH; CC, CASTIRON_ARM_GCC, CASTIRON_QEMU,
RENODE and CASTIRON_PROBE_RS name others.";

/// Run a model as firmware and on this machine, and compare tensor by tensor
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The model
    model: PathBuf,
    /// Where the firmware runs: on this machine, on an emulated Cortex-M4, or on a board at a serial port. One of host, qemu,
    /// renode, serial:PORT[@BAUD], probe:CHIP, and serial with --firmware
    #[arg(long, value_name = "PLACE", default_value = "host", value_parser = On::parse)]
    on: On,
    /// With --on serial: write the firmware's sources to this folder, for you to build and flash, and stop
    #[arg(long, value_name = "DIR", conflicts_with_all = ["cases", "csv", "keep", "power"])]
    firmware: Option<PathBuf>,
    /// The board's Rust target triple, with --firmware [default: this machine] or probe:CHIP [default: that of the chip, without
    /// floating-point unit]
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// With --target: the board's processor, as compilers name it: cortex-m7
    #[arg(long, value_name = "NAME", requires = "target")]
    cpu: Option<String>,
    /// With --on serial:PORT: seconds that the board may be silent, as it is while the model runs
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86400))]
    timeout: u64,
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
    /// On a board: also say what an inference takes, of a recording of the current that was made of its last run: a CSV file of
    /// Joulescope, Power Profiler Kit II or Otii
    #[arg(long, value_name = "FILE")]
    power: Option<PathBuf>,
    #[command(flatten)]
    telling: Telling,
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

fn tolerance(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|e| format!("{e}"))?;
    match value.is_finite() && value >= 0.0 {
        true => Ok(value),
        false => Err("expected 0 or a share such as 1e-5".to_owned()),
    }
}

impl Arguments {
    /// That what was said of a board fits together.
    fn check_board(&self) -> Result<()> {
        let On { platform, line, .. } = &self.on;
        let problem = match (*platform == Platform::Serial, line, &self.firmware) {
            (true, None, None) => (
                "--on serial lacks the port",
                "name it: --on serial:/dev/ttyACM0; or write the firmware's sources first: --on serial --firmware DIR",
            ),
            (true, Some(_), Some(_)) => (
                "--firmware writes sources, and --on serial:PORT talks to what was made of them",
                "write, build and flash first: --on serial --firmware DIR",
            ),
            (false, _, Some(_)) => (
                "--firmware is for boards: elsewhere castiron builds the firmware itself",
                "add --on serial; --keep DIR keeps what castiron builds",
            ),
            _ if self.power.is_some() && !platform.is_board() => (
                "--power is for boards",
                "add --on serial:PORT or --on probe:CHIP; `castiron power` reads a recording by itself",
            ),
            _ if self.power.is_none() && self.telling.is_any() => (
                "--marker, --threshold and --voltage say how to read a recording of the current",
                "name the recording with --power",
            ),
            _ if self.telling.marker.is_some() && *platform == Platform::Probe => (
                "the firmware that --on probe makes sets no pin, so no channel marks an inference",
                "use --threshold; or --on serial --firmware DIR, whose board.c says how to set a pin",
            ),
            (true, Some(_), None) if self.target.is_some() || self.cpu.is_some() => (
                "--target and --cpu say what firmware is compiled for, and that of --on serial:PORT is compiled",
                "omit them",
            ),
            _ if self.target.is_some() && !platform.is_board() => (
                "--target is for boards",
                "castiron knows the target of the other places",
            ),
            _ => return Ok(()),
        };
        Err(Failure::usage(problem.0, problem.1))
    }

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
        let on = self.on.platform;
        let mut settings = Settings::new(on);
        settings.line.clone_from(&self.on.line);
        if let Some(line) = &mut settings.line {
            line.timeout = Duration::from_secs(self.timeout);
        }
        settings.chip.clone_from(&self.on.chip);
        settings.target.clone_from(&self.target);
        settings.cpu.clone_from(&self.cpu);
        if engine == EngineName::Tflm {
            let folder = lib::sources(self.tflm.as_deref(), named)?;
            settings.engine = Engine::Tflm(Tflm::new(folder).kernels(self.kernels.into()).check()?);
        }
        settings.layers = self.layers;
        settings.measure = self.csv.is_some() && (on.counts_instructions() || on.is_board());
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
    #[serde(skip_serializing_if = "Option::is_none")]
    power: Option<&'a Power>,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    arguments.check_board()?;
    // A file that cannot be read says so before the board runs.
    let power = match &arguments.power {
        Some(recording) => Some(power::read(recording, &arguments.telling)?),
        None => None,
    };
    let named = arguments.compiled.one(&arguments.model, arguments.engine)?;
    let input = named.read()?;
    if named.settings.engine == Some(EngineName::Tflm) {
        diagnostics::warn(&warnings::of(&input.model));
    }
    let options = whole(&named)?;
    let mut settings = arguments.settings(&named, &options)?;
    settings.model_hash = Sha256::digest(&input.bytes).into();
    if let Some(folder) = &arguments.firmware {
        return write_firmware(&input, &options, &settings, folder, general);
    }
    let scratch = temporary::Folder::new("castiron-validate-")
        .map_err(|e| Failure::io("make a folder in", &std::env::temp_dir(), &e))?;
    (settings.keep).get_or_insert_with(|| scratch.path().to_owned());
    let mut sources = vec![input.path.clone()];
    sources.extend(arguments.compiled.files());
    sources.extend(arguments.power.clone());
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
        let of_counters = |graph, operator| match graph {
            0 => COUNTERS.map(|(_, counter, is_first)| {
                let counted = outcome.counted(operator, counter);
                if is_first {
                    counted.first
                } else {
                    counted.steady
                }
            }),
            _ => [None; COUNTERS.len()],
        };
        let is_board = arguments.on.platform.is_board();
        let columns = COUNTERS.map(|(column, ..)| column);
        outputs.add_bytes(
            "operators",
            path,
            match is_board {
                true => csv::operators_with(&report.subgraphs, measured, columns, of_counters),
                false => csv::operators(&report.subgraphs, measured),
            },
        );
        if is_board && outcome.counters.is_empty() {
            diagnostics::note(
                "the board's processor has no counter that the firmware knows: columns of cycles are empty",
            );
        }
    }
    let mut text = tables::describe(&report.file, &outcome, arguments.layers);
    if let (Some(recording), Some(power)) = (&arguments.power, &power) {
        text += &format!(
            "\n{}",
            power::describe(&recording.display().to_string(), power)
        );
    }
    let answer = Answer {
        what: "validation",
        text,
        json: &Json {
            model: report.file.clone(),
            outcome: &outcome,
            power: power.as_ref(),
        },
    };
    super::answer(outputs, &answer, &arguments.to, &sources, general)?;
    match &outcome.first {
        None => Ok(()),
        Some(first) => Err(differs(&input, &outcome, first)),
    }
}

/// Columns of a board's table: their names, the counters, and whether the first run alone counts. AutoDeploy's names where
/// it has them.
const COUNTERS: [(&str, &str, bool); 5] = [
    ("CYCLES", "cycles", false),
    ("CYCLES_FIRST", "cycles", true),
    ("ARM_PMU_STALL", "stalls", false),
    ("ARM_PMU_MVE_INST_RETIRED", "vector_instructions", false),
    (
        "ARM_PMU_MVE_INT_MAC_RETIRED",
        "vector_multiplications",
        false,
    ),
];

/// Writes the sources of a board's firmware.
fn write_firmware(
    input: &ModelFile,
    options: &CompileOptions,
    settings: &Settings,
    folder: &Path,
    general: &General,
) -> Result<()> {
    let kept = progress::stages(general, |say| {
        let program =
            compile::compile(&input.model, options).map_err(|e| e.for_front_end(FrontEnd::Host))?;
        let subject = Subject {
            model: &input.model,
            program: &program,
        };
        let kept = validate::write_firmware(subject, settings, folder, say);
        Ok::<_, Failure>(kept.map_err(|e| e.in_file(&input.model.file))?)
    })?;
    if !kept.is_empty() {
        diagnostics::note(format_args!("{} stay as they were", kept.join(", ")));
    }
    anstream::println!(
        "{0} has the firmware's sources. Fill in {0}/board.c, build with make or in a project of yours, and flash.\n\
         Then: castiron validate {1} --on serial:PORT",
        folder.display(),
        input.path.display()
    );
    Ok(())
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
