//! How little RAM models take: as they are, with operators row by row, and with their input row by row, too.

use std::path::Path;

use anyhow::Result;
use castiron_build::toolchain::Toolchain;
use comfy_table::{CellAlignment, Table, TableStyle, presets};

use crate::bench::{self, Entry, Extra, Outcome};
use crate::cores::Core;
use crate::firmware::{Builder, OptLevel, Plan};
use crate::models::Selection;
use crate::report;
use crate::subjects;
use crate::targets::{Of, Targets, ram, ram_share};
use crate::tflm::Figures;

/// What the section is called in its markers.
const SECTION: &str = "RAM";

/// Models in each way of planning.
pub(crate) struct Ways {
    all: Vec<(Plan, Vec<Entry>)>,
    figures: Figures,
    targets: Targets,
}

/// Builds and runs the models that have a target, in each way that has one.
pub(crate) fn measure(
    root: &Path,
    toolchain: &Toolchain,
    opt: OptLevel,
    mut selection: Selection,
) -> Result<Ways> {
    let targets = Targets::load()?;
    let core = Core::M4;
    selection.narrow(targets.models(core, Of::Ram));
    let found = subjects(root, &selection)?;
    let by_rows: Vec<_> = targets.models(core, Of::RamByRows).collect();
    let mut all: Vec<_> = Plan::ALL
        .map(|plan| {
            let mut found = found.clone();
            if plan == Plan::Rows {
                found.retain(|subject| by_rows.contains(&subject.name.as_str()));
            }
            let builder = Builder::new(root, toolchain, core, opt).plan(plan);
            (plan, bench::run(&builder, &found, Extra::default()))
        })
        .into();
    for subject in &found {
        let Some((_, bytes)) = targets.bounds().find(|(model, _)| *model == subject.name) else {
            continue;
        };
        let plan = Plan::Within(bytes);
        let builder = Builder::new(root, toolchain, core, opt).plan(plan);
        let entries = bench::run(&builder, std::slice::from_ref(subject), Extra::default());
        all.push((plan, entries));
    }
    Ok(Ways {
        all,
        figures: Figures::load()?,
        targets,
    })
}

/// For the terminal.
pub(crate) fn terminal(ways: &Ways) -> Result<String> {
    text(ways, presets::UTF8_BORDERS_ONLY)
}

/// Puts the tables into the documentation.
pub(crate) fn update_docs(root: &Path, opt: OptLevel, ways: &Ways) -> Result<()> {
    for (_, entries) in &ways.all {
        report::all_right(entries)?;
    }
    let section = format!(
        "## RAM\n\n{INTRODUCTION}\n\n{}\n\n{COST}\n\nAt opt-level {opt}, `balanced`. Reproduce with `cargo xtask bench --ram`.\n",
        text(ways, presets::ASCII_MARKDOWN)?
    );
    report::write_section(root, report::PAGE, SECTION, &section)
}

const INTRODUCTION: &str = "RAM is arena, state and the stack of one inference; the share is of TFLM's smallest arena with CMSIS-NN, which has no stack in it. The targets \
are for the least RAM without computing anything twice, `max_arena = \"0\"`, with the whole input held and with the input row by row. \
Within a target, castiron takes the plan of the fewest instructions that it finds: `max_arena` is then the target less state and stack.";

/// What rows by themselves cost, beside what they may.
const COST: &str = "Within its target, a model should take at most 10 % more instructions, and 2 kB more code. mlperf_vww does, and person_detect takes 0.7 kB \
more. mlperf_kws and mlperf_ic take 25 % and 21 %, and 4 and 7 kB. Of mlperf_kws, rows of three lines that are laid out again for each line of outputs are 8 % of \
it, the fifth of five pixels 4 %, calls of the depthwise kernel 4 %, turns of the stream 3 %. mlperf_ic has no room for two pixels at a time of its layers of 64 channels. \
Line buffers that hold rows with their padding were tried, and gain nothing within these targets. Next: fields of 16 bits for what a stream is told. magic_wand takes 9 % more, \
and 2.9 kB: its float32 rows have no kernel of their own.";

fn text(ways: &Ways, style: TableStyle) -> Result<String> {
    let of = |plan| {
        let mut all = ways.all.iter();
        let found = all.find(|(other, _)| *other == plan);
        found.map_or(&[][..], |(_, entries)| entries)
    };
    let targets = [(Plan::Least, Of::Ram), (Plan::Rows, Of::RamByRows)].map(|(plan, figure)| {
        let entries = of(plan);
        let (core, figures) = (Core::M4, &ways.figures);
        ways.targets
            .section(core, &[figure], entries, figures, style)
    });
    let [whole, rows] = targets;
    Ok(format!(
        "{}\n\n{}\n\n{}",
        whole?,
        rows?,
        table(ways, of(Plan::Default), style)
    ))
}

fn table(ways: &Ways, defaults: &[Entry], style: TableStyle) -> Table {
    let header = [
        "model",
        "plan",
        "arena",
        "state",
        "stack",
        "RAM",
        "share of TFLM's",
        "code",
        "instructions",
        "to the default's",
    ];
    let mut table = report::table(style, &header);
    if let Some(plans) = table.column_mut(1) {
        plans.set_cell_alignment(CellAlignment::Left);
    }
    for default in defaults {
        let Outcome::Measured(before) = &default.outcome else {
            continue;
        };
        for (plan, entries) in &ways.all {
            let entry = entries.iter().find(|entry| entry.sha256 == default.sha256);
            let Some(Outcome::Measured(measured)) = entry.map(|entry| &entry.outcome) else {
                continue;
            };
            let tflm = ways.figures.of(&default.sha256);
            let share = tflm.map(|tflm| format!("{:.3}", ram_share(measured, tflm)));
            let instructions = measured.run.median_instructions();
            table.add_row(vec![
                default.name.clone(),
                plan.title().to_owned(),
                report::grouped(measured.run.arena),
                report::grouped(measured.state()),
                report::grouped(measured.run.deepest_stack()),
                report::grouped(ram(measured)),
                share.unwrap_or_else(report::dash),
                report::grouped(measured.code),
                report::grouped(instructions),
                report::ratio(instructions, before.run.median_instructions()),
            ]);
        }
    }
    table
}
