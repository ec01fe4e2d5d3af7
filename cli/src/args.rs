//! The command line as a whole, and arguments that several commands share.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use castiron_build::OptLevel;
use castiron_codegen::compile::{Bytes, EngineName, Input, Macs, Settings};
use castiron_codegen::error::{Diagnostic, Error};
use castiron_codegen::plan::{Buffers, Speed, TargetMemory};
use castiron_codegen::program::{FirmwareOps, OpBuffer};
use castiron_codegen::target::{Isa, Optimize};
use castiron_codegen::{InputShape, Model, Passes, ops, warnings};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{
    align, arena, board_repl, boards, completions, cpp, diff, fit, generate, header, inspect, lib,
    man, memory_overlay, plan, platforms, power, report, resolver, run, validate,
};
use crate::diagnostics;
use crate::failure::Failure;
use crate::input::{self, ModelFile};
use crate::option_names::OptionName;
use crate::project::{self, Named, Project};

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  the model, or a file or value given with it, is wrong
  2  wrong usage of the command line
  3  a file could not be read or written

Examples:
  castiron inspect model.tflite
  castiron generate model.tflite --out-dir generated
  castiron gen-header model.tflite --style kenning -o model_data.h
  castiron run model.tflite --input in.npy --out-dir out --npy

- as a model means standard input; - as an output means standard output.
castiron replaces files as a whole, and only when their content changes, so build systems that
compare times (ninja with restat, make with a stamp file) do not rebuild dependents.

If CONFIG_KENNING_PYTHON_PATH names castiron, Kenning Zephyr Runtime builds .tflite models without
Python: castiron replaces its build_tflite.py and io_spec_to_struct.py. See
  castiron build_tflite.py --help";

/// Cast .tflite models into microcontroller firmware
#[derive(Debug, Parser)]
#[command(name = "castiron", version, after_help = AFTER_HELP)]
#[command(propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) general: General,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Inspect(inspect::Arguments),
    Report(report::Arguments),
    Diff(diff::Arguments),
    GenHeader(header::Arguments),
    GenResolver(resolver::Arguments),
    GenCpp(cpp::Arguments),
    Plan(plan::Arguments),
    Arena(arena::Arguments),
    Align(align::Arguments),
    Run(run::Arguments),
    Validate(validate::Arguments),
    Power(power::Arguments),
    Generate(generate::Arguments),
    Fit(fit::Arguments),
    Boards(boards::Arguments),
    BoardRepl(board_repl::Arguments),
    Platforms(platforms::Arguments),
    MemoryOverlay(memory_overlay::Arguments),
    Lib(Box<lib::Arguments>),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "General options")]
pub(crate) struct General {
    /// Print results and errors as JSON (results to standard output, errors to standard error)
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print only the requested output, and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// When to use colours; `auto` uses them on terminals, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    #[arg(hide_default_value = true)]
    pub(crate) color: Color,
    /// What a build system calls options, for messages: option=NAME,…
    #[arg(long, global = true, hide = true, value_delimiter = ',')]
    pub(crate) option_names: Vec<OptionName>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Makes the choice hold for all output of the process.
    pub(crate) fn apply(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Lines of a file of arguments at most.
const MOST_ARGUMENTS: usize = 10_000;

/// The command line. A first argument `@file` stands for the lines of that file: what a build system
/// prints when a command fails is then not full of paths.
pub(crate) fn command_line(mut arguments: Vec<OsString>) -> Result<Vec<OsString>, Failure> {
    let first = arguments.get(1).and_then(|argument| argument.to_str());
    let Some(path) = first.and_then(|argument| argument.strip_prefix('@')) else {
        return Ok(arguments);
    };
    let path = Path::new(path);
    let text = input::text(path)?;
    let count = text.lines().count();
    if count > MOST_ARGUMENTS {
        let mut diagnostic = Diagnostic::new("the file has too many arguments")
            .expected(format!("at most {MOST_ARGUMENTS} lines"))
            .found(format!("{count} lines"))
            .help("check that this is the right file; to pass a file whose name begins with @, write ./@…");
        diagnostic.place.file = Some(path.display().to_string());
        return Err(Failure::Usage(diagnostic));
    }
    arguments.splice(1..2, text.lines().map(OsString::from));
    Ok(arguments)
}

/// For build systems that learn dependencies from the tool.
#[derive(Debug, Default, Args)]
pub(crate) struct Depfile {
    /// Write the files that the outputs depend on, as a make rule (for ninja and make)
    #[arg(long, value_name = "FILE")]
    pub(crate) depfile: Option<PathBuf>,
    /// Target of the depfile rule [default: all outputs]
    #[arg(long, value_name = "FILE", requires = "depfile")]
    pub(crate) depfile_target: Option<PathBuf>,
}

/// Where to send what a command has to say.
#[derive(Debug, Args)]
pub(crate) struct Destination {
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    #[arg(hide_default_value = true)]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) depfile: Depfile,
}

/// What is known besides the model.
#[derive(Debug, Default, Args)]
pub(crate) struct Companions {
    /// Kenning's I/O specification [default: MODEL.json beside the model, if it exists]
    #[arg(long, value_name = "FILE")]
    pub(crate) io_spec: Option<PathBuf>,
    /// Do not look for an I/O specification beside the model
    #[arg(long, conflicts_with = "io_spec")]
    pub(crate) no_io_spec: bool,
    /// Class names of the first output, one per line
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
}

/// What the compiled engine is made for.
#[derive(Debug, Default, PartialEq, Args)]
pub(crate) struct Compiled {
    /// Choose castiron's smaller or faster kernels; results do not change [default: balanced]
    #[arg(long, value_name = "FOR", value_parser = optimize())]
    pub(crate) optimize: Option<Optimize>,
    /// Instructions that castiron's kernels may use: dsp for Cortex-M4, M7 and M33, dsp+fp with their floating-point unit, mve for Cortex-M55, M52 and M85, rv32m for RISC-V of 32 bits with multiplication, armv7m for Cortex-M3, armv6m for Cortex-M0 and M0+; results do not change [default: those of the target or the board, else portable]
    #[arg(long, value_name = "SET", value_parser = isa())]
    pub(crate) isa: Option<Isa>,
    /// The most bytes of arena, as 8192 or 8k: where it would take more, kernels work in less memory, then operators run row by row, and last they compute some again; results do not change
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_arena: Option<Bytes>,
    /// The most bytes of flash: weights, and code as it is estimated or, by `lib`, compiled; it is an error if the model takes more
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_flash: Option<Bytes>,
    /// The most multiply-accumulates of a run, as 2500000, 2500k or 3M; it is an error if the model takes more
    #[arg(long, value_name = "N")]
    pub(crate) max_macs: Option<Macs>,
    /// A memory that the arena is spread over, and how much of it the model may take: dtcm=64k:fast, sram=256k, psram=4M:slow; with :rom one that weights are spread over: qspi=8M:slow:rom; once for each. What is touched most lies in the fastest; results do not change
    #[arg(long = "memory", value_name = "NAME=SIZE[:SPEED][:rom]")]
    pub(crate) memories: Vec<TargetMemory>,
    /// Take the RAM that a build's flattened devicetree describes as memories; --memory NAME=SIZE says how much of one the model may take
    #[arg(long, value_name = "ZEPHYR.DTS")]
    pub(crate) memories_from: Option<PathBuf>,
    /// How the model takes its input: whole, or rows, one after the other, so that it is never in memory as a whole; results do not change [default: whole]
    #[arg(long, value_name = "WAY", value_parser = input_by())]
    pub(crate) input_by: Option<Input>,
    /// Who holds inputs and outputs: model, in its arena; caller, in buffers that it hands over for each run, so that they are not in the arena; inputs or outputs, these alone; results do not change [default: model]
    #[arg(long, value_name = "WHO", value_parser = buffers())]
    pub(crate) buffers: Option<Buffers>,
    /// Shape of an input whose sizes the file leaves open: INPUT=1x96x96x3, or 1x96x96x3 of the only one
    #[arg(long, value_name = "SHAPE")]
    pub(crate) shape: Vec<InputShape>,
    #[command(flatten)]
    pub(crate) project: Project,
    #[command(flatten)]
    pub(crate) without: Without,
}

/// Passes that are left out.
#[derive(Debug, Default, PartialEq, Args)]
pub(crate) struct Without {
    /// Leave out a pass over the operators, or `all` of them; results do not change
    #[arg(long = "without-pass", value_name = "PASS", value_parser = pass())]
    passes: Vec<Passes>,
}

fn pass() -> impl TypedValueParser<Value = Passes> {
    PossibleValuesParser::new(Passes::names()).try_map(|name| name.parse::<Passes>())
}

impl Without {
    pub(crate) fn passes(&self) -> Passes {
        self.passes.iter().copied().collect()
    }
}

/// What a command that compares models does where one takes more than a limit.
#[derive(Debug, Default, Args)]
pub(crate) struct OnLimit {
    /// Where a model takes more than a limit of castiron.toml or of options, fail once everything is written, or warn [default: fail]
    #[arg(long = "limits", value_name = "HOW", value_enum, default_value_t)]
    #[arg(hide_default_value = true)]
    how: Severity,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Severity {
    // Help has no line for each: that would set out the help of whole commands another way.
    #[default]
    Fail,
    Warn,
}

impl OnLimit {
    /// Says which limits are not kept.
    pub(crate) fn hold(&self, beyond: Vec<Diagnostic>) -> Result<(), Failure> {
        if self.how == Severity::Warn {
            diagnostics::warn(&beyond);
            return Ok(());
        }
        match Error::from_many(beyond) {
            Some(error) => Err(Failure::Model(error)),
            None => Ok(()),
        }
    }
}

/// How the compiler optimises whichever kernels it compiles.
#[derive(Debug, Default, Args)]
pub(crate) struct CompilerLevel {
    /// How the compiler optimises: 1, 2, 3, or s for size [default: 3 for castiron's kernels, 2 for TFLM's]
    #[arg(long = "opt-level", value_name = "LEVEL", value_parser = opt_level())]
    pub(crate) opt_level: Option<OptLevel>,
}

fn opt_level() -> impl TypedValueParser<Value = OptLevel> {
    PossibleValuesParser::new(OptLevel::ALL.map(OptLevel::name))
        .try_map(|name| name.parse::<OptLevel>())
}

/// Custom operators that the firmware computes.
#[derive(Debug, Default, Args)]
pub(crate) struct Firmware {
    /// A custom operator that the firmware computes, and the C function that does; =FUNCTION may be left out
    #[arg(long, value_name = "OP=FUNCTION", value_parser = firmware_op)]
    custom: Vec<(String, Option<String>)>,
    /// Working memory of a custom operator: OP=256 bytes, or other elements, OP=i16x128
    #[arg(long, value_name = "OP=SIZE", requires = "custom")]
    scratch: Vec<OpBuffer>,
    /// What a custom operator keeps from run to run, of such a size
    #[arg(long, value_name = "OP=SIZE", requires = "custom")]
    state: Vec<OpBuffer>,
}

fn firmware_op(text: &str) -> Result<(String, Option<String>), String> {
    let (name, function) = match text.rsplit_once('=') {
        Some((name, function)) => (name, Some(function)),
        None => (text, None),
    };
    match name.is_empty() || function.is_some_and(str::is_empty) {
        false => Ok((name.to_owned(), function.map(str::to_owned))),
        true => Err("write OP or OP=FUNCTION, for example MyOp=my_op".to_owned()),
    }
}

impl Firmware {
    pub(crate) fn ops(&self) -> FirmwareOps {
        FirmwareOps::named(self.custom.iter().map(|(name, _)| name.clone()))
            .with_scratch(self.scratch.iter().cloned())
            .with_state(self.state.iter().cloned())
    }

    /// The operators, for a command that takes several models.
    pub(crate) fn of_several(&self, models: &[PathBuf]) -> SeveralOps {
        SeveralOps {
            alone: models.len() == 1,
            all: self.ops(),
            found: BTreeSet::new(),
        }
    }

    /// The functions that were named, by operator.
    pub(crate) fn functions(&self) -> Vec<(String, String)> {
        let named = self.custom.iter();
        let named = named.filter_map(|(name, function)| Some((name.clone(), function.clone()?)));
        named.collect()
    }

    /// Fails if operators are said to be the firmware's where TFLM's kernels compute.
    pub(crate) fn check_unused(&self) -> Result<(), Failure> {
        match self.custom.is_empty() {
            true => Ok(()),
            false => Err(Failure::usage(
                "--custom names functions that castiron's engine calls, but --engine tflm calls TFLM's kernels",
                "omit --custom; for TFLM's interpreter, use `castiron gen-resolver --custom OP=FUNCTION`",
            )),
        }
    }
}

/// Whose kernels compute.
pub(crate) fn engine() -> impl TypedValueParser<Value = EngineName> {
    PossibleValuesParser::new(EngineName::ALL.map(EngineName::name))
        .try_map(|name| name.parse::<EngineName>())
}

fn optimize() -> impl TypedValueParser<Value = Optimize> {
    PossibleValuesParser::new(Optimize::ALL.map(Optimize::name))
        .try_map(|name| name.parse::<Optimize>())
}

fn input_by() -> impl TypedValueParser<Value = Input> {
    PossibleValuesParser::new(Input::ALL.map(Input::name)).try_map(|name| name.parse::<Input>())
}

fn buffers() -> impl TypedValueParser<Value = Buffers> {
    PossibleValuesParser::new(Buffers::ALL.map(Buffers::name))
        .try_map(|name| name.parse::<Buffers>())
}

fn isa() -> impl TypedValueParser<Value = Isa> {
    PossibleValuesParser::new(Isa::ALL.map(Isa::name)).try_map(|name| name.parse::<Isa>())
}

impl Compiled {
    /// The one model of a command, with what these options say of it.
    pub(crate) fn one(&self, model: &Path, engine: Option<EngineName>) -> Result<Named, Failure> {
        let mut said = self.settings(engine)?;
        said.shapes.clone_from(&self.shape);
        let named = self.project.models(&[model.to_owned()], &said)?;
        Ok(project::only(named))
    }

    /// The models of a command that takes several; [`Self::shapes`] says which shapes are whose.
    pub(crate) fn several(
        &self,
        models: &[PathBuf],
        engine: Option<EngineName>,
    ) -> Result<Vec<Named>, Failure> {
        self.project.models(models, &self.settings(engine)?)
    }

    /// What the options say of every model.
    pub(crate) fn settings(&self, engine: Option<EngineName>) -> Result<Settings, Failure> {
        let mut said = Settings::default();
        said.engine = engine;
        said.optimize = self.optimize;
        said.isa = self.isa;
        said.max_arena = self.max_arena.map(|Bytes(bytes)| bytes.into());
        said.max_flash = self.max_flash.map(|Bytes(bytes)| (bytes as u64).into());
        said.max_macs = self.max_macs.map(|Macs(macs)| macs.into());
        said.memories = self.memories()?;
        said.input_by = self.input_by;
        said.buffers = self.buffers;
        said.without = self.without.passes();
        Ok(said)
    }

    /// The memories of the devicetree with those that were named, which count where both have one.
    fn memories(&self) -> Result<Vec<TargetMemory>, Failure> {
        let Some(path) = &self.memories_from else {
            return Ok(self.memories.clone());
        };
        let tree = input::devicetree(path)?;
        let rams = castiron_board::rams(&tree);
        let mut rams = rams.map_err(|e| e.in_file(&path.display().to_string()))?;
        for named in &self.memories {
            match rams.iter_mut().find(|ram| ram.name == named.name) {
                Some(ram) => {
                    ram.bytes = named.bytes;
                    // Who says nothing of it leaves it.
                    if named.speed != Speed::default() {
                        ram.speed = named.speed;
                    }
                }
                None => rams.push(named.clone()),
            }
        }
        Ok(rams)
    }

    /// Whether the arena is to be spread over memories.
    pub(crate) fn has_memories(&self) -> bool {
        !self.memories.is_empty() || self.memories_from.is_some()
    }

    /// The files that options come from.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.memories_from
            .iter()
            .cloned()
            .chain(self.project.file())
    }

    /// The shapes that were given, for a command that takes several models.
    pub(crate) fn shapes(&self, models: &[PathBuf]) -> Shapes<'_> {
        Shapes {
            alone: models.len() == 1,
            given: self.shape.iter().map(|shape| (shape, false)).collect(),
        }
    }

    /// Fails if TFLM's kernels are to compute and something is asked of castiron's.
    pub(crate) fn check_unused(&self) -> Result<(), Failure> {
        if self.optimize.is_some() {
            return Err(Failure::usage(
                "--optimize chooses between castiron's kernels, but --engine tflm uses TFLM's kernels",
                "omit --optimize",
            ));
        }
        if self.isa.is_some() {
            return Err(Failure::usage(
                "--isa is for castiron's kernels, but --engine tflm uses TFLM's kernels",
                "omit --isa; --cpu names the processor",
            ));
        }
        if self.max_arena.is_some() {
            return Err(Failure::usage(
                "--max-arena is for castiron's kernels, but --engine tflm uses TFLM's kernels, which compute whole tensors",
                "omit --max-arena",
            ));
        }
        if self.max_macs.is_some() {
            return Err(Failure::usage(
                "--max-macs counts what castiron's kernels compute, but --engine tflm uses TFLM's kernels",
                "omit --max-macs",
            ));
        }
        if self.has_memories() {
            return Err(Failure::usage(
                "--memory is for castiron's kernels, but --engine tflm uses TFLM's interpreter, which has one arena",
                "omit --memory and --memories-from",
            ));
        }
        if self.input_by.is_some() {
            return Err(Failure::usage(
                "--input-by is for castiron's kernels, but --engine tflm uses TFLM's kernels, which compute whole tensors",
                "omit --input-by",
            ));
        }
        if self.buffers.is_some() {
            return Err(Failure::usage(
                "--buffers is for castiron's kernels, but --engine tflm uses TFLM's interpreter, which has inputs and outputs in its arena",
                "omit --buffers",
            ));
        }
        if self.without.passes() != Passes::NONE {
            return Err(Failure::usage(
                "--without-pass is for castiron's kernels, but --engine tflm runs the operators as they are in the file",
                "omit --without-pass",
            ));
        }
        if !self.shape.is_empty() {
            return Err(Failure::usage(
                "--shape is for castiron's kernels, but --engine tflm uses TFLM's, which use the shapes in the file",
                "omit --shape, and convert the model with fixed shapes",
            ));
        }
        Ok(())
    }
}

/// Custom operators of several models: each is for those that have one of its name.
#[derive(Debug)]
pub(crate) struct SeveralOps {
    /// Whether there is only one model, for which all of them are.
    alone: bool,
    all: FirmwareOps,
    found: BTreeSet<String>,
}

impl SeveralOps {
    /// What the firmware computes of one of the models.
    pub(crate) fn of(&mut self, model: &Model) -> FirmwareOps {
        if self.alone {
            return self.all.clone();
        }
        let operators = model.graphs.iter().flat_map(|graph| &graph.operators);
        let custom = operators.filter(|operator| ops::is_custom(&operator.kind));
        let there: BTreeSet<String> = custom.map(|o| o.kind.name().to_owned()).collect();
        let only = self.all.only(|name| there.contains(name));
        self.found.extend(there);
        only
    }

    /// Fails if none of the models has a custom operator of a name that was given.
    pub(crate) fn check_used(&self) -> Result<(), Failure> {
        let mut names = self.all.names();
        let unused = names.find(|name| !self.alone && !self.found.contains(*name));
        match unused {
            Some(name) => Err(Failure::usage(
                format!("no model has a custom operator {name:?} that castiron does not compute"),
                "`castiron inspect` lists the operators of a model",
            )),
            None => Ok(()),
        }
    }
}

/// Shapes for inputs of several models: each is for those that have an input of its name.
#[derive(Debug)]
pub(crate) struct Shapes<'a> {
    /// Whether there is only one model, for which all of them are.
    alone: bool,
    /// With whether a model had the input.
    given: Vec<(&'a InputShape, bool)>,
}

impl Shapes<'_> {
    /// Reads one of the models, and warns of what is doubtful about it.
    pub(crate) fn model(&mut self, named: &Named) -> Result<ModelFile, Failure> {
        self.shaped(named, input::read(&named.path)?)
    }

    /// The same of a model that was read.
    pub(crate) fn shaped(
        &mut self,
        named: &Named,
        mut input: ModelFile,
    ) -> Result<ModelFile, Failure> {
        let mut shapes = Vec::new();
        for (shape, used) in &mut self.given {
            if self.alone || shape.is_for(&input.model) {
                *used = true;
                shapes.push((*shape).clone());
            }
        }
        if shapes.is_empty() {
            shapes.clone_from(&named.settings.shapes);
        }
        input.model = castiron_codegen::resize(input.model, &shapes)?;
        diagnostics::warn(&warnings::of(&input.model));
        Ok(input)
    }

    /// Fails if a shape was for none of the models.
    pub(crate) fn check_used(&self) -> Result<(), Failure> {
        match self.given.iter().find(|(_, used)| !used) {
            Some((shape, _)) => Err(Failure::usage(
                format!("no model has the input of --shape {shape}"),
                "`castiron inspect` lists the inputs of a model",
            )),
            None => Ok(()),
        }
    }
}

/// By which protocol a model is served on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Server {
    /// Kenning's inference protocol
    Kenning,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn commands_with(option: &str) -> Vec<String> {
        let cli = Cli::command();
        let has = |command: &&clap::Command| {
            let mut options = command.get_arguments().filter_map(|a| a.get_long());
            options.any(|long| long == option)
        };
        let found = cli.get_subcommands().filter(has);
        found.map(|command| command.get_name().to_owned()).collect()
    }

    #[test]
    fn commands_that_compile_share_their_options() {
        let optimize = commands_with("optimize");
        assert!(optimize.len() > 5, "{optimize:?}");
        assert_eq!(commands_with("shape"), optimize);
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
        let Ok(text) = std::fs::read_to_string(path) else {
            println!("skipped: no documentation beside this package");
            return;
        };
        let (_, section) = (text.split_once("## castiron's kernels")).expect("the section");
        let (list, _) = section
            .split_once("| option")
            .expect("a table behind the list");
        let mut named: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
        let mut there: Vec<&str> = optimize.iter().map(String::as_str).collect();
        named.sort_unstable();
        there.sort_unstable();
        assert_eq!(named, there);
    }

    /// What stands for an option's value says what it is: where two commands disagree, it may be two things.
    #[test]
    fn an_option_has_one_kind_of_value() {
        let mut kinds = std::collections::BTreeMap::new();
        for command in Cli::command().get_subcommands() {
            for argument in command.get_arguments() {
                let (Some(long), Some(names)) = (argument.get_long(), argument.get_value_names())
                else {
                    continue;
                };
                let kind = names[0].to_string();
                let known = kinds.entry(long.to_owned()).or_insert_with(|| kind.clone());
                assert_eq!(*known, kind, "--{long} of {}", command.get_name());
            }
        }
    }
}
