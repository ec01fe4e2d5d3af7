//! What a generated model says of its inputs and outputs.

/// An input or output: name, shape and quantisation.
///
/// For quantised tensors, real value = `scale` × (stored value − `zero_point`);
/// for others `scale` is 1 and `zero_point` 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorSpec<T: 'static> {
    /// The tensor's name in the model.
    pub name: &'static str,
    /// Sizes of the dimensions.
    pub shape: &'static [usize],
    /// Size of one step of the stored value.
    pub scale: f32,
    /// The stored value that stands for 0.
    pub zero_point: i32,
    /// The element type.
    pub element: core::marker::PhantomData<T>,
}

/// Stored values that stand for real ones.
pub trait Quantized: Copy {
    /// The nearest stored value, clamped to the type's range.
    fn from_rounded(value: f32) -> Self;
    /// The stored value as a real one.
    fn to_real(self) -> f32;
}

macro_rules! quantized {
    ($($t:ty)*) => {$(
        impl Quantized for $t {
            #[inline]
            fn from_rounded(value: f32) -> Self {
                // A float-to-integer cast saturates, and makes NaN 0.
                libm::roundf(value) as Self
            }
            #[inline]
            fn to_real(self) -> f32 {
                self as f32
            }
        }
    )*};
}
quantized! { i8 u8 i16 u16 i32 u32 i64 }

impl Quantized for f32 {
    #[inline]
    fn from_rounded(value: f32) -> Self {
        value
    }
    #[inline]
    fn to_real(self) -> f32 {
        self
    }
}

impl<T: Quantized> TensorSpec<T> {
    /// The stored value for a real one: `round(real / scale) + zero_point`, ties away from zero,
    /// clamped to the element type's range.
    #[inline]
    #[must_use]
    pub fn quantize(&self, real: f32) -> T {
        if self.zero_point == 0 && self.scale == 1.0 {
            return T::from_rounded(real);
        }
        T::from_rounded(libm::roundf(real / self.scale) + self.zero_point as f32)
    }

    /// The real value of a stored one: `scale × (stored − zero_point)`.
    #[inline]
    #[must_use]
    pub fn dequantize(&self, stored: T) -> f32 {
        self.scale * (stored.to_real() - self.zero_point as f32)
    }
}
