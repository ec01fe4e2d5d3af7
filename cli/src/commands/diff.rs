//! `castiron diff`.

use std::path::PathBuf;

use castiron_codegen::error::{Diagnostic, Error};
use castiron_codegen::files;
use castiron_report::diff::{Breach, Diff, Limit, Side, markdown, parts};
use castiron_report::{Draft, Measured, Settings, Source};
use clap::{Args, ValueEnum};

use super::Answer;
use crate::args::{Compiled, Destination, Firmware, General, OnLimit, SeveralOps, Shapes};
use crate::diagnostics;
use crate::failure::{Failure, Result};
use crate::input;
use crate::output::Outputs;
use crate::progress;
use crate::project::Named;
use crate::text;

const EXAMPLES: &str = "\
Examples:
  castiron diff old/kws.tflite kws.tflite
  castiron diff old/kws.tflite kws.tflite --isa dsp --format md -o comment.md
  castiron report models/*.tflite --isa dsp --format json -o main.json
  castiron diff main.json branch.json --fail-over arena=2%,flash=1k,macs=0

OLD and NEW are models, or what `castiron report --format json` wrote, also of another castiron.
Reports of several models are compared model by model, by their names. The options for castiron's
kernels hold for both models, and not for reports, which were made with others.

An operator is the same as another by what it computes, its shapes, its name and its constants, as
far as they agree in the order of both.

--fail-over gives the most that a figure may grow: by a part of what it was, as 2%, or by a number,
as 512, 1k or 1M, where k is 1024. castiron writes the comparison all the same, and the exit code is
1. docs/diff.schema.json is the schema of the JSON.";

/// Say what changed between two models, or two builds
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// What it was: a model, or a report as JSON
    old: PathBuf,
    /// What it is now
    new: PathBuf,
    /// Form of the comparison [default: by the ending of --output, else text]
    #[arg(long, value_enum)]
    format: Option<Form>,
    /// Fail if a figure grows by more: arena=2%,flash=1k,macs=0
    #[arg(long, value_name = "FIGURE=GROWTH", value_delimiter = ',')]
    fail_over: Vec<Limit>,
    #[command(flatten)]
    limits: OnLimit,
    #[command(flatten)]
    to: Destination,
    #[command(flatten)]
    compiled: Compiled,
    #[command(flatten)]
    firmware: Firmware,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Text with tables
    #[value(alias = "txt")]
    Text,
    /// The same for a pull request
    Md,
    /// Data
    Json,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let paths = [&arguments.old, &arguments.new];
    if paths.iter().all(|path| input::is_stdin(path)) {
        return Err(Failure::usage(
            "OLD and NEW are both standard input",
            "name a file for one of them",
        ));
    }
    let models = paths.map(PathBuf::clone);
    let named = arguments.compiled.several(&models, None)?;
    let names = paths.map(|path| path.display().to_string());
    let short = text::short_paths(&[&names[0], &names[1]]);
    let models: Vec<PathBuf> = named.iter().map(|model| model.path.clone()).collect();
    let mut gathering = Gathering {
        shapes: arguments.compiled.shapes(&models),
        ops: arguments.firmware.of_several(&models),
        settings: Settings::default(),
        compiled: 0,
        beyond: Vec::new(),
    };
    let sides = progress::during("compiling the models", general, || {
        let old = gathering.side(&named[0], short[0])?;
        // What was is no build any more: limits are for what is.
        gathering.beyond.clear();
        Ok::<_, Failure>((old, gathering.side(&named[1], short[1])?))
    })?;
    gathering.check_used(&arguments.compiled)?;
    let mut diff = Diff::new(&sides.0, &sides.1);
    let unchecked = diff.hold(&arguments.fail_over);
    diagnostics::warn(&unchecked);
    let answer = Answer {
        what: "comparison",
        text: match arguments.form() {
            Form::Text => described(&diff),
            Form::Md => markdown(&diff),
            Form::Json => super::to_json(&diff)?,
        },
        json: &diff,
    };
    let mut sources = models.clone();
    sources.extend(arguments.compiled.files());
    let written = super::answer(
        Outputs::default(),
        &answer,
        &arguments.to,
        &sources,
        general,
    );
    let grown = Error::from_many(diff.breaches.iter().map(breach).collect());
    let beyond = arguments.limits.hold(gathering.beyond).err();
    let failures: Vec<Failure> = grown
        .map(Failure::Model)
        .into_iter()
        .chain(beyond)
        .collect();
    match written {
        // Whoever wants no more of the comparison is told of limits all the same.
        Ok(()) | Err(Failure::Closed) if !failures.is_empty() => Failure::of_several(failures),
        written => written,
    }
}

fn breach(breach: &Breach) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(breach.to_string());
    diagnostic.place.file = Some(breach.model.clone());
    diagnostic
}

/// What sides are made with.
struct Gathering<'a> {
    shapes: Shapes<'a>,
    ops: SeveralOps,
    settings: Settings,
    /// How many of them are models, and not reports.
    compiled: usize,
    /// Limits that the last of these does not keep.
    beyond: Vec<Diagnostic>,
}

impl Gathering<'_> {
    fn side(&mut self, named: &Named, name: &str) -> Result<Side> {
        let path = &named.path;
        let bytes = input::bytes(path, files::MOST_OF_A_MODEL)?;
        if Side::is_json(&bytes) {
            return Ok(Side::parse(&path.display().to_string(), &bytes)?);
        }
        self.compiled += 1;
        let input = self.shapes.shaped(named, input::parse(path, bytes)?)?;
        (self.settings.compile, self.settings.is_supposed) = named.supposed_options()?;
        self.settings.compile.custom = self.ops.of(&input.model);
        let source = Source {
            name,
            model: &input.model,
            bytes: &input.bytes,
        };
        let mut draft = Draft::default();
        draft.add(&source, &self.settings, Measured::default())?;
        self.beyond = draft.beyond_limits().to_vec();
        Ok(Side::of(name, &draft.finish(&self.settings, None))?)
    }

    /// Fails if an option was for no model.
    fn check_used(&self, compiled: &Compiled) -> Result<()> {
        if self.compiled == 0 && *compiled != Compiled::default() {
            return Err(Failure::usage(
                "options say how models are compiled, and OLD and NEW are both reports",
                "omit them here, and give them to `castiron report`",
            ));
        }
        self.shapes.check_used()?;
        self.ops.check_used()
    }
}

impl Arguments {
    /// The form that is asked for, or that the file's name says.
    fn form(&self) -> Form {
        let ending = self.to.output.extension();
        let named = || Form::from_str(ending?.to_str()?, true).ok();
        self.format.or_else(named).unwrap_or(Form::Text)
    }
}

fn described(diff: &Diff) -> String {
    let mut out = String::new();
    // What goes on with the title stands below it.
    let mut is_title = false;
    for part in parts(diff, text::name) {
        let goes_on = part.heading.is_none() && is_title;
        if !out.is_empty() && !goes_on {
            out.push('\n');
        }
        is_title = part.is_title;
        if let Some(heading) = &part.heading {
            out += &text::heading(heading);
        }
        for sentence in &part.sentences {
            out += &format!("{sentence}\n");
        }
        if !part.rows.is_empty() {
            out += &text::table(&part.header, part.rows);
        }
    }
    out
}
