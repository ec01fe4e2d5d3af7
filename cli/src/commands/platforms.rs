//! `castiron platforms`.

use std::path::{Path, PathBuf};

use castiron_board::platforms::{Entry, Merged, merge, to_yaml};
use castiron_codegen::files;
use clap::Args;
use serde::Serialize;

use crate::args::General;
use crate::failure::{Failure, Result};
use crate::input;
use crate::output::{Outputs, Written, is_file, is_stdout};
use crate::text;

const EXAMPLES: &str = "\
Examples:
  castiron platforms build/zephyr/zephyr.dts
  castiron platforms build-*/zephyr/zephyr.dts -o platforms.yml
  castiron platforms zephyr.dts --board max32690evkit/max32690/m4 -o platforms.yml

An existing file keeps its content and comments; castiron adds missing boards and fields. A board's
name is CONFIG_BOARD_TARGET in the .config beside the devicetree, or else the file's name.";

/// Write Kenning's platform entries from devicetrees
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The builds' flattened devicetrees
    #[arg(value_name = "ZEPHYR.DTS", required = true)]
    dts: Vec<PathBuf>,
    /// Add the entries to this file instead of printing them
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    #[arg(hide_default_value = true)]
    output: PathBuf,
    /// The board's name, for a single devicetree
    #[arg(long, value_name = "NAME")]
    board: Option<String>,
}

#[derive(Serialize)]
struct Report<'a> {
    entries: &'a [Entry],
    #[serde(skip_serializing_if = "Option::is_none")]
    merged: Option<&'a Merged>,
    files: Vec<Written>,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    if arguments.board.is_some() && arguments.dts.len() > 1 {
        return Err(Failure::usage(
            "--board is for one devicetree",
            "omit it, or run the command once for each devicetree",
        ));
    }
    let mut entries = Vec::new();
    for path in &arguments.dts {
        let tree = input::devicetree(path)?;
        let name = match &arguments.board {
            Some(name) => name.clone(),
            None => name_of(path),
        };
        let entry = castiron_board::memory::sram(&tree);
        let entry = entry.and_then(|_| Entry::new(&name, &castiron_board::facts(&tree)?));
        entries.push(entry.map_err(|e| e.in_file(&path.display().to_string()))?);
    }
    if is_stdout(&arguments.output) {
        let report = Report {
            entries: &entries,
            merged: None,
            files: Vec::new(),
        };
        return text::print(&match general.json {
            true => super::to_json(&report)?,
            false => to_yaml(&entries),
        });
    }
    let path = &arguments.output;
    // What is there is read, not replaced; a pipe has nothing to add to.
    let existing = match path.exists() && is_file(path) {
        true => input::text(path)?,
        false => String::new(),
    };
    let merged = merge(&existing, &entries).map_err(|e| e.in_file(&path.display().to_string()))?;
    let mut outputs = Outputs::default();
    outputs.add_bytes("platforms", path, merged.text.clone());
    let files = outputs.write(&arguments.dts)?;
    if general.json {
        let report = Report {
            entries: &entries,
            merged: Some(&merged),
            files,
        };
        return text::print(&super::to_json(&report)?);
    }
    match general.quiet {
        true => Ok(()),
        false => text::print(&(describe(&merged) + &super::file_table(&files))),
    }
}

/// The board's name as the build has it, or the file's.
fn name_of(path: &Path) -> String {
    let config = path.with_file_name(".config");
    let config = files::read_text(&config).unwrap_or_default();
    let value = |name: &str| {
        let mut lines = config.lines();
        lines.find_map(|line| {
            let value = line.strip_prefix(name)?.strip_prefix('=')?;
            Some(value.trim_matches('"').to_owned())
        })
    };
    let target = value("CONFIG_BOARD_TARGET").or_else(|| value("CONFIG_BOARD"));
    target.unwrap_or_else(|| {
        path.file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
    })
}

fn describe(merged: &Merged) -> String {
    let mut out = String::new();
    let mut list = |what: &str, names: &[String]| {
        if !names.is_empty() {
            out += &format!("{what}: {}.\n", text::name(&names.join(", ")));
        }
    };
    list("Added", &merged.added);
    list("Completed", &merged.completed);
    list(
        "Kept although the devicetree says something else",
        &merged.kept,
    );
    out
}
