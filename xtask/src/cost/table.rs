//! A table: what was fitted, how good it is, and what models took.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use castiron_board::cost::{CostTable, Error};
use clap::ValueEnum as _;
use comfy_table::presets;

use super::problem::Problem;
use super::variant::Variant;
use super::{Kind, Sample, errors, path};
use crate::cores::Core;
use crate::report;

/// The table of a core.
///
/// # Errors
/// Only if it is at fault.
pub(super) fn text(core: Core, samples: &[Sample], toolchain: &str) -> Result<String> {
    // The version: how it was built is no matter of time.
    let toolchain = toolchain.split(" (").next().unwrap_or(toolchain);
    let problem = Problem::new(samples);
    let operators = samples.iter().filter(|s| s.kind == Kind::Operator).count();
    let head = format!(
        "# What castiron's kernels, with the type of the first operand, take on a {title}: instructions for each call, each
# pixel or row, each element of the output and of the input, each element of the window or row that a pixel is made of,
# each byte of weights that it is multiplied with, each multiply-accumulate or other operation, and each byte of weights
# at each call; and, if known, the cycles that an instruction takes. `/8` is a kernel of which the inner loop has 8 steps
# instead of 4. `Stream -` is what operators that run row by row take besides their kernels: for each
# stream, or row of an input that comes row by row (call), row of a stage (pixel), byte that moves in a line buffer
# (output), byte of the input or of padding (input), and stage that is asked what it needs (window); and `Patches -` for
# each patch (call) and byte of one (output).
# Written by `cargo xtask cost --update`: measured in an emulator, in firmware of opt-level 3, and fitted by least
# squares of relative errors, no figure below 0, held near what kernels of a kind have in common.
#
# Errors are those of networks, by how they are compiled; `rows` are those that run row by row. Those of networks left
# out are of tables made without the network, without those that call the same kernels, and without whatever else these
# are compiled to.

processor = \"{title}\"
measured = \"{title}, {target}, opt-level 3, {toolchain}\"
one-operator-models = {operators}
",
        title = core.title(),
        target = core.target(),
    );
    let errors = errors::text(&problem, samples, &head)?;
    let mut text = format!("{head}{errors}\n{}", problem.text(&problem.fit()));
    text += "\n# What models of this project took.\n";
    for variant in Variant::ALL {
        let mut own = samples
            .iter()
            .filter(|s| s.kind == Kind::Own && s.variant == variant)
            .peekable();
        if own.peek().is_some() {
            let _ = writeln!(text, "[model.{}]", variant.name());
        }
        for sample in own {
            let cycles = sample.cycles.map(|cycles| format!(", cycles = {cycles}"));
            let _ = writeln!(
                text,
                "{} = {{ instructions = {}{} }}",
                sample.name,
                sample.instructions,
                cycles.unwrap_or_default()
            );
        }
    }
    Ok(text)
}

/// How good the tables are, as they say themselves: a table for the documentation.
pub(super) fn section(root: &Path) -> Result<String> {
    let mut table = report::table(
        presets::ASCII_MARKDOWN,
        &[
            "estimated for",
            "compiled",
            "of",
            "networks",
            "median",
            "worst",
            "left out, median",
            "left out, worst",
        ],
    );
    for core in Core::value_variants() {
        let path = path(root, *core);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let found = CostTable::parse(&text).map_err(|e| anyhow::anyhow!("{e}"))?;
        for variant in Variant::ALL {
            // One of two of the class `rows`.
            let is_first = !matches!(variant, Variant::Rows | Variant::Patches);
            let Some(errors) = found.errors.get(variant.class()).filter(|_| is_first) else {
                continue;
            };
            let mut row = |what: &str, error: &Error| {
                let percent = |value: f64| format!("{value:.1} %");
                table.add_row([
                    found.processor.clone(),
                    variant.class().to_owned(),
                    what.to_owned(),
                    errors.networks.to_string(),
                    percent(error.median_percent),
                    percent(error.worst_percent),
                    percent(error.left_out_median_percent),
                    percent(error.left_out_worst_percent),
                ]);
            };
            row("instructions", &errors.instructions);
            if let Some(cycles) = &errors.cycles {
                row("cycles", cycles);
            }
        }
    }
    Ok(format!("{table}\n"))
}
