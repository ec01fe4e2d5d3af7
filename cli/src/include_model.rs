//! What `include_model!` calls where it was built without the generator: the fields of a call as arguments, and the answer on standard output.
//! It is no command for people, so it is in no help and no manual. `castiron-macros` of the same version reads the answer.

use std::ffi::OsString;
use std::io::{self, Write as _};

use castiron_codegen::expand::expand;

/// Answers if the macro calls; the exit code.
pub(crate) fn answer(arguments: &[OsString]) -> Option<u8> {
    let [_, command, fields @ ..] = arguments else {
        return None;
    };
    if command != "include-model" {
        return None;
    }
    let (fields, _) = fields.as_chunks::<2>();
    let fields: Vec<_> = (fields.iter())
        .map(|[name, value]| (name.to_string_lossy().into_owned(), value.clone()))
        .collect();
    let answer = match expand(&fields) {
        Ok(module) => format!("module {}\n{}", module.name, module.items),
        Err(problem) => format!("error {}\n{}", problem.field, problem.message),
    };
    let mut out = io::stdout().lock();
    let written = write!(out, "castiron {}\n{answer}", env!("CARGO_PKG_VERSION"));
    Some(match written.and_then(|()| out.flush()) {
        Ok(()) => 0,
        Err(_) => 1,
    })
}
