//! Commands within another program: what `--json` prints as a value, and errors with the names that options have in Python.

use std::ffi::{OsStr, OsString};

use castiron_codegen::error::{Diagnostic, Error};
use clap::{CommandFactory as _, Parser as _};

use crate::args::{Cli, Command};
use crate::commands;
use crate::commands::run_arrays::{self, Input, Output};
use crate::diagnostics;
use crate::failure::{Failure, Result};
use crate::option_names::{OptionName, renamed};
use crate::streams;

/// Why a command failed.
#[derive(Debug)]
pub struct Failed {
    /// What it is about: `model`, `usage` or `io`, as in the command's JSON.
    pub kind: &'static str,
    /// All that is wrong, for people.
    pub text: String,
    /// The same as JSON: a list.
    pub diagnostics: String,
    /// What the command printed all the same; empty if it printed nothing.
    pub printed: String,
}

/// What a command prints with `--json`. The arguments begin with its name; `-` among them stands for the bytes, if there are any.
///
/// # Errors
/// If the command fails.
pub fn answer(arguments: &[OsString], bytes: Option<Vec<u8>>) -> Result<String, Failed> {
    let (result, printed) = streams::held(bytes, || commands::run(&parsed(arguments)?));
    let printed = String::from_utf8_lossy(&printed).into_owned();
    match result {
        Ok(()) => Ok(printed),
        Err(failure) => Err(Failed::new(&failure, printed)),
    }
}

/// The outputs of a model for each of several sets of inputs, with arguments of the command `run`. Those of a model that keeps state are
/// successive runs. One that ends before there are outputs has none, if runs may wait for more inputs.
///
/// # Errors
/// If the model cannot be run, or the inputs are not its own.
pub fn run<B: AsRef<[u8]>>(
    arguments: &[OsString],
    bytes: Option<Vec<u8>>,
    cases: &[Vec<Input<B>>],
    may_wait: bool,
) -> Result<Vec<Option<Vec<Output>>>, Failed> {
    let work = || {
        let cli = parsed(arguments)?;
        match &cli.command {
            Command::Run(arguments) => run_arrays::run(arguments, &cli.general, cases, may_wait),
            _ => Err(Failure::usage("only `run` takes arrays", "begin with it")),
        }
    };
    let (result, _) = streams::held(bytes, work);
    result.map_err(|failure| Failed::new(&failure, String::new()))
}

/// The command that the arguments are, with `--json`.
fn parsed(arguments: &[OsString]) -> Result<Cli> {
    let before = ["castiron", "--json"].map(OsStr::new);
    let arguments = arguments.iter().map(OsString::as_os_str);
    let cli = Cli::try_parse_from(before.into_iter().chain(arguments));
    let cli = cli.map_err(|error| Failure::Usage(without_shell(diagnostics::of_usage(&error))))?;
    diagnostics::silence(&cli.general);
    Ok(cli)
}

/// Without the paragraphs of help that are for a shell.
fn without_shell(mut diagnostic: Diagnostic) -> Diagnostic {
    let help = diagnostic.help.take().unwrap_or_default();
    let shell = |paragraph: &&str| {
        let begins = |with| paragraph.trim_start().starts_with(with);
        ["Usage:", "For more information", "tip: to pass"]
            .into_iter()
            .any(begins)
    };
    let help: Vec<&str> = help.split("\n\n").filter(|p| !shell(p)).collect();
    match &help[..] {
        [] => diagnostic,
        help => diagnostic.help(help.join("\n\n").trim().trim_start_matches("tip: ")),
    }
}

/// Options as Python's keywords: `max_arena` for `--max-arena`.
fn keywords() -> Vec<OptionName> {
    let command = Cli::command();
    let all = command
        .get_subcommands()
        .flat_map(clap::Command::get_arguments);
    let longs = all.filter_map(clap::Arg::get_long);
    longs
        .map(|long| OptionName::new(long, &long.replace('-', "_")))
        .collect()
}

impl Failed {
    fn new(failure: &Failure, printed: String) -> Self {
        let names = keywords();
        let diagnostics = failure.diagnostics().iter();
        let diagnostics: Vec<Diagnostic> = diagnostics.map(|d| renamed(d, &names)).collect();
        Self {
            kind: failure.kind(),
            // Diagnostics have names as keys, and no writer is there to fail.
            diagnostics: serde_json::to_string(&diagnostics).unwrap_or_default(),
            text: Error::from_many(diagnostics).map_or_else(String::new, |e| e.to_string()),
            printed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(arguments: &[&str], bytes: &[u8]) -> Failed {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        answer(&arguments, Some(bytes.to_vec())).unwrap_err()
    }

    #[test]
    fn errors_have_keywords_for_options_and_no_usage() {
        let failed = failed(&["plan", "--max-aren=1", "-"], b"");
        assert_eq!(failed.kind, "usage");
        insta::assert_snapshot!(failed.text, @r"
        unexpected argument '--max-aren' found
          help: a similar argument exists: 'max_arena'
        ");
    }

    #[test]
    fn bytes_are_no_file() {
        let failed = failed(&["inspect", "-"], b"no model");
        assert_eq!((failed.kind, &*failed.printed), ("model", ""));
        assert!(failed.text.starts_with("bytes: "), "{}", failed.text);
    }
}
