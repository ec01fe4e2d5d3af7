//! `castiron report`.

use std::fs;
use std::path::{Path, PathBuf};

use castiron_board::clock::Clock;
use castiron_board::fit::Board;
use castiron_codegen::compile::CompileOptions;
use castiron_codegen::error::{Diagnostic, Error};
use castiron_report::data::{Model, Report};
use castiron_report::{Candidate, Draft, Folder, Measured, Place, Settings, Source};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::fit;
use crate::args::{Compiled, Depfile, Firmware, General, SeveralOps, Shapes};
use crate::diagnostics;
use crate::failure::{Failure, Result};
use crate::output::Outputs;
use crate::progress;
use crate::project::Named;
use crate::text;

const EXAMPLES: &str = "\
Examples:
  castiron report vae.tflite -o report.html
  castiron report float.tflite int8.tflite --goldens cases --format md
  castiron report models/*.tflite --board nucleo_f401re -o report.html
  castiron report automl_results --board stm32f746g_disco --application-size 90 -o report.html
  castiron generate \"$(castiron report automl_results --board nucleo_f401re --pick)\" --out-dir out

The page is one file that needs no network. The JSON has the same data; docs/report.schema.json is
its schema. A folder is that of the models, or the results of Kenning's AutoML: then its
configurations, measurements and statistics say how good candidates are. The best model that fits
is first: of the highest quality, else the first in Kenning's order, else with the shortest run,
else with the least memory.

--pick prints the path of the best, and on standard error by what it is the best. A model that
cannot be read is part of the report, which is still written; the exit code is then that of its
error. The same holds for --pick. An empty folder is an error.";

/// Draw a model, or compare several, as one HTML page
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The models, or one folder that has them
    #[arg(value_name = "MODEL|FOLDER", required = true)]
    models: Vec<PathBuf>,
    /// The board, by the name of its Zephyr target [default: the one that Kenning made the candidates for]
    #[arg(long, value_name = "NAME")]
    board: Option<String>,
    /// Read the board's memories from a build's flattened devicetree
    #[arg(long, value_name = "FILE")]
    dts: Option<PathBuf>,
    /// RAM of the application around a model, in KB, as Kenning counts it [default: Kenning's, else 0]
    #[arg(long, value_name = "KB")]
    application_size: Option<u32>,
    /// Flash of everything except the model and its engine, in KB
    #[arg(long, value_name = "KB", default_value_t = 0)]
    app_flash: u32,
    /// The processor's clock, as 168M [default: the devicetree's, or the most that the board's chip allows, if castiron knows it]
    #[arg(long, value_name = "HZ")]
    clock: Option<Clock>,
    /// Run models with the recorded cases in this folder, and compare outputs: MODEL.safetensors, or a folder of the model's name
    #[arg(long, value_name = "DIR")]
    goldens: Option<PathBuf>,
    /// Form of the report [default: by the ending of --output, else html]
    #[arg(long, value_enum)]
    format: Option<Form>,
    /// Write to this file; - for standard output, which is the default of all forms but HTML
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print the path of the best model that fits, and nothing else
    #[arg(long, conflicts_with_all = ["output", "format"])]
    pick: bool,
    #[command(flatten)]
    compiled: Compiled,
    #[command(flatten)]
    firmware: Firmware,
    #[command(flatten)]
    depfile: Depfile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One page that needs nothing else
    Html,
    /// Text with tables
    Md,
    /// The data of the page
    Json,
    /// A row for each model
    Csv,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let to = arguments.destination()?;
    if let Some(folder) = &arguments.goldens {
        fs::read_dir(folder).map_err(|e| Failure::io("read", folder, &e))?;
    }
    let (found, named) = arguments.found()?;
    diagnostics::warn(&found.problems);
    let models: Vec<PathBuf> = found.candidates.iter().map(|c| c.path.clone()).collect();
    let mut sources: Vec<PathBuf> = models.iter().chain(&found.files).cloned().collect();
    let place = arguments.place(&found, &named, &mut sources)?;
    let mut gathering = Gathering {
        shapes: arguments.compiled.shapes(&models),
        ops: arguments.firmware.of_several(&models),
        settings: Settings {
            compile: CompileOptions::default(),
            place,
            clock: arguments.clock,
            goldens: arguments.goldens.clone(),
        },
        draft: Draft::default(),
    };
    sources.extend(arguments.compiled.files());
    found
        .problems
        .iter()
        .for_each(|d| gathering.draft.problem(d));
    let mut failures = Vec::new();
    let names = named.iter().map(|model| match &model.entry {
        Some(name) => name.clone(),
        None => model.path.display().to_string(),
    });
    let names: Vec<String> = names.collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // Models as the draft counts them: those that could be read.
    let mut read = Vec::new();
    progress::stages(general, |say| {
        let candidates = found.candidates.iter().zip(&named);
        for ((candidate, model), name) in candidates.zip(text::short_paths(&names)) {
            say(&format!("compiling {}", text::name(name)));
            match gathering.add(candidate, model, name) {
                Ok(()) => read.push(&candidate.path),
                Err(failure) => {
                    failure
                        .diagnostics()
                        .iter()
                        .for_each(|d| gathering.draft.problem(d));
                    failures.push(failure);
                }
            }
        }
    });
    if failures.is_empty() {
        gathering.shapes.check_used()?;
        gathering.ops.check_used()?;
    }
    if read.is_empty() {
        return Failure::of_several(failures);
    }
    let report = gathering.draft.finish(&gathering.settings, found.run);
    if arguments.pick {
        pick(&report, &read, general)?;
        return Failure::of_several(failures);
    }
    let mut outputs = Outputs::default();
    outputs.add_bytes("report", &to, arguments.written(&report)?);
    super::write(outputs, &arguments.depfile, &sources, general)?;
    Failure::of_several(failures)
}

/// Prints the path of the best model, and beside it by what it is the best.
fn pick(report: &Report, read: &[&PathBuf], general: &General) -> Result<()> {
    let best = match (&report.choice, &report.models[..]) {
        // There is nothing to choose from, but it has to fit all the same.
        (None, [only]) => Some(only).filter(|only| only.unfit().is_none()),
        (Some(choice), models) => choice.model.and_then(|index| models.get(index)),
        (None, _) => None,
    };
    let reason = report.choice.as_ref().map(|choice| choice.reason.clone());
    let found = best.and_then(|best| Some((best, read.get(best.position)?)));
    let Some((best, path)) = found else {
        let unfit = || {
            let only = report.models.first().and_then(Model::unfit);
            only.map(|why| format!("one that {why}"))
        };
        let problem = Diagnostic::new("there is no model to pick")
            .found(reason.or_else(unfit).unwrap_or_default())
            .help("`castiron report` without --pick says what each of them takes");
        return Err(problem.into());
    };
    if let Some(reason) = reason.filter(|_| !general.quiet) {
        diagnostics::note(format!("picked {}: {reason}", text::name(&best.name)));
    }
    if !general.json {
        // To the byte: a path need not be text.
        return text::print_bytes(&[path.as_os_str().as_encoded_bytes(), b"\n"].concat());
    }
    let Some(path) = path.to_str() else {
        let problem = Diagnostic::new("the path of the best model is no UTF-8, and JSON is")
            .found(path.display())
            .help("leave out --json");
        return Err(problem.into());
    };
    text::print(&super::to_json(&Picked { path })?)
}

/// What `--pick` says as JSON.
#[derive(Serialize)]
struct Picked<'a> {
    path: &'a str,
}

/// What models are added to, and what with.
struct Gathering<'a> {
    shapes: Shapes<'a>,
    ops: SeveralOps,
    settings: Settings,
    draft: Draft,
}

impl Gathering<'_> {
    fn add(&mut self, candidate: &Candidate, named: &Named, name: &str) -> Result<()> {
        let input = self.shapes.model(named)?;
        self.settings.compile = match &self.settings.place {
            Some(place) => named.options_for(Some(&place.board)),
            None => named.options()?,
        };
        self.settings.compile.custom = self.ops.of(&input.model);
        let source = Source {
            name,
            model: &input.model,
            bytes: &input.bytes,
        };
        let measured = Measured::clone(&candidate.measured);
        Ok(self.draft.add(&source, &self.settings, measured)?)
    }
}

impl Arguments {
    /// The form that is asked for, or that the file's name says.
    fn form(&self) -> Form {
        let ending = self.output.as_deref().and_then(Path::extension);
        let named = || Form::from_str(ending?.to_str()?, true).ok();
        self.format.or_else(named).unwrap_or(Form::Html)
    }

    /// Where the report goes.
    fn destination(&self) -> Result<PathBuf> {
        let stdout = PathBuf::from("-");
        match (&self.output, self.form(), self.pick) {
            (_, _, true) => Ok(stdout),
            (Some(path), ..) => Ok(path.clone()),
            (None, Form::Html, _) => Err(Failure::usage(
                "the page needs a file",
                "write `-o report.html`, or `-o -` for standard output",
            )),
            (None, ..) => Ok(stdout),
        }
    }

    /// The models, of a folder with what is beside them, and what is said of each.
    fn found(&self) -> Result<(Folder, Vec<Named>)> {
        let is_folder = |named: &&Named| {
            named.entry.is_none()
                && named.path.is_dir()
                && !named.path.join("saved_model.pb").is_file()
        };
        let named = self.compiled.several(&self.models, None)?;
        let folder = named.iter().find(is_folder);
        if let Some(folder) = folder.filter(|_| named.len() > 1) {
            return Err(Failure::usage(
                format!(
                    "a folder is reported by itself, and {:?} is one of several",
                    folder.path.display().to_string()
                ),
                "leave out the others, or name the models in it: FOLDER/*.tflite",
            ));
        }
        match folder {
            Some(model) => {
                let folder = Folder::read(&model.path)?;
                let paths = folder.candidates.iter().map(|c| c.path.clone());
                let in_folder = |path| Named {
                    path,
                    ..model.clone()
                };
                let named = paths.map(in_folder).collect();
                Ok((folder, named))
            }
            None => {
                let candidates = named.iter().map(|model| Candidate {
                    path: model.path.clone(),
                    measured: Measured::default(),
                });
                let folder = Folder {
                    candidates: candidates.collect(),
                    ..Folder::default()
                };
                Ok((folder, named))
            }
        }
    }

    /// The board that castiron.toml names, if it is that of all models.
    fn common_board(named: &[Named]) -> Result<Option<Board>> {
        let mut names = named.iter().map(Named::board_name);
        let first = names.next();
        match named {
            [model, ..] if names.all(|other| Some(other) == first) => model.board(),
            _ => {
                diagnostics::note(
                    "the models have different boards, so that none is checked: --board names one for all",
                );
                Ok(None)
            }
        }
    }

    /// The board, and what is on it besides a model.
    fn place(
        &self,
        found: &Folder,
        named: &[Named],
        sources: &mut Vec<PathBuf>,
    ) -> Result<Option<Place>> {
        let board = match (&self.board, &self.dts, &found.board) {
            (None, None, None) => Self::common_board(named)?,
            // Kenning knows boards that castiron does not.
            (None, None, Some(name)) => Board::known(name).ok(),
            (name, dts, _) => Some(fit::board(name.as_deref(), None, dts.as_deref(), sources)?),
        };
        let Some(board) = board else {
            let (option, help) = match (self.application_size, self.app_flash) {
                (Some(_), _) => ("--application-size", "name the board with --board or --dts"),
                (None, 1..) => ("--app-flash", "name the board with --board or --dts"),
                (None, 0) => return Ok(None),
            };
            return Err(Failure::usage(
                format!("{option} says what a board has to have, and there is none"),
                help,
            ));
        };
        if board.ram_bytes.is_none() {
            let unknown = Diagnostic::new("the size of the board's RAM is unknown")
                .found(format!("{} in {}", board.name, board.source))
                .help("give the zephyr.dts of a build for the board with --dts");
            return Err(unknown.into());
        }
        let kilobytes = |size: u32| u64::from(size) * 1024;
        Ok(Some(Place {
            board,
            application_flash: kilobytes(self.app_flash),
            application_ram: self
                .application_size
                .map(kilobytes)
                .or(found.application_bytes)
                .unwrap_or_default(),
        }))
    }

    fn written(&self, report: &Report) -> Result<Vec<u8>> {
        Ok(match self.form() {
            Form::Html => castiron_report::html(report)
                .map_err(Error::from)?
                .into_bytes(),
            Form::Md => castiron_report::markdown(report).into_bytes(),
            Form::Json => super::to_json(report)?.into_bytes(),
            Form::Csv => castiron_report::table(report),
        })
    }
}
