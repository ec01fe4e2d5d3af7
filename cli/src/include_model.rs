//! What `include_model!` calls where it was built without the generator: the fields of a call as arguments, and the answer on standard output.
//! It is no command for people, so it is in no help and no manual. `castiron-macros` of the same version reads the answer.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use castiron_codegen::expand::expand;

/// Answers if the macro calls.
pub(crate) fn answer(arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.skip(1);
    if arguments.next()? != "include-model" {
        return None;
    }
    let mut fields = Vec::new();
    while let (Some(name), Some(value)) = (arguments.next(), arguments.next()) {
        fields.push((name.to_string_lossy().into_owned(), value));
    }
    let answer = match expand(&fields) {
        Ok(module) => format!("module {}\n{}", module.name, module.items),
        Err(problem) => format!("error {}\n{}", problem.field, problem.message),
    };
    let mut out = io::stdout().lock();
    let written = write!(out, "castiron {}\n{answer}", env!("CARGO_PKG_VERSION"));
    Some(match written.and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}
