//! `castiron generate --all`: every model of `castiron.toml`, as many at once as the machine has processors.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use castiron_codegen::compile::{Config, ModelEntry, Settings};
use castiron_codegen::error::Diagnostic;
use serde::Serialize;

use super::{Answer, Arguments, generate};
use crate::args::General;
use crate::commands::to_json;
use crate::diagnostics;
use crate::failure::{Failure, Result};
use crate::progress;
use crate::project::Named;
use crate::text::{self, grouped, table};

/// As the main thread has it: a model's graph may be deep.
const STACK_BYTES: usize = 8 << 20;

/// What was made of one model.
#[derive(Serialize)]
struct Row {
    name: String,
    model: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Made(Box<Answer>),
    Failed { diagnostics: Vec<Diagnostic> },
}

#[derive(Serialize)]
struct Json<'a> {
    models: &'a [Row],
}

pub(super) fn run(arguments: &Arguments, folder: &Path, general: &General) -> Result<()> {
    let config = arguments.compiled.project.read()?;
    if config.models.is_empty() {
        let name = config.file.as_deref().unwrap_or(Path::new(Config::FILE));
        let file = name.display();
        return Err(Failure::usage(
            format!("--all takes the models of {file}, and there are none"),
            format!("write [model.NAME] in {file}, and file = \"….tflite\" below"),
        ));
    }
    if let Some(file) = &config.file {
        diagnostics::note(format_args!("these are the models of {}", file.display()));
    }
    let said = arguments.compiled.settings(None)?;
    // What one model is made of, no other one may replace.
    let inputs = config.models.iter().flat_map(|entry| {
        let Settings {
            labels, io_spec, ..
        } = &entry.settings;
        let others = [labels, io_spec].into_iter().flatten();
        std::iter::once(&entry.file).chain(others)
    });
    let inputs: Vec<PathBuf> = inputs.map(|file| file.value.clone()).collect();
    let one = |entry: &ModelEntry| {
        let named = Named::entry(&config, entry, &said)?;
        generate(arguments, &named, &folder.join(&entry.name), &inputs)
    };
    let results = progress::counted(config.models.len(), general, |done| {
        in_parallel(&config.models, |entry| {
            let result = one(entry);
            done(&entry.name);
            result
        })
    });
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for (entry, result) in config.models.iter().zip(results) {
        let outcome = match result {
            Ok(answer) => Outcome::Made(Box::new(answer)),
            Err(failure) => {
                let diagnostics = failure.diagnostics().to_vec();
                failures.push(failure);
                Outcome::Failed { diagnostics }
            }
        };
        rows.push(Row {
            name: entry.name.clone(),
            model: entry.file.value.display().to_string(),
            outcome,
        });
    }
    if general.json {
        text::print(&to_json(&Json { models: &rows })?)?;
    } else if !general.quiet {
        text::print(&describe(&rows))?;
    }
    // One is wrong, whether or not its file can be read.
    match Failure::of_several(failures) {
        Err(Failure::Io(problem)) => Err(Failure::from(problem)),
        Err(Failure::Several(error, _)) => Err(Failure::Model(error)),
        other => other,
    }
}

/// What becomes of each, in their order.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let worker = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let (Some(item), Some(result)) = (items.get(at), results.get(at)) else {
                return;
            };
            let done = work(item);
            if let Ok(mut result) = result.lock() {
                *result = Some(done);
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 1..workers.min(items.len()) {
            let thread = thread::Builder::new().stack_size(STACK_BYTES);
            // Without it, this one does its part.
            drop(thread.spawn_scoped(scope, worker));
        }
        worker();
    });
    let results = results.into_iter().map(|result| result.into_inner());
    results.filter_map(|result| result.ok().flatten()).collect()
}

fn describe(rows: &[Row]) -> String {
    let lines = rows.iter().map(|row| {
        let mut line = vec![row.name.clone(), text::name(&row.model)];
        line.extend(match &row.outcome {
            Outcome::Made(answer) => {
                let compiled = &answer.report.compiled;
                let size = |bytes: Option<usize>| bytes.map_or_else(|| "–".to_owned(), grouped);
                let changed = answer.files.iter().filter(|file| file.changed).count();
                let files = match (changed, answer.files.len()) {
                    (0, all) => format!("{all} files unchanged"),
                    (new, all) => format!("{new} of {all} files written"),
                };
                let files = match &answer.skipped[..] {
                    [] => files,
                    skipped => {
                        let what: Vec<&str> = skipped.iter().map(|skipped| skipped.what).collect();
                        format!("{files}; not made: {}", what.join(", "))
                    }
                };
                [
                    size(compiled.arena_bytes),
                    size(compiled.weight_bytes),
                    grouped(answer.report.totals.macs),
                    files,
                ]
            }
            Outcome::Failed { .. } => {
                let none = || "–".to_owned();
                [none(), none(), none(), "failed, see below".to_owned()]
            }
        });
        line
    });
    table(&["Model", "File", ">Arena", ">Weights", ">MACs", ""], lines)
}
