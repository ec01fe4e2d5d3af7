//! Tensors, element types and quantisation.

use std::fmt;
use std::sync::Arc;

use super::half;

/// Index of a tensor within its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TensorId(pub u32);

impl TensorId {
    /// The index as a `usize`.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Element types of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
#[non_exhaustive]
pub enum DType {
    Float32,
    Float16,
    Int32,
    Uint8,
    Int64,
    String,
    Bool,
    Int16,
    Complex64,
    Int8,
    Float64,
    Complex128,
    Uint64,
    Resource,
    Variant,
    Uint32,
    Uint16,
    Int4,
    Bfloat16,
    Int2,
    Uint4,
    Float8E4M3Fn,
    Float8E5M2,
}

/// Scale and zero point, per tensor (one of each) or per channel along `dimension`.
///
/// real value = `scale[c]` × (stored value − `zero_point[c]`)
#[derive(Debug, Clone, PartialEq)]
pub struct Quantization {
    /// Scales; never empty, all finite.
    pub scale: Vec<f32>,
    /// Zero points, as many as scales, each within the element type's range.
    pub zero_point: Vec<i32>,
    /// The channel dimension; meaningful with more than one scale.
    pub dimension: usize,
}

/// One tensor: an activation, a constant or a variable.
#[derive(Debug, Clone)]
pub struct Tensor {
    /// The writer's name; any text, possibly empty or not unique.
    pub name: String,
    /// Sizes of the dimensions; empty for a scalar. Unknown sizes were read as 1.
    pub shape: Vec<usize>,
    /// The shape with −1 for sizes unknown to the writer, where it is given.
    pub shape_signature: Option<Vec<i32>>,
    /// Element type.
    pub dtype: DType,
    /// Quantisation parameters, if any.
    pub quantization: Option<Quantization>,
    /// A constant's bytes, little endian; shared between tensors of one buffer.
    pub data: Option<Arc<[u8]>>,
    /// State that is kept between runs.
    pub is_variable: bool,
    /// Of a constant that a DEQUANTIZE gave: the constant that the file has.
    pub stored: Option<TensorId>,
    /// Of a constant that is quantised in blocks: their scales.
    pub blocks: Option<Blocks>,
}

/// Blocks of neighbours along the last dimension, each with a scale of its own and without a zero point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks {
    /// The tensor of scales, a constant of float16: as many as blocks.
    pub scales: TensorId,
    /// Elements of a block, which divide the last dimension.
    pub size: usize,
}

impl Quantization {
    /// The one scale and zero point of a tensor quantised as a whole.
    pub fn per_tensor(&self) -> Option<(f32, i32)> {
        match (&self.scale[..], &self.zero_point[..]) {
            ([scale], [zero_point]) => Some((*scale, *zero_point)),
            _ => None,
        }
    }
}

impl Tensor {
    /// Nothing that fits a microcontroller comes near; below it, sizes can be added without care.
    pub const MOST_BYTES: usize = 1 << 31;

    /// Whether a tensor of this type may have a shape.
    pub(crate) fn may_have(&self, shape: &[usize]) -> bool {
        let bits = self.dtype.bits().max(1);
        // Each size counts at least 1, so that no order of multiplication overflows behind a 0.
        let mut sizes = shape.iter().map(|size| (*size).max(1));
        let total = sizes.try_fold(bits, usize::checked_mul);
        total.is_some_and(|total| total.div_ceil(8) <= Self::MOST_BYTES)
    }

    /// Number of elements. The reader has checked that it does not overflow.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes of the tensor in memory, packed types rounded up to whole bytes.
    /// Types without a fixed element size (`STRING`, `RESOURCE`, `VARIANT`) count as 0.
    pub fn bytes(&self) -> usize {
        (self.elements() * self.dtype.bits()).div_ceil(8)
    }

    /// The dimensions whose sizes the writer did not know.
    pub fn unknown_sizes(&self) -> Vec<usize> {
        let signature = self.shape_signature.iter().flatten().enumerate();
        let unknown = signature.filter(|(_, size)| **size < 0);
        unknown.map(|(dimension, _)| dimension).collect()
    }

    /// Whether the tensor's value is known from the file.
    pub fn is_constant(&self) -> bool {
        self.data.is_some()
    }

    /// The values of a constant of float16.
    pub(crate) fn as_halves(&self) -> Option<Vec<f32>> {
        let data = self
            .data
            .as_deref()
            .filter(|_| self.dtype == DType::Float16)?;
        let (halves, _) = data.as_chunks::<2>();
        let values = halves.iter().map(|h| half::to_f32(u16::from_le_bytes(*h)));
        Some(values.collect())
    }

    /// The stored numbers of a constant of int16.
    pub(crate) fn as_words(&self) -> Option<impl Iterator<Item = i16>> {
        let data = self
            .data
            .as_deref()
            .filter(|_| self.dtype == DType::Int16)?;
        let (words, _) = data.as_chunks::<2>();
        Some(words.iter().map(|word| i16::from_le_bytes(*word)))
    }

    /// The stored numbers of a constant of int8, int4 or int2; those of less than a byte are packed from the low bits on.
    pub fn as_small_integers(&self) -> Option<Vec<i8>> {
        let data = self.data.as_deref()?;
        let bits = match self.dtype {
            DType::Int8 | DType::Int4 | DType::Int2 => self.dtype.bits(),
            _ => return None,
        };
        let parts = |byte: &u8| {
            let byte = *byte;
            let place = (0..8).step_by(bits);
            place.map(move |low| (byte << (8 - bits - low)) as i8 >> (8 - bits))
        };
        Some(data.iter().flat_map(parts).take(self.elements()).collect())
    }

    /// A constant's elements as `i64`, for axes, paddings and shapes.
    /// `None` for activations and for element types other than int32 and int64.
    pub fn as_integers(&self) -> Option<Vec<i64>> {
        let data = self.data.as_ref()?;
        match self.dtype {
            DType::Int32 => Some(
                data.chunks_exact(4)
                    .map(|b| i64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]])))
                    .collect(),
            ),
            DType::Int64 => Some(
                data.chunks_exact(8)
                    .map(|b| i64::from_le_bytes(b.try_into().expect("chunks of eight")))
                    .collect(),
            ),
            _ => None,
        }
    }
}

impl DType {
    /// Bits of one element; 0 for types without a fixed size.
    pub fn bits(self) -> usize {
        match self {
            Self::Int2 => 2,
            Self::Int4 | Self::Uint4 => 4,
            Self::Int8 | Self::Uint8 | Self::Bool | Self::Float8E4M3Fn | Self::Float8E5M2 => 8,
            Self::Int16 | Self::Uint16 | Self::Float16 | Self::Bfloat16 => 16,
            Self::Int32 | Self::Uint32 | Self::Float32 => 32,
            Self::Int64 | Self::Uint64 | Self::Float64 | Self::Complex64 => 64,
            Self::Complex128 => 128,
            Self::String | Self::Resource | Self::Variant => 0,
        }
    }

    /// The schema's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "FLOAT32",
            Self::Float16 => "FLOAT16",
            Self::Int32 => "INT32",
            Self::Uint8 => "UINT8",
            Self::Int64 => "INT64",
            Self::String => "STRING",
            Self::Bool => "BOOL",
            Self::Int16 => "INT16",
            Self::Complex64 => "COMPLEX64",
            Self::Int8 => "INT8",
            Self::Float64 => "FLOAT64",
            Self::Complex128 => "COMPLEX128",
            Self::Uint64 => "UINT64",
            Self::Resource => "RESOURCE",
            Self::Variant => "VARIANT",
            Self::Uint32 => "UINT32",
            Self::Uint16 => "UINT16",
            Self::Int4 => "INT4",
            Self::Bfloat16 => "BFLOAT16",
            Self::Int2 => "INT2",
            Self::Uint4 => "UINT4",
            Self::Float8E4M3Fn => "FLOAT8_E4M3FN",
            Self::Float8E5M2 => "FLOAT8_E5M2",
        }
    }

    /// The least and greatest stored value of an integer type of up to 32 bits.
    pub fn integer_range(self) -> Option<(i64, i64)> {
        Some(match self {
            Self::Int2 => (-2, 1),
            Self::Int4 => (-8, 7),
            Self::Uint4 => (0, 15),
            Self::Int8 => (-128, 127),
            Self::Uint8 => (0, 255),
            Self::Int16 => (-32_768, 32_767),
            Self::Uint16 => (0, 65_535),
            Self::Int32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
            Self::Uint32 => (0, i64::from(u32::MAX)),
            _ => return None,
        })
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
