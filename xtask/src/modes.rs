//! What the three modes of `optimize` cost.

use std::path::Path;

use anyhow::Result;
use castiron_build::toolchain::Toolchain;
use castiron_codegen::target::Optimize;
use comfy_table::{Table, TableStyle, presets};

use crate::bench::{self, Entry, Extra, Figure, Outcome};
use crate::cores::Core;
use crate::firmware::{Builder, OptLevel};
use crate::models::Subject;
use crate::report;
use crate::targets::{Of, Targets};
use crate::tflm::Figures;

/// What the section is called in its markers.
const SECTION: &str = "modes";

/// Models in each mode of `optimize`.
type Modes = [(Optimize, Vec<Entry>)];

/// Builds and runs models in each mode.
pub(crate) fn measure(
    root: &Path,
    toolchain: &Toolchain,
    core: Core,
    opt: OptLevel,
    subjects: &[Subject],
) -> Vec<(Optimize, Vec<Entry>)> {
    let of_mode = |optimize| {
        let builder = Builder::new(root, toolchain, core, opt).optimize(optimize);
        (optimize, bench::run(&builder, subjects, Extra::default()))
    };
    Optimize::ALL.into_iter().map(of_mode).collect()
}

/// What modes cost, on a terminal.
pub(crate) fn terminal(core: Core, modes: &Modes) -> Result<String> {
    let style = presets::UTF8_BORDERS_ONLY;
    Ok(format!(
        "{}\n{}",
        in_size(core, modes, style)?,
        by_mode(modes, style)
    ))
}

/// Puts what modes cost into the documentation.
pub(crate) fn update_docs(root: &Path, core: Core, opt: OptLevel, modes: &Modes) -> Result<()> {
    for (_, entries) in modes {
        report::all_right(entries)?;
    }
    let section = format!(
        "## Modes\n\nInstructions, flash and arena by `optimize`, at opt-level {opt}. Reproduce with `cargo xtask bench --modes`.\n\n{}\n\n{SIZE}\n\n{}\n",
        in_size(core, modes, presets::ASCII_MARKDOWN)?,
        by_mode(modes, presets::ASCII_MARKDOWN)
    );
    report::write_section(root, report::PAGE, SECTION, &section)
}

/// What there is to say of the mode `size`.
const SIZE: &str = "`size` should take at most 0.6 of balanced's code, for at most some 2.5 times the instructions. Convolutions and matrix products do: one function \
computes all of those of int8, a window at a time, with TensorFlow Lite's two roundings, whose constants also take 9 bytes a channel in place of 12; another one all \
of those of float32 and float16, which passes over taps that are not in the input. Models miss it that are mostly other operators. LSTMs and layers \
of int16 have the same kernels in all modes.";

/// Targets for the mode `size`.
fn in_size(core: Core, modes: &Modes, style: TableStyle) -> Result<String> {
    let mut modes = modes.iter();
    let found = modes.find(|(mode, _)| *mode == Optimize::Size);
    let entries = found.map_or(&[][..], |(_, entries)| entries);
    Targets::load()?.section(core, &[Of::FlashInSize], entries, &Figures::load()?, style)
}

fn by_mode(modes: &Modes, style: TableStyle) -> Table {
    let figures: [(&str, Figure); 4] = [
        ("instructions", |m| m.run.median_instructions()),
        ("code", |m| m.code),
        ("weights", |m| m.weights),
        ("arena", |m| m.run.arena),
    ];
    let mut header = vec!["model".to_owned()];
    for (figure, _) in figures {
        header.extend(modes.iter().map(|(mode, _)| format!("{figure}, {mode}")));
        if figure == "code" {
            header.push("code, size to balanced".to_owned());
        }
    }
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = report::table(style, &header);
    let first = modes.first().map_or(&[][..], |(_, entries)| entries);
    for (index, entry) in first.iter().enumerate() {
        let mut row = vec![entry.name.clone()];
        for (figure, of) in figures {
            let found = |(_, entries): &(Optimize, Vec<Entry>)| match entries
                .get(index)
                .map(|entry| &entry.outcome)
            {
                Some(Outcome::Measured(measured)) => Some(of(measured)),
                _ => None,
            };
            let all: Vec<Option<u64>> = modes.iter().map(found).collect();
            row.extend(
                all.iter()
                    .map(|value| value.map_or_else(report::dash, report::grouped)),
            );
            if figure == "code" {
                row.push(match all[..] {
                    [Some(size), Some(balanced), ..] => report::ratio(size, balanced),
                    _ => report::dash(),
                });
            }
        }
        table.add_row(row);
    }
    table
}
