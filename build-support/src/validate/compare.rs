//! Two values of one tensor: how many elements differ, by how much, and where first.

use castiron_codegen::graph::DType;
use serde::Serialize;

/// How the values of a tensor agree over all cases.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Cases compared.
    pub cases: usize,
    /// Elements compared.
    pub values: usize,
    /// Elements that differ by more than is tolerated.
    pub differing: usize,
    /// The greatest difference, tolerated ones among them; infinite where one of the two is no
    /// number.
    #[serde(serialize_with = "finite")]
    pub greatest: f64,
}

/// JSON has no infinity: `null`.
fn finite<S: serde::Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    value.is_finite().then_some(*value).serialize(serializer)
}

/// The first element that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mismatch {
    pub(super) element: usize,
    pub(super) got: String,
    pub(super) expected: String,
}

impl Tally {
    /// Compares one case. Integers have to be equal; floats may differ by `tolerance` of the
    /// tensor's greatest expected magnitude, or of 1.
    pub(super) fn add(
        &mut self,
        dtype: DType,
        got: &[u8],
        expected: &[u8],
        tolerance: f64,
    ) -> Option<Mismatch> {
        let (found, wanted) = (values(dtype, got), values(dtype, expected));
        let magnitude = (wanted.iter())
            .filter_map(|v| v.float())
            .filter(|v| v.is_finite())
            .fold(1f64, |m, v| m.max(v.abs()));
        let allowed = tolerance * magnitude;
        self.cases += 1;
        self.values += wanted.len();
        let mut first = None;
        if let Some(found) = found.get(wanted.len()) {
            // So do those that should not be there.
            self.differing += 1;
            first = Some(Mismatch {
                element: wanted.len(),
                got: found.to_string(),
                expected: "nothing".to_owned(),
            });
        }
        for (element, wanted) in wanted.iter().enumerate() {
            let Some(found) = found.get(element) else {
                // Elements that are missing differ.
                self.differing += 1;
                first.get_or_insert(Mismatch {
                    element,
                    got: "nothing".to_owned(),
                    expected: wanted.to_string(),
                });
                continue;
            };
            let difference = found.difference(*wanted);
            self.greatest = self.greatest.max(difference);
            let limit = wanted.float().map_or(0.0, |_| allowed);
            if difference > limit {
                self.differing += 1;
                first.get_or_insert(Mismatch {
                    element,
                    got: found.to_string(),
                    expected: wanted.to_string(),
                });
            }
        }
        first
    }
}

/// Where an element lies.
pub(super) fn coordinates(shape: &[usize], element: usize) -> Vec<usize> {
    let mut rest = element;
    let mut place: Vec<usize> = (shape.iter().rev())
        .map(|size| {
            let size = (*size).max(1);
            let at = rest % size;
            rest /= size;
            at
        })
        .collect();
    place.reverse();
    place
}

#[derive(Debug, Clone, Copy)]
enum Value {
    Integer(i128),
    Float(f64),
}

impl Value {
    fn float(self) -> Option<f64> {
        match self {
            Self::Integer(_) => None,
            Self::Float(value) => Some(value),
        }
    }

    fn difference(self, other: Self) -> f64 {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => (a - b).unsigned_abs() as f64,
            (Self::Float(a), Self::Float(b)) => {
                // Equality first: it alone holds for infinities.
                if a == b || (a.is_nan() && b.is_nan()) {
                    return 0.0;
                }
                let difference = (a - b).abs();
                if difference.is_nan() {
                    return f64::INFINITY;
                }
                difference
            }
            _ => f64::INFINITY,
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
        }
    }
}

fn values(dtype: DType, bytes: &[u8]) -> Vec<Value> {
    fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> Value) -> Vec<Value> {
        let (elements, _) = bytes.as_chunks::<N>();
        elements.iter().map(|e| value(*e)).collect()
    }
    let integer = Value::Integer;
    match dtype {
        DType::Int8 => each(bytes, |b| integer(i8::from_le_bytes(b).into())),
        DType::Int16 => each(bytes, |b| integer(i16::from_le_bytes(b).into())),
        DType::Uint16 => each(bytes, |b| integer(u16::from_le_bytes(b).into())),
        DType::Int32 => each(bytes, |b| integer(i32::from_le_bytes(b).into())),
        DType::Uint32 => each(bytes, |b| integer(u32::from_le_bytes(b).into())),
        DType::Int64 => each(bytes, |b| integer(i64::from_le_bytes(b).into())),
        DType::Uint64 => each(bytes, |b| integer(u64::from_le_bytes(b).into())),
        DType::Float32 => each(bytes, |b| Value::Float(f32::from_le_bytes(b).into())),
        DType::Float64 => each(bytes, |b| Value::Float(f64::from_le_bytes(b))),
        // Bytes as they are: uint8, bool, and packed types.
        _ => each(bytes, |b| integer(u8::from_le_bytes(b).into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    #[test]
    fn integers_have_to_be_equal() {
        let mut tally = Tally::default();
        assert_eq!(tally.add(DType::Int8, &[1, 2], &[1, 2], 1.0), None);
        let mismatch = tally.add(DType::Int8, &[1, 255, 0], &[1, 2, 3], 1.0);
        assert_eq!(
            mismatch,
            Some(Mismatch {
                element: 1,
                got: "-1".to_owned(),
                expected: "2".to_owned()
            })
        );
        let expected = Tally {
            cases: 2,
            values: 5,
            differing: 2,
            greatest: 3.0,
        };
        assert_eq!(tally, expected);
        // The greatest of 64 bits.
        let (got, want) = (i64::MIN.to_le_bytes(), i64::MAX.to_le_bytes());
        assert!(tally.add(DType::Int64, &got, &want, 0.0).is_some());
    }

    #[test]
    fn floats_may_differ_by_a_share_of_the_greatest() {
        let mut tally = Tally::default();
        let want = floats(&[1000.0, 0.0, f32::NAN, f32::INFINITY]);
        let near = floats(&[1000.0, 0.009, f32::NAN, f32::INFINITY]);
        assert_eq!(tally.add(DType::Float32, &near, &want, 1e-5), None);
        assert!(tally.greatest > 0.008);
        for (element, wrong) in [
            (1, floats(&[1000.0, 0.02, f32::NAN, f32::INFINITY])),
            (2, floats(&[1000.0, 0.0, 1.0, f32::INFINITY])),
            (3, floats(&[1000.0, 0.0, f32::NAN, f32::NEG_INFINITY])),
        ] {
            let mismatch = tally.add(DType::Float32, &wrong, &want, 1e-5);
            assert_eq!(mismatch.map(|m| m.element), Some(element));
        }
    }

    #[test]
    fn what_is_missing_differs() {
        let mut tally = Tally::default();
        let mismatch = tally.add(DType::Int16, &[1, 0], &[1, 0, 2, 0], 0.0);
        assert_eq!(mismatch.map(|m| m.element), Some(1));
    }

    #[test]
    fn elements_have_coordinates() {
        assert_eq!(coordinates(&[1, 4, 3, 2], 11), [0, 1, 2, 1]);
        assert_eq!(coordinates(&[], 0), [0usize; 0]);
    }
}
