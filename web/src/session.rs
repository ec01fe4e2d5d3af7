//! Models that are looked at together.

use castiron_codegen::compile::CompileOptions;
use castiron_codegen::error::{Error, Result, by_kind};
use castiron_codegen::{Model, warnings};
use castiron_report::data::Report;
use castiron_report::{Draft, Measured, Settings, Source};
use serde::Serialize;

use crate::files::{Kind, Maker};
use crate::wish::Wish;

/// Models, and what was chosen for all of them.
#[derive(Default)]
pub struct Session {
    settings: Settings,
    /// How models are compiled of which files are made.
    options: CompileOptions,
    draft: Draft,
    /// Those that could be read, as the report counts them.
    models: Vec<Given>,
    report: Option<Report>,
}

struct Given {
    model: Model,
    bytes: Vec<u8>,
}

/// What there is to say of a model that was given, as the command prints it.
#[derive(Debug, Default, Serialize)]
pub struct Told {
    /// What is doubtful about it; it is in the report all the same.
    pub warnings: String,
    /// What is wrong with it; it is in the report only as a problem.
    pub error: String,
}

/// The files of a model: it is known by the position that it was added at.
#[derive(Serialize)]
struct Made {
    position: usize,
    files: Vec<FileName>,
}

/// A file that castiron can make.
#[derive(Debug, Serialize)]
struct FileName {
    name: String,
    what: &'static str,
}

impl Session {
    /// Begins with what was chosen.
    ///
    /// # Errors
    /// If a value is not one of those that there are.
    pub fn new(wish: &Wish) -> Result<Self, String> {
        Ok(Self {
            settings: wish.settings().map_err(|error| printed(&error))?,
            options: wish.options().map_err(|error| printed(&error))?,
            ..Self::default()
        })
    }

    /// Adds a model by the name of its file.
    pub fn add(&mut self, name: &str, bytes: Vec<u8>) -> Told {
        let mut told = Told::default();
        let model = match castiron_codegen::read(name, &bytes) {
            Ok(model) => model,
            Err(error) => return self.refused(&error, told),
        };
        let doubts = by_kind(&warnings::of(&model));
        told.warnings = doubts.iter().map(|d| d.line("warning")).collect();
        let source = Source {
            name,
            model: &model,
            bytes: &bytes,
        };
        match self.draft.add(&source, &self.settings, Measured::default()) {
            Ok(()) => self.models.push(Given { model, bytes }),
            Err(error) => return self.refused(&error, told),
        }
        told
    }

    fn refused(&mut self, error: &Error, mut told: Told) -> Told {
        error
            .diagnostics()
            .iter()
            .for_each(|d| self.draft.problem(d));
        told.error = printed(error);
        told
    }

    /// The report of all models that were added, and their files: JSON, of the former as `castiron report --format json` writes it.
    pub fn report(&mut self) -> String {
        #[derive(Serialize)]
        struct Answer<'a> {
            report: &'a Report,
            /// In the order of the report's models.
            made: Vec<Made>,
        }
        let draft = std::mem::take(&mut self.draft);
        let report = draft.finish(&self.settings, None);
        let made = report.models.iter().map(|model| Made {
            position: model.position,
            files: self.files(model.position),
        });
        let made = made.collect();
        let report = self.report.insert(report);
        json(&Answer { report, made })
    }

    fn files(&self, position: usize) -> Vec<FileName> {
        let Some(given) = self.models.get(position) else {
            return Vec::new();
        };
        let maker = given.maker(&self.options);
        let kinds = Kind::all(&given.model).into_iter();
        let named = kinds.map(|kind| FileName {
            name: maker.name(kind),
            what: kind.what(),
        });
        named.collect()
    }

    /// The report in another form: html, json, md or csv; none if there is no report, or no such form.
    pub fn written(&self, form: &str) -> Result<Option<Vec<u8>>, String> {
        let Some(report) = &self.report else {
            return Ok(None);
        };
        Ok(match form {
            "html" => {
                let page = castiron_report::html(report).map_err(|e| printed(&Error::from(e)))?;
                Some(page.into_bytes())
            }
            "json" => Some(pretty(report).into_bytes()),
            "md" => Some(castiron_report::markdown(report).into_bytes()),
            "csv" => Some(castiron_report::table(report)),
            _ => None,
        })
    }

    /// A file of a model, by its name; none if there is no such model or file.
    ///
    /// # Errors
    /// Why castiron cannot make it, as the command prints it.
    pub fn file(&self, position: usize, name: &str) -> Result<Option<Vec<u8>>, String> {
        let Some(given) = self.models.get(position) else {
            return Ok(None);
        };
        let maker = given.maker(&self.options);
        let mut kinds = Kind::all(&given.model).into_iter();
        let kind = kinds.find(|kind| maker.name(*kind) == name);
        let made = kind.map(|kind| maker.make(kind)).transpose();
        made.map_err(|error| printed(&error))
    }
}

impl Given {
    fn maker<'a>(&'a self, options: &'a CompileOptions) -> Maker<'a> {
        Maker {
            model: &self.model,
            bytes: &self.bytes,
            options,
        }
    }
}

pub(crate) fn printed(error: &Error) -> String {
    let kinds = error.by_kind();
    kinds
        .iter()
        .map(|diagnostic| diagnostic.line("error"))
        .collect()
}

/// Maps have names as keys, and no writer is there to fail.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The same as the command prints it.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
