//! `castiron generate`.

mod all;

use std::path::{Path, PathBuf};

use castiron_codegen::compile::{self, CompileOptions, Examined, checked_section};
use castiron_codegen::emit::c_header::{CHeader, HeaderOptions, HeaderStyle, c_header};
use castiron_codegen::emit::facts::GraphFacts;
use castiron_codegen::emit::resolver::{Resolver, ResolverOptions};
use castiron_codegen::emit::rust::{self, KenningServer, RustOptions};
use castiron_codegen::error::{Diagnostic, Error};
use castiron_codegen::ops;
use castiron_codegen::plan::Plan;
use castiron_codegen::program::{FirmwareOps, Program};
use castiron_codegen::report::Report;
use castiron_codegen::resize::InputShape;
use castiron_codegen::target::Target;
use castiron_codegen::tflm::arena::ArenaNeed;
use castiron_report::sbom::ComputedBy;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::arena::Interpreter;
use super::resolver::CustomOps;
use super::{file_table, header, inspect};
use crate::args::{Companions, Compiled, Depfile, General, Server};
use crate::failure::{Failure, Result};
use crate::input::{Extras, ModelFile};
use crate::output::{Outputs, Written};
use crate::progress;
use crate::project::Named;
use crate::sbom::Sbom;
use crate::text::{self, heading};

const EXAMPLES: &str = "\
Files, for a model vae.tflite:
  vae.rs, vae.weights.bin   the compiled engine's Rust module and its packed weights
  vae_model.h, vae_model.c  the model as C
  model_data.h              the model for Kenning Zephyr Runtime
  ops_resolver.h            a resolver for TensorFlow Lite Micro with the model's operators
  plan.svg, plan.json       the arena, and plan_N.svg, plan_N.json for further subgraphs
  report.json               the output of `inspect --json`

castiron lists files that it cannot make, with the reason; the exit code is still 0. With --strict,
a missing file is an error: castiron writes nothing, and the exit code is 1.

Examples:
  castiron generate vae.tflite --out-dir generated
  castiron generate kws.tflite --labels labels.txt --strict --json --out-dir generated
  castiron generate kws.tflite --out-dir generated --sbom kws.cdx.json
  castiron generate kws.tflite --emit program
  castiron generate vae.tflite --server kenning --out-dir generated
  castiron generate --all --out-dir generated       # the models of castiron.toml";

/// Write everything that castiron can make of a model into one folder
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The model
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    model: Option<PathBuf>,
    /// Every model of castiron.toml at once, each in a folder of its name
    #[arg(long, conflicts_with_all = ["emit", "name", "labels", "io_spec", "shape", "depfile", "sbom"])]
    all: bool,
    /// The folder to write to
    #[arg(long, value_name = "DIR", required_unless_present = "emit")]
    out_dir: Option<PathBuf>,
    /// Print this to standard output, and write no files
    #[arg(long, value_name = "WHAT", conflicts_with_all = ["out_dir", "strict", "force", "depfile", "name", "section", "steps", "verify", "labels", "io_spec", "sbom"])]
    emit: Option<Emit>,
    /// Replace files in the folder that castiron did not make
    #[arg(long)]
    force: bool,
    /// Name of files, module and C prefix [default: the model's name]
    #[arg(long)]
    name: Option<String>,
    /// Linker section of weights and of the model's bytes
    #[arg(long, value_name = "NAME")]
    section: Option<String>,
    /// Give the Rust module a run in parts, too, for firmware that has other work meanwhile; results do not change
    #[arg(long)]
    steps: bool,
    /// Add a function to the Rust module that compares the weights in flash with their CRC-32
    #[arg(long)]
    verify: bool,
    /// Fail unless castiron can make every file
    #[arg(long)]
    strict: bool,
    /// Let the Rust module be served by a protocol: kenning, for evaluation on the device
    #[arg(long, value_name = "PROTOCOL", conflicts_with = "emit")]
    server: Option<Server>,
    #[command(flatten)]
    compiled: Compiled,
    #[command(flatten)]
    custom: CustomOps,
    #[command(flatten)]
    companions: Companions,
    #[command(flatten)]
    interpreter: Interpreter,
    #[command(flatten)]
    sbom: Sbom,
    #[command(flatten)]
    depfile: Depfile,
}

impl Arguments {
    /// The compiled engine's; of the custom operators that the application brings, those that castiron lacks.
    fn options(&self, named: &Named, input: &ModelFile) -> Result<CompileOptions> {
        let mut options = named.options()?;
        let operators = input.model.graphs.iter().flat_map(|graph| &graph.operators);
        let lacking: Vec<&str> = operators
            .filter(|operator| ops::is_custom(&operator.kind))
            .map(|operator| operator.kind.name())
            .collect();
        let brought = self.custom.custom.iter().map(|op| &op.name);
        let brought = brought.filter(|name| lacking.contains(&name.as_str()));
        options.custom = FirmwareOps::named(brought.cloned());
        Ok(options)
    }
}

/// What is for people who read what the compiled engine does, not for firmware.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Emit {
    /// The compiled engine's kernel calls, with parameters and places of operands
    Program,
}

/// What a run has made and what it could not make.
#[derive(Serialize)]
struct Answer {
    report: Report,
    files: Vec<Written>,
    tflm_arena: Option<ArenaNeed>,
    skipped: Vec<Skipped>,
}

#[derive(Serialize)]
struct Skipped {
    what: &'static str,
    diagnostics: Vec<Diagnostic>,
}

/// Everything that emitters work from.
struct Job<'a> {
    arguments: &'a Arguments,
    named: &'a Named,
    folder: &'a Path,
    input: &'a ModelFile,
    extras: &'a Extras,
    name: String,
    /// The arena of TFLM's interpreter, which goes by the shapes in the file: none where inputs have others.
    arena: Option<&'a ArenaNeed>,
    examined: &'a Examined,
    target: Target,
    report: &'a Report,
}

/// Files made so far, and what was left out.
struct Made<'a> {
    outputs: Outputs<'a>,
    skipped: Vec<Skipped>,
}

const RUST: &str = "Rust module";
const HEADER: &str = "C header";
const KENNING_HEADER: &str = "Kenning header";
const RESOLVER: &str = "TFLM resolver";

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    arguments.interpreter.check()?;
    if matches!(arguments.emit, Some(Emit::Program)) && general.json {
        return Err(Failure::usage(
            "--emit program has no JSON form",
            "leave out --json",
        ));
    }
    let folder = arguments.out_dir.as_deref();
    // It or --emit is given, as the command line has it.
    let folder = folder.unwrap_or(Path::new("."));
    let Some(model) = &arguments.model else {
        return all::run(arguments, folder, general);
    };
    let named = arguments.compiled.one(model, None)?;
    if let Some(Emit::Program) = arguments.emit {
        let input = named.read()?;
        let options = arguments.options(&named, &input)?;
        let program = progress::during("compiling the model", general, || {
            compile::compile(&input.model, &options)
        })?;
        return text::print(&program.to_string());
    }
    let answer = progress::during("compiling the model", general, || {
        generate(arguments, &named, folder, &[])
    })?;
    if general.json {
        text::print(&super::to_json(&answer)?)
    } else if general.quiet {
        Ok(())
    } else {
        text::print(&describe(&answer))
    }
}

/// Makes and writes the files of one model, none of them over these others.
fn generate(
    arguments: &Arguments,
    named: &Named,
    folder: &Path,
    others: &[PathBuf],
) -> Result<Answer> {
    let input = named.read()?;
    let extras = Extras::read(named, &arguments.companions)?;
    // What was given besides the model has to fit it, whatever else can be made.
    let facts = GraphFacts::of_model(&input.model, extras.io_spec(), extras.labels.as_deref())?;
    let options = arguments.options(named, &input)?;
    let examined = compile::examine(&input.model, &options);
    examined.check_limits()?;
    let section = arguments
        .section
        .as_ref()
        .or(named.settings.section.as_ref());
    section.map(|name| checked_section(name)).transpose()?;
    let report = Report::new(&input.model, &examined);
    let arena = match named.settings.shapes.is_empty() {
        true => Some(arguments.interpreter.need(&input.model)?),
        false => None,
    };
    let wish = arguments.name.as_deref();
    let labels = facts.outputs.into_iter().next().map(|output| output.labels);
    let (files, skipped) = Job {
        arguments,
        named,
        folder,
        input: &input,
        extras: &extras,
        name: rust::module_name(wish.unwrap_or(named.stem(&input.model))),
        arena: arena.as_ref(),
        examined: &examined,
        target: options.target,
        report: &report,
    }
    .write(labels.unwrap_or_default(), others)?;
    Ok(Answer {
        report,
        files,
        tflm_arena: arena,
        skipped,
    })
}

impl<'a> Job<'a> {
    fn write(
        &self,
        labels: Vec<String>,
        others: &[PathBuf],
    ) -> Result<(Vec<Written>, Vec<Skipped>)> {
        let made = self.make(labels)?;
        if self.arguments.strict {
            made.check()?;
        }
        let Made {
            mut outputs,
            skipped,
        } = made;
        let mut sources = vec![self.input.path.clone()];
        sources.extend(self.extras.files.iter().cloned());
        sources.extend(self.arguments.compiled.files());
        outputs.force = self.arguments.force;
        outputs.named_by_us(0);
        let engine = match self.module() {
            Ok(program) => ComputedBy::Castiron {
                program,
                target: self.target,
                linked: None,
            },
            Err(_) => ComputedBy::Tflm {
                kernels: self.arguments.interpreter.kernels(),
                other_revision: None,
            },
        };
        let sbom = &self.arguments.sbom;
        sbom.add(&mut outputs, &self.name, self.input, engine)?;
        outputs.add_depfile(&self.arguments.depfile, &sources)?;
        sources.extend_from_slice(others);
        Ok((outputs.write(&sources)?, skipped))
    }

    fn make(&self, labels: Vec<String>) -> Result<Made<'a>> {
        let mut made = Made {
            outputs: Outputs::default(),
            skipped: Vec::new(),
        };
        self.check_asked()?;
        self.rust(labels, &mut made);
        match self.arena {
            Some(arena) => self.interpreted(arena, &mut made),
            None => {
                for what in [HEADER, KENNING_HEADER, RESOLVER] {
                    made.skip(what, &reshaped(&self.named.settings.shapes).into());
                }
            }
        }
        self.plans(&mut made)?;
        let report = super::to_json(self.report)?;
        let path = self.path("report.json");
        made.outputs.add_bytes("report", path, report);
        Ok(made)
    }

    /// What is for TFLM's interpreter.
    fn interpreted(&self, arena: &ArenaNeed, made: &mut Made<'a>) {
        self.c_header(HeaderStyle::Standalone, HEADER, arena, made);
        self.c_header(HeaderStyle::Kenning, KENNING_HEADER, arena, made);
        let mut options = ResolverOptions::default();
        options.arenas = vec![arena.clone()];
        options.custom = self.arguments.custom.custom.clone();
        let resolver = Resolver::new([&self.input.model], &options);
        if let Some(header) = made.or_skip(RESOLVER, resolver.and_then(|r| r.to_header())) {
            let path = self.path("ops_resolver.h");
            made.outputs.add_bytes(RESOLVER, path, header);
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// What the Rust module is made of, if there can be one.
    fn module(&self) -> Result<&'a Program, Error> {
        let program = self.examined.program.as_ref().map_err(Error::clone)?;
        rust::check_operators(program)?;
        Ok(program)
    }

    /// That the module can have what it is asked to have. Without, it would be another one than is wanted.
    fn check_asked(&self) -> Result<(), Error> {
        let Ok(program) = self.module() else {
            return Ok(());
        };
        if self.arguments.server.is_some() {
            rust::check_server(program)?;
        }
        if self.has_steps() {
            rust::check_steps(program)?;
        }
        Ok(())
    }

    /// Whether the Rust module has a run in parts.
    fn has_steps(&self) -> bool {
        self.arguments.steps || self.named.settings.steps.unwrap_or_default()
    }

    fn section(&self) -> Option<String> {
        let own = self.arguments.section.clone();
        own.or(self.named.settings.section.clone())
    }

    fn rust(&self, labels: Vec<String>, made: &mut Made<'a>) {
        let program = match self.module() {
            Ok(program) => program,
            Err(error) => return made.skip(RUST, &error),
        };
        let weights = format!("{}.weights.bin", self.name);
        let mut options = RustOptions::default();
        options.labels = labels;
        options.section = self.section();
        options.steps = self.has_steps();
        options.verify = self.arguments.verify || self.named.settings.verify.unwrap_or_default();
        options.constants_file = Some(weights.clone());
        options.server =
            (self.arguments.server).map(|Server::Kenning| KenningServer::of(&self.input.bytes));
        let path = self.path(&format!("{}.rs", self.name));
        let module = rust::file(program, &options);
        made.outputs.add_bytes(RUST, &path, module);
        let bytes = program.constants.bytes();
        let at = self.path(&weights);
        made.outputs
            .add("packed weights", at, move |out| out.write_all(bytes));
        made.outputs.made_with(path);
    }

    fn c_header(
        &self,
        style: HeaderStyle,
        what: &'static str,
        arena: &ArenaNeed,
        made: &mut Made<'a>,
    ) {
        let kenning = style == HeaderStyle::Kenning;
        let mut options = HeaderOptions::default();
        options.style = style;
        // Kenning's own name is its text, where only a wish counts.
        options.name = match kenning {
            true => (self.arguments.name.clone()).or(self.named.entry.clone()),
            false => Some(self.name.clone()),
        };
        options.section = self.section();
        options.labels = self.extras.labels.clone();
        options.io_spec = self.extras.io_spec();
        options.arena = (!kenning).then(|| arena.clone());
        let header = c_header(&self.input.model, &self.input.bytes, &options);
        let Some(CHeader { header, source }) = made.or_skip(what, header) else {
            return;
        };
        let path = self.path(&header.file_name);
        header::add(&mut made.outputs, what, path, header);
        if let Some(source) = source {
            let path = self.path(&source.file_name);
            header::add(&mut made.outputs, "C source", path, source);
        }
    }

    /// A picture and the numbers for each subgraph that a user can run.
    fn plans(&self, made: &mut Made<'a>) -> Result<()> {
        let model = &self.input.model;
        for index in model.entry_graphs() {
            let plan = self.examined.plan(index);
            let plan = plan.map_err(|error| error.in_file(&model.file));
            let Some(plan) = made.or_skip("plan", plan) else {
                continue;
            };
            let stem = Plan::file_stem(index);
            let json = super::to_json(&plan)?;
            let path = self.path(&format!("{stem}.json"));
            made.outputs.add_bytes("plan", path, json);
            let path = self.path(&format!("{stem}.svg"));
            let picture = plan.to_svg_file(model.stem(), index);
            made.outputs.add_bytes("picture of the plan", path, picture);
        }
        Ok(())
    }
}

impl Made<'_> {
    fn skip(&mut self, what: &'static str, error: &Error) {
        self.skipped.push(Skipped {
            what,
            diagnostics: error.diagnostics().to_vec(),
        });
    }

    fn or_skip<T>(&mut self, what: &'static str, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.skip(what, &error)).ok()
    }

    /// Fails if anything was left out.
    fn check(&self) -> Result<()> {
        let all = self.skipped.iter().flat_map(|s| s.diagnostics.clone());
        match Error::from_many(all.collect()) {
            Some(error) => Err(Failure::Model(error)),
            None => Ok(()),
        }
    }
}

/// Why there is nothing for TFLM's interpreter.
fn reshaped(shapes: &[InputShape]) -> Diagnostic {
    let shapes: Vec<String> = shapes.iter().map(InputShape::to_string).collect();
    Diagnostic::new("TensorFlow Lite Micro uses the shapes in the file")
        .expected("a model without --shape")
        .found(format_args!("--shape {}", shapes.join(" --shape ")))
        .help("convert the model with fixed shapes, or use the Rust module or `castiron lib`")
}

fn describe(answer: &Answer) -> String {
    let mut out = inspect::describe(&answer.report);
    out.push('\n');
    out += &file_table(&answer.files);
    out += &super::arena::unknown(answer.tflm_arena.as_slice());
    if !answer
        .skipped
        .iter()
        .any(|skipped| skipped.what == RESOLVER)
    {
        out += &inspect::of_tflm(&answer.report);
    }
    for skipped in &answer.skipped {
        out += &format!("\n{}", heading(format_args!("Not made: {}", skipped.what)));
        out += &text::problems(&skipped.diagnostics);
    }
    out
}
