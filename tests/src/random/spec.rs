//! What is known of a tensor, and the bytes of its elements.

use std::ops::RangeInclusive;

use castiron_codegen::graph::DType;
use fastrand::Rng;

use super::weights::half;

/// Floats of a magnitude that is no longer estimated: nothing computes with them any more.
const MOST_PEAK: f32 = 1.0e4;
/// Floats of inputs and constants lie within this.
pub(super) const FLOATS: f32 = 4.0;

/// What is known of a tensor without its place.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    /// Of quantised integers.
    pub(super) scale: Option<(f32, i32)>,
    /// Of floats: a bound of magnitudes; infinite where numbers may be infinite, or none.
    pub(super) peak: f32,
    /// Of floats: how far two right kernels may be apart.
    pub(super) error: f32,
}

/// A tensor that operators may read.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) id: i32,
    pub(super) spec: Spec,
    pub(super) is_constant: bool,
    /// Whether it follows from constants, so that a pass may make a constant of it.
    pub(super) is_known: bool,
    pub(super) is_read: bool,
}

impl std::ops::Deref for Value {
    type Target = Spec;

    fn deref(&self) -> &Spec {
        &self.spec
    }
}

impl Value {
    /// One that only the operator reads that it is made for.
    pub(super) fn constant(id: i32, spec: Spec) -> Self {
        Self {
            id,
            spec,
            is_constant: true,
            is_known: true,
            is_read: false,
        }
    }

    /// One that is computed, or given.
    pub(super) fn given(id: i32, spec: Spec) -> Self {
        Self {
            is_constant: false,
            is_known: false,
            ..Self::constant(id, spec)
        }
    }
}

impl Spec {
    pub(super) fn of(dtype: DType, shape: &[usize]) -> Self {
        Self {
            dtype,
            shape: shape.to_vec(),
            scale: None,
            peak: FLOATS,
            error: 0.0,
        }
    }

    pub(super) fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The same numbers in another shape.
    pub(super) fn shaped(&self, shape: &[usize]) -> Self {
        Self {
            shape: shape.to_vec(),
            ..self.clone()
        }
    }

    /// With another quantisation.
    pub(super) fn scaled(self, scale: Option<(f32, i32)>) -> Self {
        Self { scale, ..self }
    }

    /// With another estimate, where there are floats.
    pub(super) fn within(self, peak: f32, error: f32) -> Self {
        if self.dtype != DType::Float32 {
            return self;
        }
        let is_tame = peak < MOST_PEAK;
        Self {
            peak: if is_tame { peak } else { f32::INFINITY },
            error,
            ..self
        }
    }

    /// Floats of which nothing is known.
    pub(super) fn wild(self) -> Self {
        self.within(f32::INFINITY, 0.0)
    }

    /// Whether numbers are finite, and not large; and words symmetric, without which operators but those that move them refuse them.
    pub(super) fn is_tame(&self) -> bool {
        let is_odd = self.dtype == DType::Int16 && self.scale.is_some_and(|(_, zero)| zero != 0);
        self.peak.is_finite() && !is_odd
    }

    /// Whether any right kernel gives the same bits.
    pub(super) fn is_exact(&self) -> bool {
        self.error == 0.0 && self.is_tame()
    }

    /// The values that stored ones lie in: of quantised types all, of others few.
    pub(super) fn range(&self) -> RangeInclusive<i64> {
        match self.dtype {
            DType::Int8 => -128..=127,
            DType::Uint8 => 0..=255,
            DType::Int16 => -32768..=32767,
            DType::Bool => 0..=1,
            DType::Uint16 => 0..=u16::MAX.into(),
            DType::Uint32 => 0..=u32::MAX.into(),
            DType::Uint64 => 0..=1 << 62,
            _ => -100..=100,
        }
    }
}

/// An input of the model, and what its elements may be.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) dtype: DType,
    pub(super) elements: usize,
    pub(super) range: RangeInclusive<i64>,
}

/// What becomes of a model's output.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) peak: f32,
    pub(super) error: f32,
}

/// Bytes of elements, of a range if they are integers.
pub(super) fn elements(
    random: &mut Rng,
    dtype: DType,
    count: usize,
    range: &RangeInclusive<i64>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..count {
        if matches!(dtype, DType::Float32 | DType::Float16) {
            // Some are integers, and halves.
            let value = match random.u8(..4) {
                0 => (random.i32(-8..=8) as f32) / 2.0,
                _ => (random.f32() * 2.0 - 1.0) * FLOATS,
            };
            match dtype {
                DType::Float16 => bytes.extend(half(value).to_le_bytes()),
                _ => bytes.extend(value.to_le_bytes()),
            }
            continue;
        }
        let value = match random.u8(..16) {
            0 => *range.start(),
            1 => *range.end(),
            _ => random.i64(range.clone()),
        };
        // Of the widest types, small numbers are as frequent as large ones.
        let value = match dtype {
            DType::Uint32 => value >> random.u8(..32),
            DType::Uint64 => value >> random.u8(..62),
            _ => value,
        };
        bytes.extend(&value.to_le_bytes()[..size(dtype)]);
    }
    bytes
}

/// Bytes of an element.
pub(super) fn size(dtype: DType) -> usize {
    (dtype.bits() / 8).max(1)
}

/// A type's code in the schema.
pub(super) fn code(dtype: DType) -> i8 {
    CODES
        .iter()
        .find(|(of, ..)| *of == dtype)
        .map_or(0, |c| c.1)
}

pub(super) fn type_name(code: i8) -> &'static str {
    CODES.iter().find(|c| c.1 == code).map_or("", |c| c.2)
}

pub(super) const CODES: [(DType, i8, &str); 13] = [
    (DType::Float32, 0, "f32"),
    (DType::Float16, 1, "f16"),
    (DType::Int32, 2, "i32"),
    (DType::Uint8, 3, "u8"),
    (DType::Int64, 4, "i64"),
    (DType::Bool, 6, "bool"),
    (DType::Int16, 7, "i16"),
    (DType::Int8, 9, "i8"),
    (DType::Uint64, 12, "u64"),
    (DType::Resource, 13, "variable"),
    (DType::Uint32, 15, "u32"),
    (DType::Uint16, 16, "u16"),
    (DType::Int4, 17, "i4"),
];
