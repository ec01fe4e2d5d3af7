//! `castiron report`.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use castiron_board::clock::Clock;
use castiron_board::fit::Board;
use castiron_codegen::compile::CompileOptions;
use castiron_codegen::error::{Diagnostic, Error};
use castiron_report::data::{Model, Report};
use castiron_report::{Candidate, Draft, Folder, Measured, Measurements, Place, Settings, Source};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::fit;
use crate::args::{Compiled, Depfile, Firmware, General, OnLimit, SeveralOps, Shapes};
use crate::diagnostics;
use crate::failure::{Failure, Result};
use crate::input;
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

--pick prints the path of the best, or its name in castiron.toml, and on standard error by what it
is the best. A model that cannot be read is part of the report, which is still written; the exit
code is then that of its error. The same holds for --pick. An empty folder is an error.

A model that takes more than a limit of castiron.toml or of options is an error, too, once the
report is written; --limits warn makes it a warning. --pick leaves such models out.";

/// Draw a model, or compare several, as one HTML page
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The models, or one folder that has them
    #[arg(value_name = "MODEL|FOLDER", required = true)]
    models: Vec<PathBuf>,
    /// A board, by the name of its Zephyr target; several are compared [default: the one that Kenning made the candidates for, or castiron.toml names]
    #[arg(long, value_name = "NAME")]
    board: Vec<String>,
    /// Read the board's memories from a build's flattened devicetree
    #[arg(long, value_name = "FILE")]
    dts: Option<PathBuf>,
    /// RAM of the application around a model, in KB, as Kenning counts it [default: Kenning's, else 0]
    #[arg(long, value_name = "KB")]
    application_size: Option<u32>,
    /// Flash of everything except the model and its engine, in KB
    #[arg(long, value_name = "KB", default_value_t = 0)]
    app_flash: u32,
    /// The processor's clock, as 168M [default: the devicetree's, or what Zephyr sets it to, if castiron knows it]
    #[arg(long, value_name = "HZ")]
    clock: Option<Clock>,
    /// Run models with the recorded cases in this folder, and compare outputs: MODEL.safetensors, or a folder of the model's name
    #[arg(long, value_name = "DIR")]
    goldens: Option<PathBuf>,
    /// Show instructions that were measured: of `castiron validate --csv` or `--json`, or `cargo xtask bench --json`; once for each file
    #[arg(long, value_name = "FILE")]
    measured: Vec<PathBuf>,
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
    limits: OnLimit,
    #[command(flatten)]
    compiled: Compiled,
    #[command(flatten)]
    firmware: Firmware,
    #[command(flatten)]
    depfile: Depfile,
}

/// Bytes of a file of measurements at most.
const MOST_OF_MEASUREMENTS: u64 = 1 << 26;

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
    /// A row for each operator of each model, as comma-separated values
    Operators,
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
    sources.extend(arguments.measured.iter().cloned());
    let measurements = arguments.measurements()?;
    let places = arguments.places(&found, &named, &mut sources)?;
    let mut gathering = Gathering {
        shapes: arguments.compiled.shapes(&models),
        ops: arguments.firmware.of_several(&models),
        settings: Settings {
            compile: CompileOptions::default(),
            place: None,
            clock: arguments.clock,
            goldens: arguments.goldens.clone(),
            is_supposed: false,
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
        let candidates = found.candidates.iter().zip(&named).zip(&places);
        for (((candidate, model), places), name) in candidates.zip(text::short_paths(&names)) {
            say(&format!("compiling {}", text::name(name)));
            match gathering.add(candidate, model, name, places) {
                Ok(()) => read.extend(places.iter().map(|_| model)),
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
    diagnostics::warn(&gathering.draft.measure(&measurements));
    if failures.is_empty() {
        gathering.shapes.check_used()?;
        gathering.ops.check_used()?;
    }
    if read.is_empty() {
        return Failure::of_several(failures);
    }
    let beyond = gathering.draft.beyond_limits().to_vec();
    let report = gathering.draft.finish(&gathering.settings, found.run);
    // Of several, those that keep their limits are what it picks from.
    if arguments.pick {
        pick(&report, &read, general)?;
        return Failure::of_several(failures);
    }
    let mut outputs = Outputs::default();
    outputs.add_bytes("report", &to, arguments.written(&report)?);
    super::write(outputs, &arguments.depfile, &sources, general)?;
    failures.extend(arguments.limits.hold(beyond).err());
    Failure::of_several(failures)
}

/// Prints the path of the best model, and beside it by what it is the best.
fn pick(report: &Report, read: &[&Named], general: &General) -> Result<()> {
    let best = match (&report.choice, &report.models[..]) {
        // There is nothing to choose from, but it has to fit all the same.
        (None, [only]) => Some(only).filter(|only| only.unfit().is_none()),
        (Some(choice), models) => choice.model.and_then(|index| models.get(index)),
        (None, _) => None,
    };
    let reason = report.choice.as_ref().map(|choice| choice.reason.clone());
    let found = best.and_then(|best| Some((best, read.get(best.position)?)));
    let Some((best, named)) = found else {
        let unfit = || {
            let only = report.models.first().and_then(Model::unfit);
            only.map(|why| format!("one that {why}"))
        };
        let problem = Diagnostic::new("there is no model to pick")
            .found(reason.or_else(unfit).unwrap_or_default())
            .help("`castiron report` without --pick says what each of them takes");
        return Err(problem.into());
    };
    if !general.quiet {
        let reason = reason.unwrap_or_else(|| match &best.board {
            Some(board) => format!("the only one, which fits on {board}"),
            None => "the only one, which compiles".to_owned(),
        });
        diagnostics::note(format!("picked {}: {reason}", text::name(&best.name)));
    }
    // A build that is given the entry's name takes what castiron.toml says of it, too.
    let entry = named.entry.as_deref();
    let path = named.path.as_os_str();
    if !general.json {
        // To the byte: a path need not be text.
        let model = entry.map_or(path.as_encoded_bytes(), str::as_bytes);
        return text::print_bytes(&[model, b"\n"].concat());
    }
    let Some(path) = path.to_str() else {
        let problem = Diagnostic::new("the path of the best model is no UTF-8, and JSON is")
            .found(named.path.display())
            .help("leave out --json");
        return Err(problem.into());
    };
    text::print(&super::to_json(&Picked {
        path,
        entry,
        board: best.board.as_deref(),
    })?)
}

/// What `--pick` says as JSON.
#[derive(Serialize)]
struct Picked<'a> {
    path: &'a str,
    /// Its name in castiron.toml.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    board: Option<&'a str>,
}

/// What models are added to, and what with.
struct Gathering<'a> {
    shapes: Shapes<'a>,
    ops: SeveralOps,
    settings: Settings,
    draft: Draft,
}

impl Gathering<'_> {
    /// Adds a model, once for each board.
    fn add(
        &mut self,
        candidate: &Candidate,
        named: &Named,
        name: &str,
        places: &[Option<Place>],
    ) -> Result<()> {
        let input = self.shapes.model(named)?;
        let custom = self.ops.of(&input.model);
        for place in places {
            let board = place.as_ref().map(|place| &place.board);
            (self.settings.compile, self.settings.is_supposed) = match board {
                Some(board) => (named.options_for(Some(board)), false),
                None => named.supposed_options()?,
            };
            self.settings.compile.custom = custom.clone();
            self.settings.place.clone_from(place);
            let on_board = board.filter(|_| places.len() > 1);
            let name = on_board.map_or_else(
                || name.to_owned(),
                |board| format!("{name} on {}", board.name),
            );
            let source = Source {
                name: &name,
                model: &input.model,
                bytes: &input.bytes,
            };
            let measured = Measured::clone(&candidate.measured);
            self.draft.add(&source, &self.settings, measured)?;
        }
        Ok(())
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

    /// The boards that each model is to fit on; none of one that nobody names a board for.
    fn places(
        &self,
        found: &Folder,
        named: &[Named],
        sources: &mut Vec<PathBuf>,
    ) -> Result<Vec<Vec<Option<Place>>>> {
        let mut boards = Vec::new();
        match (&self.board[..], &self.dts, &found.board) {
            ([], None, None) => return self.own_places(found, named),
            // Kenning knows boards that castiron does not.
            ([], None, Some(name)) => boards.extend(Board::known(name).ok()),
            ([], Some(dts), _) => boards.push(fit::board(None, None, Some(dts), sources)?),
            ([name], dts, _) => {
                boards.push(fit::board(Some(name), None, dts.as_deref(), sources)?);
            }
            (_, Some(_), _) => {
                return Err(Failure::usage(
                    "--dts is one board, and --board names several",
                    "name one, or leave out --dts",
                ));
            }
            (names, None, _) => {
                for name in names {
                    boards.push(fit::board(Some(name), None, None, sources)?);
                }
            }
        }
        // By what they are called, as a name may be given in short.
        let mut seen = HashSet::new();
        boards.retain(|board: &Board| seen.insert(board.name.clone()));
        let places = boards.into_iter().map(|board| self.place(found, board));
        let places: Vec<Option<Place>> = places.map(|p| p.map(Some)).collect::<Result<_>>()?;
        if places.is_empty() {
            self.check_no_place()?;
            return Ok(vec![vec![None]; named.len()]);
        }
        Ok(vec![places; named.len()])
    }

    /// The board of each model that castiron.toml names for it.
    fn own_places(&self, found: &Folder, named: &[Named]) -> Result<Vec<Vec<Option<Place>>>> {
        let mut known: HashMap<&str, Place> = HashMap::new();
        let mut places = Vec::new();
        for model in named {
            let Some(name) = model.board_name() else {
                places.push(vec![None]);
                continue;
            };
            let place = match known.get(name) {
                Some(place) => Some(place.clone()),
                None => match model.board()? {
                    Some(board) => {
                        let place = self.place(found, board)?;
                        known.insert(name, place.clone());
                        Some(place)
                    }
                    None => None,
                },
            };
            places.push(vec![place]);
        }
        if known.is_empty() {
            self.check_no_place()?;
        }
        Ok(places)
    }

    /// That nothing is said of what a board has to have, where there is none.
    fn check_no_place(&self) -> Result<()> {
        let option = match (self.application_size, self.app_flash) {
            (Some(_), _) => "--application-size",
            (None, 1..) => "--app-flash",
            (None, 0) => return Ok(()),
        };
        Err(Failure::usage(
            format!("{option} says what a board has to have, and there is none"),
            "name the board with --board or --dts",
        ))
    }

    /// A board, and what is on it besides a model.
    fn place(&self, found: &Folder, board: Board) -> Result<Place> {
        if board.ram_bytes.is_none() {
            let unknown = Diagnostic::new("the size of the board's RAM is unknown")
                .found(format!("{} in {}", board.name, board.source))
                .help("give the zephyr.dts of a build for the board with --dts");
            return Err(unknown.into());
        }
        let kilobytes = |size: u32| u64::from(size) * 1024;
        Ok(Place {
            board,
            application_flash: kilobytes(self.app_flash),
            application_ram: self
                .application_size
                .map(kilobytes)
                .or(found.application_bytes)
                .unwrap_or_default(),
        })
    }

    /// The measurements that are shown beside estimates.
    fn measurements(&self) -> Result<Vec<Measurements>> {
        let files = self.measured.iter();
        let read = files.map(|path| {
            let bytes = input::bytes(path, MOST_OF_MEASUREMENTS)?;
            Ok(Measurements::parse(&path.display().to_string(), &bytes)?)
        });
        read.collect()
    }

    fn written(&self, report: &Report) -> Result<Vec<u8>> {
        Ok(match self.form() {
            Form::Html => castiron_report::html(report)
                .map_err(Error::from)?
                .into_bytes(),
            Form::Md => castiron_report::markdown(report).into_bytes(),
            Form::Json => super::to_json(report)?.into_bytes(),
            Form::Csv => castiron_report::table(report),
            Form::Operators => castiron_report::operators(report),
        })
    }
}
