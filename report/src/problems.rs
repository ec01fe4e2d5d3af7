//! Diagnostics as a report has them.

use castiron_codegen::error::{Diagnostic, by_kind};

use crate::data::Problem;

impl From<&Diagnostic> for Problem {
    fn from(diagnostic: &Diagnostic) -> Self {
        Self {
            place: diagnostic.place.to_string(),
            message: diagnostic.message.clone(),
            expected: diagnostic.expected.clone(),
            found: diagnostic.found.clone(),
            help: diagnostic.help.clone(),
        }
    }
}

/// Several of them, those that say the same of several operators as one.
pub(crate) fn problems(diagnostics: &[Diagnostic]) -> Vec<Problem> {
    by_kind(diagnostics).iter().map(Problem::from).collect()
}

/// The same without the file, where that is clear.
pub(crate) fn problems_of_one(diagnostics: &[Diagnostic]) -> Vec<Problem> {
    let without_file = |problem: &Diagnostic| {
        let mut problem = problem.clone();
        problem.place.file = None;
        problem
    };
    let without_file: Vec<Diagnostic> = diagnostics.iter().map(without_file).collect();
    problems(&without_file)
}
