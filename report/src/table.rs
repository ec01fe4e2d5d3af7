//! The report as comma-separated values: a row for each model, and for each that could not be read.

use castiron_board::cost::three_digits;
use csv::Writer;

use crate::data::{Arithmetic, Model, Report};

const HEADER: [&str; 21] = [
    "RANK",
    "MODEL",
    "BOARD",
    "FITS",
    "KEEPS_LIMITS",
    "ARITHMETIC",
    "FLASH_BYTES",
    "WEIGHT_BYTES",
    "RAM_BYTES",
    "TFLM_ARENA_BYTES",
    "MACS",
    "FILE_BYTES",
    "METRIC",
    "QUALITY",
    "SECONDS",
    "ESTIMATED_INSTRUCTIONS",
    "ESTIMATED_CYCLES",
    "ESTIMATED_SECONDS",
    "MEASURED_INSTRUCTIONS",
    "MEASURED_CYCLES",
    "PROBLEM",
];

/// Rows for a spreadsheet.
#[must_use]
pub fn table(report: &Report) -> Vec<u8> {
    let mut rows = Writer::from_writer(Vec::new());
    // Writing into memory, with rows of one length, cannot fail.
    let _ = rows.write_record(HEADER);
    for (position, model) in report.models.iter().enumerate() {
        let _ = rows.write_record(row(position, model));
    }
    for problem in &report.problems {
        let mut row = [const { String::new() }; HEADER.len()];
        row[1] = name(&problem.place);
        row[HEADER.len() - 1] = name(&problem.message);
        let _ = rows.write_record(row);
    }
    rows.into_inner().unwrap_or_default()
}

const OF_OPERATORS: [&str; 15] = [
    "MODEL",
    "SUBGRAPH",
    "OPERATOR",
    "NAME",
    "OUTPUT_SHAPE",
    "OUTPUT_TYPE",
    "MACS",
    "WEIGHT_BYTES",
    "PACKED_BYTES",
    "ACTIVATION_BYTES",
    "ARENA_BYTES",
    "ESTIMATED_INSTRUCTIONS",
    "ESTIMATED_CYCLES",
    "MEASURED_INSTRUCTIONS",
    "MEASURED_CYCLES",
];

/// Rows for a spreadsheet, one for each operator of each model.
#[must_use]
pub fn operators(report: &Report) -> Vec<u8> {
    let mut rows = Writer::from_writer(Vec::new());
    let _ = rows.write_record(OF_OPERATORS);
    for model in &report.models {
        for (at, graph) in model.subgraphs.iter().enumerate() {
            for (index, operator) in graph.operators.iter().enumerate() {
                let output = operator.outputs.first();
                let output = output.and_then(|index| graph.tensors.get(*index));
                let cost = operator.costs.first().and_then(Option::as_ref);
                let _ = rows.write_record([
                    name(&model.name),
                    at.to_string(),
                    index.to_string(),
                    name(&operator.name),
                    text(output.map(|tensor| sizes(&tensor.shape))),
                    text(output.map(|tensor| tensor.dtype)),
                    text(operator.macs),
                    operator.weight_bytes.to_string(),
                    text(operator.packed_bytes),
                    operator.activation_bytes.to_string(),
                    text(operator.live_bytes),
                    text(cost.map(|cost| cost.instructions)),
                    text(cost.and_then(|cost| cost.cycles)),
                    text(operator.measured_instructions),
                    text(operator.measured_cycles),
                ]);
            }
        }
    }
    rows.into_inner().unwrap_or_default()
}

/// Sizes as `castiron inspect --csv` has them.
fn sizes(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    sizes.join("*")
}

fn row(position: usize, model: &Model) -> [String; HEADER.len()] {
    let compiled = &model.compiled;
    let problem = compiled
        .problems
        .iter()
        .chain(&compiled.beyond_limits)
        .next();
    // Of the processor that sizes are of, too.
    let cost = model.costs.first();
    let milliseconds = cost.and_then(|cost| cost.milliseconds);
    [
        (position + 1).to_string(),
        name(&model.name),
        text(model.board.as_deref().map(name)),
        text(
            model
                .fit
                .as_ref()
                .map(|fit| if fit.fits { "yes" } else { "no" }),
        ),
        if compiled.beyond_limits.is_empty() {
            "yes"
        } else {
            "no"
        }
        .to_owned(),
        model.arithmetic.name().to_owned(),
        text(compiled.flash_bytes()),
        text(compiled.weight_bytes),
        text(compiled.ram_bytes),
        text(model.tflm.arena_bytes),
        model.macs.to_string(),
        model.file_bytes.to_string(),
        text(model.quality.as_ref().map(|quality| name(&quality.metric))),
        text(model.quality.as_ref().map(|quality| quality.value)),
        text(model.time.as_ref().map(|time| time.seconds)),
        text(cost.and_then(|cost| cost.instructions)),
        text(cost.and_then(|cost| cost.cycles)),
        text(milliseconds.map(|milliseconds| three_digits(milliseconds / 1e3))),
        text(model.measured.as_ref().and_then(|run| run.instructions)),
        text(model.measured.as_ref().and_then(|run| run.cycles)),
        text(problem.map(|problem| name(&format!("{}: {}", problem.place, problem.message)))),
    ]
}

impl Arithmetic {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Integer => "integer",
            Self::Hybrid => "hybrid",
            Self::None => "none",
        }
    }
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Any text; one that a spreadsheet would take for a formula is text.
fn name(text: &str) -> String {
    let text = text.escape_debug().to_string();
    match text.starts_with(['=', '+', '-', '@']) {
        true => format!("'{text}"),
        false => text,
    }
}
