//! `castiron generate`.

use std::path::PathBuf;

use castiron_codegen::emit::c_header::{CHeader, HeaderOptions, HeaderStyle, c_header};
use castiron_codegen::emit::facts::GraphFacts;
use castiron_codegen::emit::resolver::{Resolver, ResolverOptions};
use castiron_codegen::emit::rust::{self, RustOptions};
use castiron_codegen::error::{Diagnostic, Error};
use castiron_codegen::lower::{self, CompileOptions, Program};
use castiron_codegen::plan::{Plan, PlanOptions};
use castiron_codegen::report::Report;
use castiron_codegen::tflm::arena::ArenaNeed;
use clap::Args;
use serde::Serialize;

use super::arena::Interpreter;
use super::resolver::CustomOps;
use super::{file_table, header, inspect};
use crate::args::{Companions, Depfile, General};
use crate::failure::{Failure, Result};
use crate::input::{self, Extras, ModelFile};
use crate::output::{Outputs, Written};
use crate::progress;
use crate::text::{self, heading};

const EXAMPLES: &str = "\
Files, for a model vae.tflite:
  vae.rs, vae.weights.bin   the compiled engine's Rust module and its packed weights
  vae_model.h, vae_model.c  the model as C
  model_data.h              the model as Kenning Zephyr Runtime wants it
  ops_resolver.h            TensorFlow Lite Micro's operators that the model needs
  plan.svg, plan.json       the arena, and plan_N.svg, plan_N.json for further subgraphs
  report.json               what `inspect --json` prints

What cannot be made of this model is listed with the reason, and the exit code is 0 all the same.
With --strict, nothing is written and the exit code is 1 if anything would be left out.

Examples:
  castiron generate vae.tflite --out-dir generated
  castiron generate kws.tflite --labels labels.txt --strict --json --out-dir generated";

/// Make everything there is to make of a model, in one folder
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The model
    model: PathBuf,
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
    /// Name of files, of the module and of the C prefix [default: the model's]
    #[arg(long)]
    name: Option<String>,
    /// Linker section of weights and of the model's bytes
    #[arg(long)]
    section: Option<String>,
    /// Fail unless everything can be made
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    custom: CustomOps,
    #[command(flatten)]
    companions: Companions,
    #[command(flatten)]
    interpreter: Interpreter,
    #[command(flatten)]
    depfile: Depfile,
}

/// What a run has made and what it could not make.
#[derive(Serialize)]
struct Answer<'a> {
    report: &'a Report,
    files: Vec<Written>,
    tflm_arena: &'a ArenaNeed,
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
    input: &'a ModelFile,
    extras: &'a Extras,
    name: String,
    /// The arena of TFLM's interpreter.
    arena: ArenaNeed,
    compiled: &'a Result<Program, Error>,
    report: &'a Report,
}

/// Files made so far, and what was left out.
struct Made<'a> {
    outputs: Outputs<'a>,
    skipped: Vec<Skipped>,
}

const RUST: &str = "Rust module";
const RESOLVER: &str = "TFLM resolver";

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    arguments.interpreter.check()?;
    let input = input::model(&arguments.model)?;
    let extras = Extras::read(&input.path, &arguments.companions)?;
    // What was given besides the model has to fit it, whatever else can be made.
    let facts = GraphFacts::of_model(&input.model, extras.io_spec(), extras.labels.as_deref())?;
    let options = CompileOptions::default();
    let (compiled, report) = progress::during("compiling the model", general, || {
        let compiled = lower::compile(&input.model, &options);
        let report = Report::new(&input.model, &compiled, &options.plan);
        (compiled, report)
    });
    let wish = arguments.name.as_deref().unwrap_or(input.model.stem());
    let job = Job {
        arguments,
        input: &input,
        extras: &extras,
        name: rust::module_name(wish),
        arena: arguments.interpreter.need(&input.model)?,
        compiled: &compiled,
        report: &report,
    };
    let labels = facts.outputs.into_iter().next().map(|output| output.labels);
    let made = job.make(labels.unwrap_or_default(), &options.plan)?;
    if arguments.strict {
        made.check()?;
    }
    let Made {
        mut outputs,
        skipped,
    } = made;
    let mut sources = vec![input.path.clone()];
    sources.extend(extras.files.iter().cloned());
    outputs.add_depfile(&arguments.depfile, &sources)?;
    let answer = Answer {
        report: &report,
        files: outputs.write()?,
        tflm_arena: &job.arena,
        skipped,
    };
    if general.json {
        text::print(&super::to_json(&answer)?)
    } else if general.quiet {
        Ok(())
    } else {
        text::print(&describe(&answer))
    }
}

impl<'a> Job<'a> {
    fn make(&self, labels: Vec<String>, options: &PlanOptions) -> Result<Made<'a>> {
        let mut made = Made {
            outputs: Outputs::default(),
            skipped: Vec::new(),
        };
        self.rust(labels, &mut made);
        self.c_header(HeaderStyle::Standalone, "C header", &mut made);
        self.c_header(HeaderStyle::Kenning, "Kenning header", &mut made);
        let resolver = Resolver::new(
            [&self.input.model],
            &ResolverOptions {
                arenas: vec![self.arena.clone()],
                custom: self.arguments.custom.custom.clone(),
                ..ResolverOptions::default()
            },
        );
        if let Some(header) = made.or_skip(RESOLVER, resolver.and_then(|r| r.to_header())) {
            let path = self.path("ops_resolver.h");
            made.outputs.add_bytes(RESOLVER, path, header);
        }
        self.plans(options, &mut made)?;
        let report = super::to_json(self.report)?;
        let path = self.path("report.json");
        made.outputs.add_bytes("report", path, report);
        Ok(made)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.arguments.out_dir.join(file)
    }

    fn rust(&self, labels: Vec<String>, made: &mut Made<'a>) {
        let program = match self.compiled {
            Ok(program) => program,
            Err(error) => return made.skip(RUST, error),
        };
        let weights = format!("{}.weights.bin", self.name);
        let options = RustOptions {
            labels,
            section: self.arguments.section.clone(),
            constants_file: Some(weights.clone()),
            ..RustOptions::default()
        };
        let path = self.path(&format!("{}.rs", self.name));
        let module = rust::file(program, &options);
        made.outputs.add_bytes(RUST, path, module);
        let bytes = program.constants.bytes();
        let path = self.path(&weights);
        made.outputs
            .add("packed weights", path, move |out| out.write_all(bytes));
    }

    fn c_header(&self, style: HeaderStyle, what: &'static str, made: &mut Made<'a>) {
        let kenning = style == HeaderStyle::Kenning;
        let options = HeaderOptions {
            style,
            // Kenning's own name is its text, where only a wish counts.
            name: match kenning {
                true => self.arguments.name.clone(),
                false => Some(self.name.clone()),
            },
            section: self.arguments.section.clone(),
            labels: self.extras.labels.clone(),
            io_spec: self.extras.io_spec(),
            arena: (!kenning).then(|| self.arena.clone()),
            ..HeaderOptions::default()
        };
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
    fn plans(&self, options: &PlanOptions, made: &mut Made<'a>) -> Result<()> {
        let model = &self.input.model;
        let mut graphs: Vec<usize> = model.signatures.iter().map(|s| s.graph).collect();
        graphs.push(0);
        graphs.sort_unstable();
        graphs.dedup();
        for index in graphs {
            let Some(plan) = made.or_skip("plan", self.plan(index, options)) else {
                continue;
            };
            let (stem, title) = match index {
                0 => ("plan".to_owned(), model.stem().to_owned()),
                _ => (
                    format!("plan_{index}"),
                    format!("{}, subgraph {index}", model.stem()),
                ),
            };
            let json = super::to_json(&plan)?;
            let path = self.path(&format!("{stem}.json"));
            made.outputs.add_bytes("plan", path, json);
            let path = self.path(&format!("{stem}.svg"));
            made.outputs
                .add_bytes("picture of the plan", path, plan.to_svg(&title));
        }
        Ok(())
    }

    fn plan(&self, index: usize, options: &PlanOptions) -> Result<Plan, Error> {
        let entries = self.compiled.as_ref().map_or(&[][..], |p| &p.entries);
        if let Some(entry) = entries.iter().find(|e| e.graph == index) {
            return Ok(entry.plan.clone());
        }
        let model = &self.input.model;
        let graph = model.graphs.get(index).ok_or_else(|| {
            Error::from(Diagnostic::new("the model has no subgraph")).in_file(&model.file)
        })?;
        lower::plan_graph(graph, options)
            .map(|(_, plan)| plan)
            .map_err(|e| e.in_file(&model.file).in_subgraph(index))
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

fn describe(answer: &Answer<'_>) -> String {
    let mut out = inspect::describe(answer.report);
    out.push('\n');
    out += &file_table(&answer.files);
    out += &super::arena::unknown(std::slice::from_ref(answer.tflm_arena));
    for skipped in &answer.skipped {
        out += &format!("\n{}", heading(format_args!("Not made: {}", skipped.what)));
        out += &text::problems(&skipped.diagnostics);
    }
    out
}
