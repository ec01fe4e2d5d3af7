//! `castiron memory-overlay`.

use std::path::PathBuf;

use castiron_board::overlay::memory_overlay;
use clap::Args;

use crate::args::{Depfile, General};
use crate::failure::Result;
use crate::input;
use crate::output::Outputs;

const EXAMPLES: &str = "\
Examples:
  castiron memory-overlay build/zephyr/zephyr.dts --sram-kb 4096 -o boards/big.overlay
  west build -b BOARD app -- -DEXTRA_DTC_OVERLAY_FILE=boards/big.overlay

Firmware that is built with the overlay runs in a simulator, not on the board.";

/// Write a devicetree overlay that enlarges a board's SRAM for simulation
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The build's flattened devicetree
    #[arg(value_name = "ZEPHYR.DTS")]
    dts: PathBuf,
    /// Size of the SRAM, in KB
    #[arg(long, value_name = "KB")]
    sram_kb: u64,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    #[arg(hide_default_value = true)]
    output: PathBuf,
    #[command(flatten)]
    depfile: Depfile,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let tree = input::devicetree(&arguments.dts)?;
    let name = arguments.dts.display().to_string();
    let overlay = memory_overlay(&tree, arguments.sram_kb).map_err(|e| e.in_file(&name))?;
    let mut outputs = Outputs::default();
    outputs.add_bytes("overlay", &arguments.output, overlay.text);
    super::write(
        outputs,
        &arguments.depfile,
        std::slice::from_ref(&arguments.dts),
        general,
    )
}
