//! Several models: which is the best that fits, and which are the same in floats and in integers.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::data::{Arithmetic, Board, Choice, Model, board_of};
use crate::markdown::grouped;

/// Puts the models in order, the best that fits first, and says why it is the best.
pub(crate) fn rank(models: &mut [Model], boards: &[Board]) -> Choice {
    let on_board = |model: &Model| model.board.is_some();
    let fitting: Vec<&Model> = models.iter().filter(|model| fits(model)).collect();
    let count = fitting.len();
    let (measure, lack) = Measure::of(&fitting);
    // Models that are equal stay as they were.
    models.sort_by(|a, b| {
        let fit = fits(b).cmp(&fits(a));
        fit.then_with(|| measure.compare(a, b))
            .then_with(|| share(a, boards).total_cmp(&share(b, boards)))
    });
    let all = models.len();
    let where_to = match boards {
        [board] if models.iter().all(on_board) => board.name.clone(),
        _ => "their boards".to_owned(),
    };
    // Where none compiles, or all are beyond limits, the board is not the reason.
    let any_keeps = count > 0 || models.iter().any(Model::keeps_limits);
    let (can, does) = match any_keeps && !boards.is_empty() {
        true => (format!("fit on {where_to}"), format!("fits on {where_to}")),
        false => ("compile".to_owned(), "compiles".to_owned()),
    };
    let best = models.first().filter(|model| fits(model));
    let reason = match best {
        None => {
            let why = models.first().and_then(Model::unfit);
            let why = why.map(|why| format!("; {} {why}", models[0].name));
            format!("none of the {all} models {does}{}", why.unwrap_or_default())
        }
        Some(best) => {
            let what = measure.reason(best);
            let of = match count == all {
                true => format!("of all {all} models, which {can}"),
                false if count == 1 => format!("the only one of {all} that {does}"),
                false => format!("of {count} models that {can}, out of {all}"),
            };
            let lack = lack.map(|lack| format!("; {lack}")).unwrap_or_default();
            format!("{what}, {of}{lack}")
        }
    };
    Choice {
        model: best.map(|_| 0),
        reason,
    }
}

/// Whether a model is a candidate at all.
fn fits(model: &Model) -> bool {
    model.unfit().is_none()
}

/// Of which models something is not known.
enum Lack {
    Nothing,
    /// Of these, in words.
    Some(String),
    All,
}

fn lack(what: &str, models: &[&Model], is_known: fn(&Model) -> bool) -> Lack {
    let unknown = models.iter().filter(|model| !is_known(model));
    let names: Vec<&str> = unknown.map(|model| &model.name[..]).collect();
    match &names[..] {
        [] if !models.is_empty() => Lack::Nothing,
        _ if names.len() == models.len() => Lack::All,
        [first, second, third, _, ..] => Lack::Some(format!(
            "{what} does not count, which is not known of {first}, {second}, {third} and {} more",
            names.len() - 3
        )),
        _ => Lack::Some(format!(
            "{what} does not count, which is not known of {}",
            names.join(", ")
        )),
    }
}

/// What tells which model is better.
enum Measure {
    Quality,
    Kenning,
    Time,
    Memory,
}

impl Measure {
    /// What is known of all that fit; and where a better measure is known of some, why it does not count.
    fn of(fitting: &[&Model]) -> (Self, Option<String>) {
        let mut metrics: Vec<&str> = (fitting.iter())
            .filter_map(|model| model.quality.as_ref())
            .map(|quality| &quality.metric[..])
            .collect();
        metrics.sort_unstable();
        metrics.dedup();
        let quality = lack("quality", fitting, |model| model.quality.is_some());
        let time = lack("time", fitting, |model| model.time.is_some());
        let quality = match (quality, &metrics[..]) {
            (Lack::Nothing, [_]) => return (Self::Quality, None),
            (Lack::Nothing, [..]) => {
                let list = metrics.join(", ");
                Some(format!(
                    "qualities are of several metrics, which are not compared: {list}"
                ))
            }
            (Lack::Some(lack), _) => Some(lack),
            (Lack::All, _) => None,
        };
        let ranked = lack("rank", fitting, |model| model.rank.is_some());
        match (ranked, time) {
            (Lack::Nothing, _) => (Self::Kenning, quality),
            (_, Lack::Nothing) => (Self::Time, quality),
            (_, Lack::Some(time)) => (Self::Memory, quality.or(Some(time))),
            (_, Lack::All) => {
                let nothing = || "no measurement says which is better".to_owned();
                (Self::Memory, quality.or_else(|| Some(nothing())))
            }
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

    fn reason(&self, best: &Model) -> String {
        match (self, &best.quality, &best.time) {
            (Self::Quality, Some(quality), _) => {
                format!("the highest {}, {:.4}", quality.metric, quality.value)
            }
            (Self::Kenning, ..) => "the first in Kenning's order".to_owned(),
            (Self::Time, _, Some(time)) => format!("the shortest run, {:.6} s", time.seconds),
            _ => format!(
                "{}, {} bytes of flash and {} of RAM",
                match best.board {
                    Some(_) => "the smallest part of the board's flash or RAM",
                    None => "the least memory",
                },
                grouped(best.compiled.flash_bytes().unwrap_or_default()),
                grouped(best.compiled.all_ram_bytes().unwrap_or_default())
            ),
        }
    }
}

/// The greater part that a model takes of its board's flash or RAM; without a board its bytes of both.
fn share(model: &Model, boards: &[Board]) -> f64 {
    let (flash, ram) = (
        model.compiled.flash_bytes().unwrap_or(u64::MAX) as f64,
        model.compiled.all_ram_bytes().unwrap_or(usize::MAX) as f64,
    );
    let of =
        |bytes: f64, all: Option<u64>| all.filter(|all| *all > 0).map(|all| bytes / all as f64);
    match board_of(boards, model) {
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
    let stem = lower.replace(".tflite", "");
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
    (!macs.is_empty()).then(|| format!("{:?} {:?} {macs:?}", model.board, interface(model)))
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
