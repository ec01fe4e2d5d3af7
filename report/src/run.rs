//! Models run on the host, to compare their outputs as real numbers.

use std::path::Path;

use castiron_cases::{Case, Interface, Recording};
use castiron_codegen::error::{Diagnostic, Result};
use castiron_codegen::exec::Machine;
use castiron_codegen::graph::DType;
use castiron_codegen::program::{Entry, Port, Program};

use crate::data::{Difference, Differences, Recorded};

/// A program with the name that its cases go by.
pub(crate) struct Runnable {
    pub(crate) stem: String,
    pub(crate) program: Program,
}

impl Runnable {
    fn entry(&self) -> Result<&Entry> {
        let entry = self.program.entries.first();
        entry.ok_or_else(|| Diagnostic::fault("the program has no entry").into())
    }

    /// The cases that were recorded of it, if there are any.
    fn cases(&self, goldens: &Path) -> Result<Option<Vec<Case>>> {
        let Some(path) = castiron_cases::find(goldens, &self.stem) else {
            return Ok(None);
        };
        let cases = Recording::open(&path)?.cases(&Interface::from(self.entry()?))?;
        Ok(Some(cases))
    }

    /// Outputs of a run that begins anew: real numbers, by output.
    fn outputs(&self, inputs: &[Vec<u8>]) -> Result<Vec<Vec<f64>>> {
        let entry = self.entry()?;
        let mut machine = Machine::new(&self.program, entry);
        for (position, bytes) in inputs.iter().enumerate() {
            machine.set_input(position, bytes)?;
        }
        machine.run()?;
        let outputs = entry.outputs.iter().enumerate();
        outputs
            .map(|(position, port)| real(port, machine.output(position).unwrap_or_default()))
            .collect()
    }

    /// Its outputs beside recorded ones; none if there are no such.
    pub(crate) fn against_recorded(&self, goldens: &Path) -> Result<Option<Recorded>> {
        // Successive cases are those of a state that others left.
        let cases = match self.cases(goldens)? {
            Some(cases) if self.program.state_bytes == 0 => cases,
            _ => return Ok(None),
        };
        let entry = self.entry()?;
        let mut tally = Tally::of(entry);
        let mut count = 0;
        for case in &cases {
            let recorded: Option<Vec<_>> = case.outputs.iter().cloned().collect();
            let Some(recorded) = recorded.filter(|recorded| recorded.len() == entry.outputs.len())
            else {
                continue;
            };
            let recorded = entry.outputs.iter().zip(&recorded);
            let recorded: Vec<_> = recorded
                .map(|(port, bytes)| real(port, bytes))
                .collect::<Result<_>>()?;
            tally.add(&recorded, &self.outputs(&case.inputs)?);
            count += 1;
        }
        Ok((count > 0).then(|| Recorded {
            cases: count,
            outputs: tally.differences(),
        }))
    }
}

/// How outputs of a model in integers differ from those of the same in floats; none if there are no inputs.
pub(crate) fn compare(
    float: &Runnable,
    integer: &Runnable,
    goldens: &Path,
) -> Result<Option<Differences>> {
    // Floats can have any value of integers; the other way, some would be cut off.
    for (known, other, is_float) in [(integer, float, false), (float, integer, true)] {
        let Some(cases) = known.cases(goldens)? else {
            continue;
        };
        let mut tally = Tally::of(float.entry()?);
        for case in &cases {
            let there = case
                .inputs
                .iter()
                .zip(&known.entry()?.inputs)
                .zip(&other.entry()?.inputs);
            let there: Vec<_> = there
                .map(|((bytes, from), to)| stored(to, &real(from, bytes)?))
                .collect::<Result<_>>()?;
            let (of_float, of_integer) = match is_float {
                true => (&case.inputs, &there),
                false => (&there, &case.inputs),
            };
            tally.add(&float.outputs(of_float)?, &integer.outputs(of_integer)?);
        }
        return Ok(Some(Differences {
            cases: cases.len(),
            source: known.stem.clone(),
            outputs: tally.differences(),
        }));
    }
    Ok(None)
}

/// Differences of outputs, case by case.
struct Tally {
    outputs: Vec<Tallied>,
}

#[derive(Default)]
struct Tallied {
    name: String,
    greatest: f64,
    sum: f64,
    values: usize,
    range: Option<(f64, f64)>,
    same_greatest: Option<usize>,
}

impl Tally {
    fn of(entry: &Entry) -> Self {
        let outputs = entry.outputs.iter().map(|port| Tallied {
            name: port.name.clone(),
            ..Tallied::default()
        });
        Self {
            outputs: outputs.collect(),
        }
    }

    fn add(&mut self, wanted: &[Vec<f64>], found: &[Vec<f64>]) {
        for ((tallied, wanted), found) in self.outputs.iter_mut().zip(wanted).zip(found) {
            for (wanted, found) in wanted.iter().zip(found) {
                let is_same = wanted == found || wanted.is_nan() && found.is_nan();
                let apart = if is_same { 0.0 } else { (wanted - found).abs() };
                // What is not a number differs as much as anything can, and JSON has no such number.
                let apart = if apart.is_finite() { apart } else { f64::MAX };
                tallied.greatest = tallied.greatest.max(apart);
                tallied.sum = (tallied.sum + apart).min(f64::MAX);
                tallied.values += 1;
                if wanted.is_finite() {
                    let (least, greatest) = tallied.range.unwrap_or((*wanted, *wanted));
                    tallied.range = Some((least.min(*wanted), greatest.max(*wanted)));
                }
            }
            if wanted.len() > 1 {
                let same = usize::from(position_of_greatest(wanted) == position_of_greatest(found));
                *tallied.same_greatest.get_or_insert(0) += same;
            }
        }
    }

    fn differences(self) -> Vec<Difference> {
        let difference = |tallied: Tallied| Difference {
            name: tallied.name,
            greatest: tallied.greatest,
            mean: tallied.sum / tallied.values.max(1) as f64,
            range: tallied
                .range
                .map_or(0.0, |(least, greatest)| (greatest - least).min(f64::MAX)),
            same_greatest: tallied.same_greatest,
        };
        self.outputs.into_iter().map(difference).collect()
    }
}

/// The first of several.
fn position_of_greatest(values: &[f64]) -> Option<usize> {
    let all = values.iter().enumerate().rev();
    all.max_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|(at, _)| at)
}

/// What stored values stand for.
fn real(port: &Port, bytes: &[u8]) -> Result<Vec<f64>> {
    let values: Vec<f64> = match port.dtype {
        DType::Float32 => (bytes.as_chunks::<4>().0.iter())
            .map(|b| f64::from(f32::from_le_bytes(*b)))
            .collect(),
        DType::Int8 => bytes.iter().map(|b| f64::from(b.cast_signed())).collect(),
        DType::Uint8 | DType::Bool => bytes.iter().map(|b| f64::from(*b)).collect(),
        DType::Int16 => (bytes.as_chunks::<2>().0.iter())
            .map(|b| f64::from(i16::from_le_bytes(*b)))
            .collect(),
        DType::Int32 => (bytes.as_chunks::<4>().0.iter())
            .map(|b| f64::from(i32::from_le_bytes(*b)))
            .collect(),
        DType::Uint16 => (bytes.as_chunks::<2>().0.iter())
            .map(|b| f64::from(u16::from_le_bytes(*b)))
            .collect(),
        DType::Uint32 => (bytes.as_chunks::<4>().0.iter())
            .map(|b| f64::from(u32::from_le_bytes(*b)))
            .collect(),
        // Of indices and counts, which are far below what a real number tells apart.
        DType::Int64 => (bytes.as_chunks::<8>().0.iter())
            .map(|b| i64::from_le_bytes(*b) as f64)
            .collect(),
        _ => return Err(unlike(port)),
    };
    let (scale, zero_point) = quantization(port);
    let real = values.into_iter().map(|value| (value - zero_point) * scale);
    Ok(real.collect())
}

/// How values are stored, rounded to what is nearest.
fn stored(port: &Port, values: &[f64]) -> Result<Vec<u8>> {
    let (scale, zero_point) = quantization(port);
    let stored = values
        .iter()
        .map(|value| (value / scale).round() + zero_point);
    // `as` gives the nearest value that the type has.
    Ok(match port.dtype {
        DType::Float32 => (values.iter())
            .flat_map(|value| (*value as f32).to_le_bytes())
            .collect(),
        DType::Int8 => stored.map(|value| (value as i8).cast_unsigned()).collect(),
        DType::Uint8 => stored.map(|value| value as u8).collect(),
        DType::Bool => stored.map(|value| u8::from(value != 0.0)).collect(),
        DType::Int16 => stored
            .flat_map(|value| (value as i16).to_le_bytes())
            .collect(),
        DType::Int32 => stored
            .flat_map(|value| (value as i32).to_le_bytes())
            .collect(),
        DType::Uint16 => stored
            .flat_map(|value| (value as u16).to_le_bytes())
            .collect(),
        DType::Uint32 => stored
            .flat_map(|value| (value as u32).to_le_bytes())
            .collect(),
        DType::Int64 => stored
            .flat_map(|value| (value as i64).to_le_bytes())
            .collect(),
        _ => return Err(unlike(port)),
    })
}

fn quantization(port: &Port) -> (f64, f64) {
    let quantized = port.quantization.as_ref().and_then(|q| q.per_tensor());
    quantized
        .filter(|_| port.dtype != DType::Float32)
        .map_or((1.0, 0.0), |(scale, zero_point)| {
            (f64::from(scale), f64::from(zero_point))
        })
}

fn unlike(port: &Port) -> castiron_codegen::error::Error {
    Diagnostic::new("values of this type are not compared as real numbers")
        .found(format_args!("{} of {:?}", port.dtype, port.name))
        .into()
}
