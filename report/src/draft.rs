//! A report while it is gathered: models come one by one, and some of them fail.

use castiron_codegen::Model;
use castiron_codegen::compile::CompileOptions;
use castiron_codegen::error::{Diagnostic, Result};

use crate::data::{self, Problem, Report, VERSION};
use crate::model;

/// What models are looked at with.
#[derive(Debug, Default)]
pub struct Settings {
    /// How castiron's engine compiles them.
    pub compile: CompileOptions,
}

/// A model, and what is known besides.
#[derive(Debug, Clone, Copy)]
pub struct Source<'m> {
    /// What tells it from the others.
    pub name: &'m str,
    /// The model.
    pub model: &'m Model,
    /// The bytes that it was read from.
    pub bytes: &'m [u8],
}

/// A report to which models are added.
#[derive(Debug, Default)]
pub struct Draft {
    models: Vec<data::Model>,
    problems: Vec<Problem>,
}

impl Draft {
    /// Adds a model.
    ///
    /// # Errors
    /// Only if castiron's own tables are at fault: what is wrong with a model is part of the report.
    pub fn add(&mut self, source: &Source<'_>, settings: &Settings) -> Result<()> {
        let (found, _) = model::examine(source, &settings.compile)?;
        self.models.push(found);
        Ok(())
    }

    /// Adds what is wrong with a file.
    pub fn problem(&mut self, diagnostic: &Diagnostic) {
        self.problems.push(Problem::from(diagnostic));
    }

    /// The report.
    #[must_use]
    pub fn finish(self) -> Report {
        Report {
            report: VERSION,
            castiron: env!("CARGO_PKG_VERSION"),
            board: None,
            run: None,
            models: self.models,
            choice: None,
            pairs: Vec::new(),
            problems: self.problems,
        }
    }
}
