//! Several models: which is the best that fits, and which are the same in floats and in integers.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::data::{Arithmetic, Board, Choice, Model};
use crate::markdown::grouped;

/// Puts the models in order, the best that fits first, and says why it is the best.
pub(crate) fn rank(models: &mut [Model], board: Option<&Board>) -> Choice {
    let fitting: Vec<&Model> = models.iter().filter(|model| fits(model)).collect();
    let count = fitting.len();
    let measure = Measure::of(&fitting);
    // Models that are equal stay as they were.
    models.sort_by(|a, b| {
        let fit = fits(b).cmp(&fits(a));
        fit.then_with(|| measure.compare(a, b))
            .then_with(|| share(a, board).total_cmp(&share(b, board)))
    });
    let all = models.len();
    let (can, does) = match board {
        Some(board) => (
            format!("fit on {}", board.name),
            format!("fits on {}", board.name),
        ),
        None => ("compile".to_owned(), "compiles".to_owned()),
    };
    let best = models.first().filter(|model| fits(model));
    let reason = match best {
        None => format!("none of the {all} models {does}"),
        Some(best) => {
            let what = measure.reason(best, board);
            let of = match count == all {
                true => format!("of all {all} models, which {can}"),
                false => format!("of {count} models that {can}, out of {all}"),
            };
            format!("{what}, {of}")
        }
    };
    Choice {
        model: best.map(|_| 0),
        reason,
    }
}

/// Whether a model is a candidate at all.
fn fits(model: &Model) -> bool {
    model.compiled.ok && model.fit.as_ref().is_none_or(|fit| fit.fits)
}

/// What tells which model is better.
enum Measure {
    Quality,
    Kenning,
    Time,
    Memory,
}

impl Measure {
    /// What is known of all that fit.
    fn of(fitting: &[&Model]) -> Self {
        let mut metrics = fitting
            .iter()
            .map(|model| model.quality.as_ref().map(|q| &q.metric));
        let first = metrics.next().flatten();
        if first.is_some() && metrics.all(|metric| metric == first) {
            return Self::Quality;
        }
        let all =
            |known: fn(&Model) -> bool| !fitting.is_empty() && fitting.iter().all(|m| known(m));
        match (all(|m| m.rank.is_some()), all(|m| m.time.is_some())) {
            (true, _) => Self::Kenning,
            (false, true) => Self::Time,
            (false, false) => Self::Memory,
        }
    }

    fn compare(&self, a: &Model, b: &Model) -> Ordering {
        let quality = |model: &Model| {
            model
                .quality
                .as_ref()
                .map_or(f64::NEG_INFINITY, |q| q.value)
        };
        let seconds = |model: &Model| model.time.as_ref().map_or(f64::INFINITY, |t| t.seconds);
        match self {
            Self::Quality => {
                (quality(b).total_cmp(&quality(a))).then_with(|| seconds(a).total_cmp(&seconds(b)))
            }
            Self::Kenning => a.rank.cmp(&b.rank),
            Self::Time => seconds(a).total_cmp(&seconds(b)),
            Self::Memory => Ordering::Equal,
        }
    }

    fn reason(&self, best: &Model, board: Option<&Board>) -> String {
        match (self, &best.quality, &best.time) {
            (Self::Quality, Some(quality), _) => {
                format!("the highest {}, {:.4}", quality.metric, quality.value)
            }
            (Self::Kenning, ..) => "the first in Kenning's order".to_owned(),
            (Self::Time, _, Some(time)) => format!("the shortest run, {:.6} s", time.seconds),
            _ => format!(
                "{}, {} bytes of flash and {} of RAM (no measurement says which is better otherwise)",
                match board {
                    Some(_) => "the smallest part of the board's flash or RAM",
                    None => "the least memory",
                },
                grouped(best.compiled.flash_bytes().unwrap_or_default()),
                grouped(best.compiled.ram_bytes.unwrap_or_default())
            ),
        }
    }
}

/// The greater part that a model takes of the board's flash or RAM; without a board its bytes of both.
fn share(model: &Model, board: Option<&Board>) -> f64 {
    let (flash, ram) = (
        model.compiled.flash_bytes().unwrap_or(u64::MAX) as f64,
        model.compiled.ram_bytes.unwrap_or(usize::MAX) as f64,
    );
    let of =
        |bytes: f64, all: Option<u64>| all.filter(|all| *all > 0).map(|all| bytes / all as f64);
    match board {
        Some(board) => {
            let in_flash = of(flash, board.flash_bytes).unwrap_or_default();
            in_flash.max(of(ram, board.ram_bytes).unwrap_or_default())
        }
        None => flash + ram,
    }
}

/// The same model in floats and in integers, and what says so.
pub(crate) struct Same {
    pub(crate) float: usize,
    pub(crate) integer: usize,
    pub(crate) by: &'static str,
}

/// Words of a name that say what a model computes in.
const ARITHMETIC_WORDS: [&str; 16] = [
    "float",
    "float32",
    "fp32",
    "f32",
    "int8",
    "i8",
    "uint8",
    "u8",
    "int16",
    "16x8",
    "int",
    "quant",
    "quantized",
    "quantised",
    "q",
    "ptq",
];

/// Pairs of models: by their names but for such words, or else by their shapes.
pub(crate) fn pairs(models: &[Model]) -> Vec<Same> {
    let mut found = Vec::new();
    let mut paired = vec![false; models.len()];
    for (by, key) in [
        ("names", name_key as fn(&Model) -> Option<String>),
        ("shapes", shape_key),
    ] {
        let mut groups: BTreeMap<String, [Vec<usize>; 2]> = BTreeMap::new();
        for (index, model) in models
            .iter()
            .enumerate()
            .filter(|(index, _)| !paired[*index])
        {
            let side = match model.arithmetic {
                Arithmetic::Float32 => 0,
                Arithmetic::Integer => 1,
                Arithmetic::Hybrid | Arithmetic::None => continue,
            };
            if let Some(key) = key(model) {
                groups.entry(key).or_default()[side].push(index);
            }
        }
        for [floats, integers] in groups.into_values() {
            // Of several, nobody knows which.
            if let ([float], [integer]) = (&floats[..], &integers[..])
                && interface(&models[*float]) == interface(&models[*integer])
            {
                paired[*float] = true;
                paired[*integer] = true;
                found.push(Same {
                    float: *float,
                    integer: *integer,
                    by,
                });
            }
        }
    }
    found.sort_by_key(|same| same.float.min(same.integer));
    found
}

fn name_key(model: &Model) -> Option<String> {
    let lower = model.name.to_lowercase();
    let stem = lower.strip_suffix(".tflite").unwrap_or(&lower);
    let words = stem.split(['_', '-', '.', ' ']);
    let words: Vec<&str> = words
        .filter(|word| !ARITHMETIC_WORDS.contains(word))
        .collect();
    Some(words.join("_"))
}

/// Shapes of inputs and outputs, and what each operator multiplies.
fn shape_key(model: &Model) -> Option<String> {
    let graph = model.subgraphs.first()?;
    let macs = graph
        .operators
        .iter()
        .filter_map(|operator| operator.macs.filter(|macs| *macs > 0));
    let macs: Vec<u64> = macs.collect();
    (!macs.is_empty()).then(|| format!("{:?} {macs:?}", interface(model)))
}

/// Shapes of inputs and outputs.
fn interface(model: &Model) -> Option<[Vec<&[usize]>; 2]> {
    let graph = model.subgraphs.first()?;
    let shapes = |list: &[usize]| {
        list.iter()
            .map(|index| &graph.tensors[*index].shape[..])
            .collect()
    };
    Some([shapes(&graph.inputs), shapes(&graph.outputs)])
}
