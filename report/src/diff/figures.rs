//! The figures that are compared: a table.

use serde_json::{Number, Value};

use super::Figure;

/// A figure: its name, which limits use, too, and where a model's JSON has it.
struct Row {
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    /// Pointers into the JSON; of several, the sum.
    at: &'static [&'static str],
}

const BYTES: &str = "bytes";

/// Every figure that a report has of a model as a whole.
const ROWS: &[Row] = &[
    Row {
        name: "flash",
        title: "flash, weights and estimated code",
        unit: BYTES,
        at: &["/compiled/weight_bytes", "/compiled/code_bytes"],
    },
    Row {
        name: "weights",
        title: "packed weights",
        unit: BYTES,
        at: &["/compiled/weight_bytes"],
    },
    Row {
        name: "code",
        title: "code, estimated",
        unit: BYTES,
        at: &["/compiled/code_bytes"],
    },
    Row {
        name: "ram",
        title: "RAM, arena and state",
        unit: BYTES,
        at: &["/compiled/ram_bytes"],
    },
    Row {
        name: "arena",
        title: "arena",
        unit: BYTES,
        at: &["/compiled/arena_bytes"],
    },
    Row {
        name: "state",
        title: "state, from run to run",
        unit: BYTES,
        at: &["/compiled/state_bytes"],
    },
    Row {
        name: "caller-inputs",
        title: "inputs in the caller's buffers",
        unit: BYTES,
        at: &["/compiled/caller_input_bytes"],
    },
    Row {
        name: "caller-outputs",
        title: "outputs in the caller's buffers",
        unit: BYTES,
        at: &["/compiled/caller_output_bytes"],
    },
    Row {
        name: "macs",
        title: "multiply-accumulates of a run",
        unit: "",
        at: &["/compiled/run_macs"],
    },
    Row {
        name: "file-macs",
        title: "multiply-accumulates of the file",
        unit: "",
        at: &["/macs"],
    },
    Row {
        name: "instructions",
        title: "instructions of a run, estimated",
        unit: "",
        at: &["/costs/0/instructions"],
    },
    Row {
        name: "time",
        title: "time of a run, estimated",
        unit: "ms",
        at: &["/costs/0/milliseconds"],
    },
    Row {
        name: "plain-arena",
        title: "arena of the file as it is",
        unit: BYTES,
        at: &["/memory/before/peak_bytes"],
    },
    Row {
        name: "tflm-arena",
        title: "arena of TensorFlow Lite Micro",
        unit: BYTES,
        at: &["/tflm/arena_bytes"],
    },
    Row {
        name: "constants",
        title: "constants in the file",
        unit: BYTES,
        at: &["/constant_bytes"],
    },
    Row {
        name: "file",
        title: "file",
        unit: BYTES,
        at: &["/file_bytes"],
    },
];

/// The processor that [`RUN`] is of.
const PROCESSOR: [&str; 2] = ["/costs/0/isa", "/costs/0/processor"];

/// What pointers to an estimate of a run begin with: of the board's processor, or else of the first that there are estimates for.
const RUN: &str = "/costs/0/";

/// The figures of a model.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// For each row its value, if the report has it.
    values: Vec<Option<Number>>,
    processor: [Option<Value>; 2],
}

impl Figures {
    /// Those that a model's JSON has.
    pub(super) fn of(model: &Value) -> Self {
        Self {
            values: ROWS.iter().map(|row| row.value(model)).collect(),
            processor: PROCESSOR.map(|at| model.pointer(at).cloned()),
        }
    }
}

impl Row {
    fn value(&self, model: &Value) -> Option<Number> {
        let number = |pointer: &&str| model.pointer(pointer)?.as_number().cloned();
        let parts: Vec<Number> = self.at.iter().map(number).collect::<Option<_>>()?;
        match &parts[..] {
            [one] => Some(one.clone()),
            several => {
                // Reports are anybody's, and no model has so much: what is beyond all numbers is the greatest.
                let mut whole = several.iter().map(Number::as_u64);
                let whole = whole.try_fold(0_u64, |sum, part| Some(sum.saturating_add(part?)));
                let sum = || several.iter().filter_map(Number::as_f64).sum();
                whole.map_or_else(|| Number::from_f64(sum()), |whole| Some(whole.into()))
            }
        }
    }
}

/// The figures that one of the models has.
pub(super) fn compare(old: &Figures, new: &Figures) -> Vec<Figure> {
    let of = |figures: &Figures, at: usize| figures.values.get(at).cloned().flatten();
    // Runs on two processors are not compared.
    let is_of_one =
        old.processor == new.processor || [old, new].iter().any(|of| of.values.is_empty());
    let rows = ROWS.iter().enumerate();
    let meant = rows.filter(|(_, row)| is_of_one || row.at.iter().all(|at| !at.starts_with(RUN)));
    let all = meant.map(|(at, row)| Figure {
        name: row.name,
        title: row.title,
        unit: row.unit,
        old: of(old, at),
        new: of(new, at),
    });
    all.filter(|figure| figure.old.is_some() || figure.new.is_some())
        .collect()
}

/// The names of all figures.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}
