//! Tables of what was measured, for the terminal and for the documentation.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use comfy_table::{CellAlignment, Table, TableStyle, presets};
use serde::Serialize;

use crate::bench::{Entry, Measured, Outcome};
use crate::cores::Core;
use crate::elf::Sections;
use crate::firmware::OptLevel;
use crate::profile::OperatorCost;
use crate::targets::{self, Of, Targets};
use crate::tflm::{Figures, Model};

/// One model as JSON.
#[derive(Serialize)]
pub(crate) struct Row<'a> {
    name: &'a str,
    sha256: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(flatten)]
    castiron: Option<Castiron<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tflm: Option<&'a Model>,
}

#[derive(Serialize)]
struct Castiron<'a> {
    instructions_min: u64,
    instructions_median: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cycles_estimated: Option<u64>,
    stack_bytes: u64,
    arena_bytes: u64,
    state_bytes: u64,
    ram_bytes: u64,
    code_bytes: u64,
    weight_bytes: u64,
    macs: u64,
    sections: Sections,
    mismatches: u64,
    values: u64,
    panics_or_allocates: &'a [String],
    operators: &'a [OperatorCost],
}

/// All models, for `--json`.
pub(crate) fn rows<'a>(entries: &'a [Entry], figures: &'a Figures) -> Vec<Row<'a>> {
    entries.iter().map(|entry| row(entry, figures)).collect()
}

pub(crate) fn row<'a>(entry: &'a Entry, figures: &'a Figures) -> Row<'a> {
    let (error, castiron) = match &entry.outcome {
        Outcome::Failed(reason) => (Some(reason.as_str()), None),
        Outcome::Measured(measured) => (None, Some(Castiron::from(&**measured))),
    };
    Row {
        name: &entry.name,
        sha256: &entry.sha256,
        error,
        castiron,
        tflm: figures.of(&entry.sha256),
    }
}

impl<'a> From<&'a Measured> for Castiron<'a> {
    fn from(measured: &'a Measured) -> Self {
        let run = &measured.run;
        Self {
            instructions_min: run.instructions.iter().copied().min().unwrap_or(0),
            instructions_median: run.median_instructions(),
            cycles_estimated: measured.cycles,
            stack_bytes: run.deepest_stack(),
            arena_bytes: run.arena,
            state_bytes: measured.state(),
            ram_bytes: measured.ram,
            code_bytes: measured.code,
            weight_bytes: measured.weights,
            macs: run.macs,
            sections: measured.sections,
            mismatches: run.mismatches,
            values: run.values,
            panics_or_allocates: &measured.offenders,
            operators: &measured.operators,
        }
    }
}

/// The tables as they look best on a terminal.
pub(crate) fn terminal(core: Core, entries: &[Entry], figures: &Figures) -> String {
    let style = presets::UTF8_BORDERS_ONLY;
    let mut text = match core {
        Core::M4 => {
            let [speed, memory, image] = tables(entries, figures, style);
            format!("{speed}\n{memory}\n{image}")
        }
        _ => of_core(core, entries, figures, style).to_string(),
    };
    for entry in entries {
        if let Outcome::Measured(measured) = &entry.outcome
            && !measured.operators.is_empty()
        {
            let operators = by_operator(&measured.operators, presets::UTF8_BORDERS_ONLY);
            let _ = write!(text, "\n{}, operator by operator:\n{operators}", entry.name);
        }
        match &entry.outcome {
            Outcome::Failed(_) => {
                let _ = write!(text, "\n{}: not measured, see above", entry.name);
            }
            Outcome::Measured(measured) if measured.run.mismatches > 0 => {
                let run = &measured.run;
                let _ = write!(
                    text,
                    "\n{}: {} of {} output values are WRONG",
                    entry.name, run.mismatches, run.values
                );
            }
            Outcome::Measured(_) => {}
        }
    }
    text
}

/// What each operator of a model takes. Counts are exact to a tick of the emulator's timer, 40 instructions.
fn by_operator(costs: &[OperatorCost], style: TableStyle) -> Table {
    let header = [
        "operator",
        "kernels",
        "MACs",
        "instructions",
        "per MAC",
        "share",
    ];
    let mut table = table(style, &header);
    let all: u64 = costs.iter().map(|cost| cost.instructions).sum();
    for cost in costs {
        table.add_row(vec![
            format!("{} {}", cost.operator, cost.title),
            cost.kernels.join(", "),
            grouped(cost.macs),
            grouped(cost.instructions),
            ratio(cost.instructions, cost.macs),
            ratio(cost.instructions, all),
        ]);
    }
    table
}

/// Speed, memory, sections.
fn tables(entries: &[Entry], figures: &Figures, style: TableStyle) -> [Table; 3] {
    let mut speed = table(
        style,
        &[
            "model",
            "MACs",
            "instructions",
            "per MAC",
            "cycles, estimated",
            "TFLM reference",
            "TFLM CMSIS-NN",
            "share",
            "CMSIS-NN, assembly",
            "share of that",
        ],
    );
    let mut memory = table(
        style,
        &[
            "model",
            "code",
            "TFLM code, CMSIS-NN",
            "at its smallest",
            "weights",
            "flash, share",
            "arena",
            "state",
            "stack",
            "TFLM planned",
            "TFLM arena, reference",
            "TFLM arena, CMSIS-NN",
        ],
    );
    let mut image = table(style, &["image of", ".text", ".rodata", ".data", ".bss"]);
    for entry in entries {
        let Outcome::Measured(measured) = &entry.outcome else {
            continue;
        };
        let Sections {
            text,
            rodata,
            data,
            bss,
        } = measured.sections;
        let sizes = [text, rodata, data, bss].map(grouped);
        image.add_row(std::iter::once(entry.name.clone()).chain(sizes));
        let (run, tflm) = (&measured.run, figures.of(&entry.sha256));
        let of_tflm = |figure: &dyn Fn(&Model) -> Option<u64>| {
            tflm.and_then(figure).map_or_else(dash, grouped)
        };
        let instructions = run.median_instructions();
        speed.add_row(vec![
            entry.name.clone(),
            grouped(run.macs),
            grouped(instructions),
            ratio(instructions, run.macs),
            measured.cycles.map_or_else(dash, grouped),
            of_tflm(&|model| Some(model.reference.instructions)),
            of_tflm(&|model| Some(model.cmsis_nn.instructions)),
            tflm.map_or_else(dash, |model| {
                ratio(instructions, model.cmsis_nn.instructions)
            }),
            of_tflm(&|model| model.cmsis_nn_assembly),
            tflm.and_then(|model| model.cmsis_nn_assembly)
                .map_or_else(dash, |theirs| ratio(instructions, theirs)),
        ]);
        memory.add_row(vec![
            entry.name.clone(),
            grouped(measured.code),
            of_tflm(&|model| model.cmsis_nn.code_flash),
            of_tflm(&|model| model.smallest_code),
            grouped(measured.weights),
            tflm.and_then(|model| targets::flash_share(entry, measured, model))
                .map_or_else(dash, |share| format!("{share:.2}")),
            grouped(run.arena),
            grouped(measured.state()),
            grouped(run.deepest_stack()),
            of_tflm(&|model| Some(model.least_planned())),
            of_tflm(&|model| Some(model.reference.min_arena)),
            of_tflm(&|model| Some(model.cmsis_nn.min_arena)),
        ]);
    }
    [speed, memory, image]
}

pub(crate) fn table(style: TableStyle, header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(style).set_header(header.to_vec());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Puts the tables into the documentation, in the place of those of the same optimisation level.
pub(crate) fn update_docs(
    root: &Path,
    opt: OptLevel,
    entries: &[Entry],
    figures: &Figures,
) -> Result<()> {
    all_right(entries)?;
    let text = section(opt, entries, figures, &Targets::load()?)?;
    write_section(root, PAGE, &key(opt), &text)?;
    if opt == OptLevel::Speed {
        write_section(
            root,
            "README.md",
            README_SECTION,
            &summary(entries, figures),
        )?;
    }
    Ok(())
}

/// Puts the table of another core than the Cortex-M4 into the documentation.
pub(crate) fn update_core(
    root: &Path,
    core: Core,
    entries: &[Entry],
    figures: &Figures,
) -> Result<()> {
    all_right(entries)?;
    let table = of_core(core, entries, figures, presets::ASCII_MARKDOWN);
    let targets =
        Targets::load()?.section(core, OF_FIRMWARE, entries, figures, presets::ASCII_MARKDOWN)?;
    let text = format!(
        "## {}\n\n{}{table}\n\n{} Reproduce with `cargo xtask bench --core {}`.\n",
        core.title(),
        paragraph(&targets),
        core.note(),
        core.name()
    );
    write_section(root, PAGE, core.title(), &text)
}

/// What models take on another core than the Cortex-M4, beside what they are compared with there.
pub(crate) fn of_core(
    core: Core,
    entries: &[Entry],
    figures: &Figures,
    style: TableStyle,
) -> Table {
    let header = [
        "model",
        "MACs",
        "instructions",
        "per MAC",
        core.baseline_title(),
        "share",
        "code",
        "weights",
        "arena",
        "stack",
    ];
    let mut table = table(style, &header);
    for entry in entries {
        let Outcome::Measured(measured) = &entry.outcome else {
            continue;
        };
        let run = &measured.run;
        let instructions = run.median_instructions();
        let baseline = figures
            .of(&entry.sha256)
            .and_then(|m| core.baseline(m, figures));
        table.add_row(vec![
            entry.name.clone(),
            grouped(run.macs),
            grouped(instructions),
            ratio(instructions, run.macs),
            baseline.map_or_else(dash, grouped),
            baseline.map_or_else(dash, |baseline| ratio(instructions, baseline)),
            grouped(measured.code),
            grouped(measured.weights),
            grouped(run.arena),
            grouped(run.deepest_stack()),
        ]);
    }
    table
}

/// Fails unless every model computed what it has to, without code that can panic or allocate.
pub(crate) fn all_right(entries: &[Entry]) -> Result<()> {
    for entry in entries {
        let right = match &entry.outcome {
            Outcome::Measured(measured) => {
                measured.run.mismatches == 0
                    && measured.run.values > 0
                    && measured.offenders.is_empty()
            }
            Outcome::Failed(_) => false,
        };
        ensure!(
            right,
            "{}: not to be published; see `cargo xtask target-test`",
            entry.name
        );
    }
    Ok(())
}

/// What the README's section is called in its markers.
const README_SECTION: &str = "benchmarks";

/// The README's table: models that were measured with TFLM, too. The text above it explains the columns.
fn summary(entries: &[Entry], figures: &Figures) -> String {
    let mut table = table(
        presets::ASCII_MARKDOWN,
        &[
            "model",
            "instructions",
            "code",
            "TFLM code",
            "RAM",
            "TFLM RAM",
        ],
    );
    for entry in entries {
        let (Outcome::Measured(measured), Some(tflm)) = (&entry.outcome, figures.of(&entry.sha256))
        else {
            continue;
        };
        let Some(tflm_code) = tflm.cmsis_nn.code_flash else {
            continue;
        };
        let instructions = measured.run.median_instructions();
        table.add_row(vec![
            entry.name.clone(),
            ratio(instructions, tflm.cmsis_nn.instructions),
            grouped(measured.code),
            grouped(tflm_code),
            grouped(measured.run.arena + measured.run.deepest_stack()),
            grouped(tflm.cmsis_nn.min_arena),
        ]);
    }
    format!("{table}\n")
}

/// Targets for models as they are without options.
const OF_FIRMWARE: &[Of] = &[Of::Instructions, Of::Flash];

/// What there is to know of the cycles.
const CYCLES: &str = "Cycles are an estimate from the instructions that ran and Arm's manual of the Cortex-M4: a load takes 2, or 1 behind another load \
or store, several at once one each and one more, a taken branch 3, a division 8, a float's multiply-add 3, and other instructions 1. They hold for memory \
without wait states; flash with them, caches and stalls between dependent instructions are not in them, and no board has confirmed them.";

fn section(
    opt: OptLevel,
    entries: &[Entry],
    figures: &Figures,
    targets: &Targets,
) -> Result<String> {
    let targets = match opt {
        OptLevel::Speed => {
            let targets = targets.section(
                Core::M4,
                OF_FIRMWARE,
                entries,
                figures,
                presets::ASCII_MARKDOWN,
            )?;
            paragraph(&targets)
        }
        // They are for the other level.
        OptLevel::Size => String::new(),
    };
    let [speed, memory, image] = tables(entries, figures, presets::ASCII_MARKDOWN);
    let measured = &figures.measured;
    Ok(format!(
        "## opt-level {opt}\n\n{targets}{speed}\n\n{memory}\n\n\
         The sections of the whole images, including the harness that feeds and checks the model:\n\n{image}\n\n\
         Reproduce with `cargo xtask bench --opt-level {opt}`. {CYCLES} \
         TensorFlow Lite Micro {}, CMSIS-NN {}: {}; {}. TFLM's smallest code is built with -Os and \
         int8-only kernel registrations. {}\n",
        measured.tflm, measured.cmsis_nn, measured.compiler, measured.machine, measured.assembly
    ))
}

/// With an empty line behind it, if there is something.
fn paragraph(text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => format!("{text}\n\n"),
    }
}

/// The page of all of this.
pub(crate) const PAGE: &str = "docs/benchmarks.md";

/// Writes what is between the markers of `key` in a document.
pub(crate) fn write_section(root: &Path, document: &str, key: &str, section: &str) -> Result<()> {
    let path = root.join(document);
    let old = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    std::fs::write(&path, replace_section(&old, key, section))
        .with_context(|| path.display().to_string())?;
    eprintln!("wrote {}", path.display());
    Ok(())
}

/// Replaces what is between the markers of `key`, or appends it with markers.
pub(crate) fn replace_section(text: &str, key: &str, section: &str) -> String {
    let (begin, end) = (
        format!("<!-- begin {key} -->\n"),
        format!("<!-- end {key} -->\n"),
    );
    let section = format!("{begin}{section}{end}");
    let found = text
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    match found {
        Some((before, after)) => format!("{before}{section}{after}"),
        None => format!("{}\n\n{section}", text.trim_end()),
    }
}

/// What the section of an optimisation level is called in its markers.
pub(crate) fn key(opt: OptLevel) -> String {
    format!("opt-level {opt}")
}

/// What is between the markers of `key`; nothing where they are not.
pub(crate) fn section_of<'a>(text: &'a str, key: &str) -> &'a str {
    let begin = format!("<!-- begin {key} -->\n");
    let end = format!("<!-- end {key} -->\n");
    let section = text.split_once(&begin).map(|(_, rest)| rest);
    section
        .and_then(|rest| Some(rest.split_once(&end)?.0))
        .unwrap_or_default()
}

/// Digits in groups of three.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) fn ratio(part: u64, whole: u64) -> String {
    if whole == 0 {
        dash()
    } else {
        format!("{:.2}", part as f64 / whole as f64)
    }
}

pub(crate) fn dash() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 12, 1234, 7_489_664].map(grouped),
            ["0", "12", "1,234", "7,489,664"]
        );
    }

    #[test]
    fn a_section_is_replaced_in_place() {
        let first = replace_section("# B\n", "opt-level 3", "a\n");
        let both = replace_section(&first, "opt-level s", "b\n");
        let again = replace_section(&both, "opt-level 3", "c\n");
        assert_eq!(
            again,
            "# B\n\n<!-- begin opt-level 3 -->\nc\n<!-- end opt-level 3 -->\n\n\
             <!-- begin opt-level s -->\nb\n<!-- end opt-level s -->\n"
        );
    }
}
