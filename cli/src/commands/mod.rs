//! One file per command: its arguments, its help, and what it does.

pub(crate) mod align;
pub(crate) mod arena;
pub(crate) mod board_repl;
pub(crate) mod boards;
pub(crate) mod completions;
pub(crate) mod cpp;
pub(crate) mod diff;
pub(crate) mod fit;
pub(crate) mod generate;
pub(crate) mod header;
pub(crate) mod inspect;
pub(crate) mod lib;
pub(crate) mod man;
pub(crate) mod memory_overlay;
pub(crate) mod plan;
pub(crate) mod platforms;
pub(crate) mod power;
pub(crate) mod report;
pub(crate) mod resolver;
pub(crate) mod run;
pub(crate) mod run_arrays;
mod run_cases;
pub(crate) mod validate;

use std::path::PathBuf;

use castiron_codegen::error::Diagnostic;
use castiron_codegen::tflm::arena::ArenaNeed;
use serde::Serialize;

use crate::args::{Cli, Command, Depfile, Destination, General};
use crate::diagnostics;
use crate::failure::{Failure, Result};
use crate::output::{Outputs, Written, is_stdout};
use crate::text;

pub(crate) fn run(cli: &Cli) -> Result<()> {
    let general = &cli.general;
    match &cli.command {
        Command::Inspect(arguments) => inspect::run(arguments, general),
        Command::GenHeader(arguments) => header::run(arguments, general),
        Command::GenResolver(arguments) => resolver::run(arguments, general),
        Command::GenCpp(arguments) => cpp::run(arguments, general),
        Command::Plan(arguments) => plan::run(arguments, general),
        Command::Arena(arguments) => arena::run(arguments, general),
        Command::Align(arguments) => align::run(arguments, general),
        Command::Run(arguments) => run::run(arguments, general),
        Command::Generate(arguments) => generate::run(arguments, general),
        Command::Report(arguments) => report::run(arguments, general),
        Command::Diff(arguments) => diff::run(arguments, general),
        Command::Fit(arguments) => fit::run(arguments, general),
        Command::Boards(arguments) => boards::run(arguments, general),
        Command::BoardRepl(arguments) => board_repl::run(arguments, general),
        Command::Platforms(arguments) => platforms::run(arguments, general),
        Command::MemoryOverlay(arguments) => memory_overlay::run(arguments, general),
        Command::Lib(arguments) => lib::run(arguments, general),
        Command::Validate(arguments) => validate::run(arguments, general),
        Command::Power(arguments) => power::run(arguments, general),
        Command::Completions(arguments) => completions::run(arguments),
        Command::Man(arguments) => man::run(arguments, general),
    }
}

/// Sends what a command has to say, as text or as JSON, to where the user wants it; `outputs` go
/// with it.
fn answer(
    mut outputs: Outputs<'_>,
    answer: &Answer<'_, impl Serialize>,
    to: &Destination,
    sources: &[PathBuf],
    general: &General,
) -> Result<()> {
    let text = match general.json {
        true => to_json(answer.json)?,
        false => answer.text.clone(),
    };
    let taken = outputs.to_stdout();
    let print = is_stdout(&to.output);
    if print && taken && general.json {
        return Err(json_beside_output());
    }
    if !print {
        // Styles are for terminals.
        let plain = anstream::adapter::strip_str(&text).to_string();
        outputs.add_bytes(answer.what, &to.output, plain);
    }
    outputs.add_depfile(&to.depfile, sources)?;
    let written = outputs.write(sources)?;
    if print && !taken {
        text::print(&text)?;
        if !general.json && !general.quiet && !written.is_empty() {
            text::print(&format!("\n{}", file_table(&written)))?;
        }
    }
    Ok(())
}

/// What a command has to say.
struct Answer<'a, T> {
    what: &'static str,
    text: String,
    json: &'a T,
}

/// Writes the outputs of a generating command, with their depfile, and says what was written.
fn write(
    outputs: Outputs<'_>,
    depfile: &Depfile,
    sources: &[PathBuf],
    general: &General,
) -> Result<()> {
    write_with_warnings(outputs, depfile, sources, &[], &[], general)
}

/// The same for outputs that name arenas of TFLM, with what a user should know of the model besides.
fn write_with_warnings(
    mut outputs: Outputs<'_>,
    depfile: &Depfile,
    sources: &[PathBuf],
    arenas: &[ArenaNeed],
    warnings: &[Diagnostic],
    general: &General,
) -> Result<()> {
    #[derive(Serialize)]
    struct Files<'a> {
        files: Vec<Written>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        warnings: &'a [Diagnostic],
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        tflm_arenas: &'a [ArenaNeed],
    }
    if general.json && outputs.to_stdout() {
        return Err(json_beside_output());
    }
    outputs.add_depfile(depfile, sources)?;
    let to_stdout = outputs.to_stdout();
    let files = outputs.write(sources)?;
    diagnostics::warn(warnings);
    if general.json {
        let answer = Files {
            files,
            warnings,
            tflm_arenas: arenas,
        };
        text::print(&to_json(&answer)?)
    } else if general.quiet || to_stdout {
        Ok(())
    } else {
        text::print(&(file_table(&files) + &arena::unknown(arenas)))
    }
}

fn json_beside_output() -> Failure {
    Failure::usage(
        "--json and an output cannot both use standard output",
        "omit --json, or write the output to a file",
    )
}

fn file_table(files: &[Written]) -> String {
    let rows = files.iter().map(|file| {
        vec![
            file.path.clone(),
            text::grouped(file.bytes),
            if file.changed { "written" } else { "unchanged" }.to_owned(),
        ]
    });
    text::table(&["File", ">Bytes", ""], rows)
}

fn to_json(value: &impl Serialize) -> Result<String> {
    let failed = |e: serde_json::Error| Failure::stdout(&e.into());
    let mut text = serde_json::to_string_pretty(value).map_err(failed)?;
    text.push('\n');
    Ok(text)
}
