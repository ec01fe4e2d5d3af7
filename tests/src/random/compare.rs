//! Outputs that have to be the same, or nearly.

use castiron_codegen::graph::{DType, Model};

use super::Sample;
use super::oracle::Outputs;
use super::spec::size;
use crate::goldens::TOLERANCE;

/// Floats may be so many times as far apart as was estimated.
const MARGIN: f32 = 4.0;

/// The first output that differs too much.
pub(super) fn difference(
    sample: &Sample,
    model: &Model,
    mine: &Outputs,
    theirs: &Outputs,
) -> Option<String> {
    let graph = model.graphs.first()?;
    for (run, (mine, theirs)) in std::iter::zip(mine, theirs).enumerate() {
        for (i, (mine, theirs)) in std::iter::zip(mine, theirs).enumerate() {
            let dtype = graph.outputs.get(i).map(|id| graph.tensor(*id).dtype)?;
            let output = sample.outputs.get(i)?;
            let different = match dtype {
                _ if mine.len() != theirs.len() => {
                    Some(format!("{} bytes, not {}", theirs.len(), mine.len()))
                }
                DType::Float32 => floats(mine, theirs, output.peak, output.error),
                _ => integers(mine, theirs, size(dtype)),
            };
            if let Some(how) = different {
                return Some(format!("output {i} of run {run}: {how}"));
            }
        }
    }
    (mine.len() != theirs.len()).then(|| "fewer runs".to_owned())
}

fn integers(mine: &[u8], theirs: &[u8], size: usize) -> Option<String> {
    let mut all = std::iter::zip(mine.chunks(size), theirs.chunks(size)).enumerate();
    let (i, (mine, theirs)) = all.find(|(_, (mine, theirs))| mine != theirs)?;
    let number = |bytes: &[u8]| {
        let sign = if bytes.last()? & 0x80 > 0 { 0xff } else { 0 };
        let mut wide = [sign; 8];
        wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(i64::from_le_bytes(wide))
    };
    let [mine, theirs] = [mine, theirs].map(|bytes| number(bytes).unwrap_or_default());
    Some(format!("element {i} is {theirs}, castiron's {mine}"))
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
