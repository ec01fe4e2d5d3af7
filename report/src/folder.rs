//! A folder of models, as it lies: perhaps one that an AutoML run of Kenning left.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use castiron_codegen::error::{Diagnostic, Error, Result};
use serde::de::DeserializeOwned;

use crate::data::Run;
use crate::draft::Measured;
use crate::kenning::{self, Scenario, Statistics, StatisticsFile};

/// What a folder has.
#[derive(Debug, Default)]
pub struct Folder {
    /// The models: Kenning's best first, others by their names.
    pub candidates: Vec<Candidate>,
    /// What the run says of itself, if it was one.
    pub run: Option<Run>,
    /// The board that its candidates were made for.
    pub board: Option<String>,
    /// The application around a model, in bytes, as Kenning counts it: RAM.
    pub application_bytes: Option<u64>,
    /// What is wrong with files beside the models, which are looked at all the same.
    pub problems: Vec<Diagnostic>,
    /// All files that were read beside the models.
    pub files: Vec<PathBuf>,
}

/// A model of a folder.
#[derive(Debug, Default)]
pub struct Candidate {
    /// Its file.
    pub path: PathBuf,
    /// What measurements beside it say.
    pub measured: Measured,
}

impl Folder {
    /// Looks through a folder, not through those in it.
    ///
    /// # Errors
    /// If it cannot be read, or has no model.
    pub fn read(path: &Path) -> Result<Self> {
        let named = |problem: Diagnostic| Error::from(problem).in_file(&path.display().to_string());
        let (names, nameless) =
            names(path).map_err(|e| named(Diagnostic::new("cannot read the folder").found(e)))?;
        let of_kind = |is: fn(&str) -> bool| {
            let mut names: Vec<&String> = names.iter().filter(|name| is(name)).collect();
            names.sort_by(|a, b| by_number(a, b));
            names
        };
        // They are sorted.
        let has = |name: &str| {
            names
                .binary_search_by(|other| other.as_str().cmp(name))
                .is_ok()
        };
        let models = of_kind(|name| name.ends_with(".tflite"));
        if models.is_empty() {
            let problem = Diagnostic::new("there is no model in the folder")
                .expected("files *.tflite")
                .found(match names.len() {
                    0 => "an empty folder".to_owned(),
                    1 => "1 other file".to_owned(),
                    count => format!("{count} other files"),
                })
                .help("name the folder that has the models; folders in it are not looked through");
            return Err(named(problem));
        }
        let mut folder = Self::default();
        for path in nameless {
            let mut problem = Diagnostic::new("the model's name is no UTF-8")
                .help("name it on the command line by itself, or give it another name");
            problem.place.file = Some(path.display().to_string());
            folder.problems.push(problem);
        }
        let scenarios = of_kind(kenning::is_scenario);
        let scenarios: Vec<Scenario> = (scenarios.into_iter())
            .filter_map(|name| folder.scenario(&path.join(name)))
            .collect();
        let statistics = path.join(kenning::STATISTICS);
        let statistics = has(kenning::STATISTICS)
            .then(|| folder.json::<StatisticsFile>(&statistics))
            .flatten()
            .map(Statistics::from);
        for scenario in &scenarios {
            folder.board = folder.board.take().or_else(|| scenario.platform.clone());
            folder.application_bytes = folder.application_bytes.or(scenario.application_bytes);
        }
        // The best is that of the first scenario; models that none names are behind.
        let place: HashMap<&str, usize> = (scenarios.iter().enumerate().rev())
            .filter_map(|(at, scenario)| Some((scenario.compiled.as_deref()?, at)))
            .collect();
        let mut models = models;
        models.sort_by_key(|name| place.get(name.as_str()).copied().unwrap_or(usize::MAX));
        let mut used = HashSet::new();
        let metric = statistics.as_ref().and_then(|s| s.run.metric.clone());
        for name in models {
            let scenario = place.get(name.as_str()).and_then(|at| scenarios.get(*at));
            let mut measured = Measured {
                rank: place.get(name.as_str()).copied(),
                ..Measured::default()
            };
            let measurements = kenning::measurements(name, scenario);
            if let Some(file) = (measurements.iter()).find(|file| has(file))
                && let Some(json) = folder.json::<serde_json::Value>(&path.join(file))
            {
                let problems = kenning::measured(&json, file, metric.as_deref(), &mut measured);
                for mut problem in problems {
                    problem.place.file = Some(path.join(file).display().to_string());
                    folder.problems.push(problem);
                }
            }
            used.extend(measurements);
            if measured.quality.is_none() {
                let stated = statistics.as_ref().and_then(|s| s.quality(name, scenario));
                measured.quality = stated;
            }
            folder.candidates.push(Candidate {
                path: path.join(name),
                measured,
            });
        }
        for scenario in &scenarios {
            if let Some(missing) = scenario.compiled.as_ref().filter(|name| !has(name)) {
                let mut problem =
                    Diagnostic::new("the model of this configuration is not in the folder")
                        .expected(format_args!("a file {missing:?}"));
                problem.place.file = Some(scenario.file.clone());
                folder.problems.push(problem);
            }
        }
        let of_nobody = of_kind(kenning::is_measurements).into_iter();
        for name in of_nobody.filter(|name| !used.contains(*name)) {
            let mut problem = Diagnostic::new("the measurements are of no model in the folder")
                .expected(format_args!(
                    "a model {:?}, or a configuration that names one",
                    kenning::measured_model(name)
                ))
                .help("Kenning names them after the model that the optimisers began with; castiron passes over them");
            problem.place.file = Some(path.join(name).display().to_string());
            folder.problems.push(problem);
        }
        folder.run = match (statistics, scenarios.is_empty()) {
            (Some(statistics), _) => Some(statistics.run),
            (None, false) => Some(Run::default()),
            (None, true) => None,
        };
        Ok(folder)
    }

    fn scenario(&mut self, path: &Path) -> Option<Scenario> {
        self.files.push(path.to_owned());
        let file = path.display().to_string();
        let read = castiron_codegen::files::read_text(path)
            .map_err(|e| Error::from(Diagnostic::new("cannot read the file").found(e)))
            .and_then(|text| Scenario::parse(&file, &text));
        match read {
            Ok((scenario, doubts)) => {
                self.problems.extend(doubts);
                Some(scenario)
            }
            Err(error) => {
                self.problems
                    .extend_from_slice(error.in_file(&file).diagnostics());
                None
            }
        }
    }

    fn json<T: DeserializeOwned>(&mut self, path: &Path) -> Option<T> {
        self.files.push(path.to_owned());
        let read = castiron_codegen::files::read(path, MOST_OF_MEASUREMENTS);
        let parsed = read.and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
        let told = parsed.map_err(|e: io::Error| {
            let mut problem = Diagnostic::new("cannot read the measurements").found(e);
            problem.place.file = Some(path.display().to_string());
            self.problems.push(problem);
        });
        told.ok()
    }
}

/// Bytes of a file of measurements at most: Kenning's has a time and a stamp for each of 400,000 runs in less. Values take up to twenty times as much
/// memory.
const MOST_OF_MEASUREMENTS: u64 = 1 << 24;

/// The names of the files in a folder; and the models whose names are no text.
fn names(path: &Path) -> io::Result<(Vec<String>, Vec<PathBuf>)> {
    let (mut names, mut nameless) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        // A folder is not looked through, and what is no file might never end. A link that leads nowhere is said when it is read.
        if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let is_model = path.extension().is_some_and(|ending| ending == "tflite");
        match name {
            Some(name) => names.push(name.to_owned()),
            None if is_model => nameless.push(path),
            // What is no text is no name that Kenning gives.
            None => {}
        }
    }
    names.sort();
    nameless.sort();
    Ok((names, nameless))
}

/// The order of names with numbers in them: `vae.2` is before `vae.10`.
fn by_number(a: &str, b: &str) -> Ordering {
    // Each number with the text behind it.
    let parts = |name: &str| -> Vec<(u64, String)> {
        let mut parts: Vec<(u64, String)> = vec![(0, String::new())];
        let mut in_number = false;
        for c in name.chars() {
            match (c.to_digit(10), in_number) {
                (Some(digit), true) => {
                    if let Some((number, _)) = parts.last_mut() {
                        *number = number.saturating_mul(10).saturating_add(digit.into());
                    }
                }
                (Some(digit), false) => parts.push((digit.into(), String::new())),
                (None, _) => {
                    if let Some((_, text)) = parts.last_mut() {
                        text.push(c);
                    }
                }
            }
            in_number = c.is_ascii_digit();
        }
        parts
    };
    parts(a).cmp(&parts(b)).then_with(|| a.cmp(b))
}
