//! Outputs that have to be the same, or nearly.

use std::collections::BTreeSet;

use castiron_codegen::graph::{DType, Model};

use super::Sample;
use super::oracle::Outputs;
use super::spec::size;
use crate::goldens::TOLERANCE;

/// Numbers of which one may be rounded otherwise, where rounding is what differs.
const RARE: usize = 16;

/// How outputs differ.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    pub(super) what: String,
    /// Of which output.
    pub(super) output: Option<usize>,
    /// Whether elements are integers that differ by one alone.
    pub(super) by_one: bool,
    /// Whether few numbers differ, however many elements have these.
    pub(super) few: bool,
}

impl From<String> for Difference {
    fn from(what: String) -> Self {
        Self {
            what,
            output: None,
            by_one: false,
            few: false,
        }
    }
}

/// Floats may be so many times as far apart as was estimated.
const MARGIN: f32 = 4.0;

/// The first output that differs too much.
pub(super) fn difference(
    sample: &Sample,
    model: &Model,
    mine: &Outputs,
    theirs: &Outputs,
) -> Option<Difference> {
    let graph = model.graphs.first()?;
    for (run, (mine, theirs)) in std::iter::zip(mine, theirs).enumerate() {
        if mine.len() != theirs.len() {
            let what = format!(
                "run {run} has {} outputs, castiron's {}",
                theirs.len(),
                mine.len()
            );
            return Some(what.into());
        }
        for (i, (mine, theirs)) in std::iter::zip(mine, theirs).enumerate() {
            let dtype = graph.outputs.get(i).map(|id| graph.tensor(*id).dtype)?;
            let output = sample.outputs.get(i)?;
            let different = match dtype {
                _ if mine.len() != theirs.len() => {
                    Some(format!("{} bytes, not {}", theirs.len(), mine.len()).into())
                }
                DType::Float32 => {
                    floats(mine, theirs, output.peak, output.error).map(Difference::from)
                }
                _ => integers(mine, theirs, size(dtype)),
            };
            if let Some(how) = different {
                let what = format!("output {i} of run {run}: {}", how.what);
                let output = Some(i);
                return Some(Difference {
                    what,
                    output,
                    ..how
                });
            }
        }
    }
    (mine.len() != theirs.len()).then(|| "fewer runs".to_owned().into())
}

fn integers(mine: &[u8], theirs: &[u8], size: usize) -> Option<Difference> {
    let number = |bytes: &[u8]| {
        let sign = if bytes.last()? & 0x80 > 0 { 0xff } else { 0 };
        let mut wide = [sign; 8];
        wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(i64::from_le_bytes(wide))
    };
    let pairs = std::iter::zip(mine.chunks(size), theirs.chunks(size));
    let pairs =
        pairs.map(|(mine, theirs)| [mine, theirs].map(|bytes| number(bytes).unwrap_or_default()));
    let pairs: Vec<[i64; 2]> = pairs.collect();
    let is_different = |[mine, theirs]: &[i64; 2]| mine != theirs;
    let i = pairs.iter().position(is_different)?;
    let [first, other] = pairs[i];
    // A function of elements gives one number for many of them, as for all that are at an end of the range.
    let numbers: BTreeSet<[i64; 2]> = pairs.iter().copied().collect();
    let different: Vec<&[i64; 2]> = numbers.iter().filter(|pair| is_different(pair)).collect();
    let by_one = |pair: &&[i64; 2]| pair[0].abs_diff(pair[1]) == 1;
    Some(Difference {
        output: None,
        what: format!("element {i} is {other}, castiron's {first}"),
        by_one: different.iter().all(by_one),
        few: different.len() <= 1 + numbers.len() / RARE,
    })
}

fn floats(mine: &[u8], theirs: &[u8], peak: f32, error: f32) -> Option<String> {
    let numbers = |bytes: &[u8]| -> Vec<f32> {
        let (words, _) = bytes.as_chunks::<4>();
        words.iter().map(|word| f32::from_le_bytes(*word)).collect()
    };
    let (mine, theirs) = (numbers(mine), numbers(theirs));
    let greatest = theirs.iter().fold(1f32, |m, x| m.max(x.abs()));
    let mut all = std::iter::zip(mine, theirs).enumerate();
    let (i, (mine, theirs)) = all.find(|(_, (mine, theirs))| {
        let most = match peak.is_finite() {
            true => TOLERANCE * greatest,
            false => TOLERANCE * theirs.abs().max(1.0),
        };
        let most = most.max(MARGIN * error);
        let same = mine == theirs || (mine.is_nan() && theirs.is_nan());
        !(same || (mine - theirs).abs() <= most)
    })?;
    Some(format!("element {i} is {theirs}, castiron's {mine}"))
}
