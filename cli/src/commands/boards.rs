//! `castiron boards`.

use castiron_board::fit::known_boards;
use castiron_codegen::error::Diagnostic;
use clap::Args;

use super::Answer;
use crate::args::{Destination, General};
use crate::failure::Result;
use crate::output::Outputs;
use crate::text::{self, grouped, table};

const EXAMPLES: &str = "\
Examples:
  castiron boards
  castiron boards nucleo
  castiron boards --json | jq -r '.[] | select(.ram_kb >= 256) | .name'

Sizes are the memories that a Zephyr build links to. For other boards, give `castiron fit` the
devicetree of a build (--dts) or Kenning's platforms (--platforms).";

/// List the boards that `fit --board` accepts, with their memories
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// List only boards whose name or processor contains this text
    #[arg(value_name = "TEXT")]
    part: Option<String>,
    #[command(flatten)]
    to: Destination,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let mut boards = known_boards()?;
    if let Some(part) = &arguments.part {
        let has = |text: &str| text.to_lowercase().contains(&part.to_lowercase());
        boards.retain(|board| has(&board.name) || board.cpu.as_deref().is_some_and(has));
        if boards.is_empty() {
            let none = format!(
                "no board's name or processor contains \"{}\"",
                part.escape_debug()
            );
            let all = "`castiron boards` lists all boards; for other boards, use `castiron fit` with --dts or --platforms";
            return Err(Diagnostic::new(none).help(all).into());
        }
    }
    let size = |kb: Option<u64>| kb.map(grouped).unwrap_or_default();
    let rows = boards.iter().map(|board| {
        vec![
            text::name(&board.name),
            board.cpu.as_deref().map(text::name).unwrap_or_default(),
            size(board.flash_kb),
            size(board.ram_kb),
        ]
    });
    let answer = Answer {
        what: "boards",
        text: table(&["Board", "Processor", ">Flash KB", ">RAM KB"], rows),
        json: &boards,
    };
    super::answer(Outputs::default(), &answer, &arguments.to, &[], general)
}
