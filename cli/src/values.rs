//! Values of a model's output, as people read them.

use castiron_codegen::graph::DType;
use castiron_codegen::program::Port;
use serde::Serialize;

use crate::text;

/// Rows of a table: all values of an output that has no more, or the greatest.
const ALL: usize = 10;
const GREATEST: usize = 5;

/// An output's values, in the order of its elements.
#[derive(Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Values {
    /// Real values; those of a type without numbers are missing.
    real: Vec<f64>,
    /// What the model stores, where that is something else.
    #[serde(skip)]
    stored: Option<Vec<i64>>,
}

impl Values {
    /// The values that an output's bytes are; none for types that castiron only moves.
    pub(crate) fn new(port: &Port, bytes: &[u8]) -> Option<Self> {
        let integers: Vec<i64> = match port.dtype {
            DType::Float32 => {
                let (values, _) = bytes.as_chunks::<4>();
                let real = values.iter().map(|b| f64::from(f32::from_le_bytes(*b)));
                return Some(Self {
                    real: real.collect(),
                    stored: None,
                });
            }
            DType::Int8 => bytes.iter().map(|b| i64::from(b.cast_signed())).collect(),
            DType::Uint8 | DType::Bool => bytes.iter().copied().map(i64::from).collect(),
            DType::Int16 => integers(bytes, i16::from_le_bytes),
            DType::Int32 => integers(bytes, i32::from_le_bytes),
            DType::Int64 => integers(bytes, i64::from_le_bytes),
            _ => return None,
        };
        let quantization = port.quantization.as_ref();
        let scaled = quantization.and_then(|q| match (&q.scale[..], &q.zero_point[..]) {
            ([scale], [zero_point]) => Some((f64::from(*scale), i64::from(*zero_point))),
            _ => None,
        });
        Some(match scaled {
            Some((scale, zero_point)) => Self {
                real: (integers.iter())
                    .map(|stored| scale * (stored - zero_point) as f64)
                    .collect(),
                stored: Some(integers),
            },
            None => Self {
                real: integers.iter().map(|integer| *integer as f64).collect(),
                stored: None,
            },
        })
    }

    /// All of a few values, or the greatest of many; labels are those of the last dimension's elements.
    pub(crate) fn table(&self, labels: &[String]) -> String {
        let mut shown: Vec<usize> = (0..self.real.len()).collect();
        let cut = shown.len() > ALL;
        if cut || !labels.is_empty() {
            shown.sort_by(|a, b| self.real[*b].total_cmp(&self.real[*a]));
            shown.truncate(if cut { GREATEST } else { ALL });
        }
        let mut header = vec![">#", ">Value"];
        if self.stored.is_some() {
            header.push(">Stored");
        }
        if !labels.is_empty() {
            header.push("Label");
        }
        let rows = shown.into_iter().map(|at| {
            let mut row = vec![at.to_string(), number(self.real[at])];
            row.extend(self.stored.as_ref().map(|stored| stored[at].to_string()));
            if !labels.is_empty() {
                row.push(text::name(&labels[at % labels.len()]));
            }
            row
        });
        text::table(&header, rows)
    }

    /// What the table's rows are, for its heading.
    pub(crate) fn about(&self) -> String {
        match self.real.len() {
            1 => "1 value".to_owned(),
            n if n > ALL => format!("{GREATEST} greatest of {} values", text::grouped(n)),
            n => format!("{n} values"),
        }
    }
}

fn integers<const N: usize, T: Into<i64>>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<i64> {
    let (values, _) = bytes.as_chunks::<N>();
    values.iter().map(|bytes| read(*bytes).into()).collect()
}

/// As many digits as tell neighbours of eight bits apart, and what float32 is good for.
fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value == value.trunc() && magnitude < 1e15 {
        return format!("{value:.0}");
    }
    match magnitude {
        m if (1e-3..1e6).contains(&m) => {
            let whole = m.log10().floor().max(0.0) as usize;
            format!("{value:.*}", 5usize.saturating_sub(whole))
        }
        _ => format!("{value:.4e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(real: Vec<f64>, stored: Option<Vec<i64>>) -> Values {
        Values { real, stored }
    }

    #[test]
    fn few_values_are_all_shown() {
        let few = values(vec![0.5, -0.25], Some(vec![64, -32]));
        assert_eq!(few.about(), "2 values");
        insta::assert_snapshot!(few.table(&[]));
    }

    #[test]
    fn of_many_the_greatest_are_shown() {
        let many = values((0..12).map(|i| f64::from(i * 7 % 12)).collect(), None);
        assert_eq!(many.about(), "5 greatest of 12 values");
        let labels: Vec<String> = (0..12).map(|i| format!("class {i}")).collect();
        insta::assert_snapshot!(many.table(&labels));
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (-3.0, "-3"),
            (0.1, "0.10000"),
            (123.456, "123.456"),
            (1e-7, "1.0000e-7"),
            (1.5e9, "1500000000"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
