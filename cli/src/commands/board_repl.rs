//! `castiron board-repl`.

use std::path::{Path, PathBuf};

use castiron_board::dts::Devicetree;
use castiron_board::renode::{Outcome, Platform, PlatformOptions};
use castiron_board::repl::{RescOptions, repl, resc};
use castiron_board::rules::Rules;
use clap::Args;
use serde::Serialize;

use crate::args::{Depfile, General};
use crate::failure::{Failure, Result};
use crate::input;
use crate::output::{Outputs, Written, is_stdout};
use crate::text;

const EXAMPLES: &str = "\
Examples:
  castiron board-repl build/zephyr/zephyr.dts -o board.repl
  castiron board-repl build/zephyr/zephyr.dts -o board.repl --resc board.resc \\
      --elf build/zephyr/zephyr.elf && renode board.resc
  castiron board-repl zephyr.dts -o board.repl --rules mine.toml --json | jq '.platform.notes'

castiron lists nodes without a model, or whose model differs from the hardware, with the reason: at
the end of the platform, in the summary, and in the JSON. The files it writes fetch nothing from
the network.";

/// Write a Renode platform from a build's devicetree
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The build's flattened devicetree
    #[arg(value_name = "ZEPHYR.DTS")]
    dts: PathBuf,
    /// Write the platform to this file instead of standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    #[arg(hide_default_value = true)]
    output: PathBuf,
    /// Renode version of the platform [default: the newest that castiron knows]
    #[arg(long, value_name = "VERSION")]
    renode_version: Option<String>,
    /// Your own rules, tried before castiron's (may be repeated)
    #[arg(long, value_name = "FILE")]
    rules: Vec<PathBuf>,
    /// Frequency of the processor's clock in Hz [default: from the devicetree]
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u64).range(1..))]
    clock: Option<u64>,
    /// Also write a script that loads platform and firmware, shows the console and starts the simulation
    #[arg(long, value_name = "FILE")]
    resc: Option<PathBuf>,
    /// The firmware that the script loads
    #[arg(long, value_name = "FILE", requires = "resc")]
    elf: Option<PathBuf>,
    #[command(flatten)]
    depfile: Depfile,
}

#[derive(Serialize)]
struct Report<'a> {
    files: Vec<Written>,
    platform: &'a Platform,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    if general.json && is_stdout(&arguments.output) {
        return Err(super::json_beside_output());
    }
    let mut rules = Rules::shipped(arguments.renode_version.as_deref())?;
    for path in &arguments.rules {
        let file = input::text(path)?;
        rules
            .extend(&file)
            .map_err(|e| e.in_file(&path.display().to_string()))?;
    }
    let tree = input::devicetree(&arguments.dts)?;
    let options = PlatformOptions {
        clock: arguments.clock,
    };
    let name = arguments.dts.display().to_string();
    let platform = Platform::new(&tree, &rules, &options).map_err(|e| e.in_file(&name))?;
    let mut outputs = Outputs::default();
    outputs.add_bytes("platform", &arguments.output, repl(&platform)?);
    if let Some(path) = &arguments.resc {
        outputs.add_bytes("script", path, script(arguments, &platform, &tree)?);
    }
    let mut sources = vec![arguments.dts.clone()];
    sources.extend(arguments.rules.iter().cloned());
    outputs.add_depfile(&arguments.depfile, &sources)?;
    let to_stdout = outputs.to_stdout();
    // The firmware is not read, and not to be replaced either.
    sources.extend(arguments.elf.clone());
    let files = outputs.write(&sources)?;
    if general.json {
        let report = Report {
            files,
            platform: &platform,
        };
        return text::print(&super::to_json(&report)?);
    }
    match general.quiet || to_stdout {
        true => Ok(()),
        false => text::print(&(describe(&platform) + &super::file_table(&files))),
    }
}

fn script(arguments: &Arguments, platform: &Platform, tree: &Devicetree) -> Result<String> {
    if is_stdout(&arguments.output) {
        return Err(Failure::usage(
            "--resc needs the platform in a file",
            "name one with --output",
        ));
    }
    let elf = arguments.elf.as_deref().map(for_renode).transpose()?;
    let root = tree.root();
    let name = root.compatibles().next().unwrap_or("board");
    Ok(resc(
        platform,
        &RescOptions {
            name: name.rsplit(',').next().unwrap_or(name).to_owned(),
            repl: for_renode(&arguments.output)?,
            elf,
        },
    )?)
}

/// A path as a script names it: absolute, since Renode looks for others in its own folder.
fn for_renode(path: &Path) -> Result<String> {
    let absolute = std::path::absolute(path).map_err(|e| Failure::io("find", path, &e))?;
    let text = absolute.display().to_string();
    match text.contains(char::is_whitespace) {
        true => Err(Failure::usage(
            format!("Renode's scripts cannot name {text}"),
            "choose a path without spaces",
        )),
        false => Ok(text),
    }
}

fn describe(platform: &Platform) -> String {
    let mut out = text::heading(format_args!(
        "{}, for Renode {}",
        text::name(&platform.board),
        platform.renode
    ));
    let count = |outcome: Outcome| {
        let notes = platform.notes.iter();
        notes.filter(|note| note.outcome == outcome).count()
    };
    out += &format!(
        "{} models, {} nodes with a name only, {} left out.\n",
        platform.entries.len(),
        count(Outcome::Tagged),
        count(Outcome::Dropped)
    );
    let console = platform.console.as_deref();
    out += &match (&platform.console_missing, console) {
        (None, Some(console)) => format!("The console is sysbus.{console}.\n"),
        (Some(missing), Some(console)) => format!(
            "The console has no model: {}. sysbus.{console} is shown instead.\n",
            text::name(missing)
        ),
        (Some(missing), None) => format!(
            "The console has no model: {}. Nothing shows what firmware prints.\n",
            text::name(missing)
        ),
        (None, None) => String::new(),
    };
    if !platform.notes.is_empty() {
        let rows = platform.notes.iter().map(|note| {
            vec![
                text::name(&note.node),
                text::name(&note.compatible),
                note.outcome.name().to_owned(),
                text::name(&note.reason),
            ]
        });
        out.push('\n');
        out += &text::table(&["Node", "Compatible", "", "Reason"], rows);
    }
    out.push('\n');
    out
}
