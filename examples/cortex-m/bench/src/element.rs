//! Element types of tensors: how they are stored in a golden file, and when two are the same.

/// How far a float may be from the reference: this much of its magnitude, or of 1 for smaller ones. Sums
/// taken in another order differ by less; an error in an operator by more.
pub(crate) const FLOAT_TOLERANCE: f32 = 1e-5;

/// A tensor element.
pub(crate) trait Element: Copy {
    /// Its name in the report.
    const NAME: &'static str;
    /// Reads one from exactly as many bytes as it has.
    fn from_le(bytes: &[u8]) -> Self;
    /// Whether it passes for the reference value.
    fn agrees(self, want: Self) -> bool;
    /// Its bits, zero-extended.
    fn bits(self) -> u64;
}

/// Fills a tensor from a golden file.
pub(crate) fn fill<T: Element>(tensor: &mut [T], bytes: &[u8]) {
    for (slot, bytes) in tensor.iter_mut().zip(bytes.chunks_exact(size_of::<T>())) {
        *slot = T::from_le(bytes);
    }
}

macro_rules! integer {
    ($($type:ident)*) => {$(
        impl Element for $type {
            const NAME: &'static str = stringify!($type);
            fn from_le(bytes: &[u8]) -> Self {
                bytes.try_into().map_or(0, Self::from_le_bytes)
            }
            fn agrees(self, want: Self) -> bool {
                self == want
            }
            fn bits(self) -> u64 {
                (self as i64).cast_unsigned() & (u64::MAX >> (64 - Self::BITS))
            }
        }
    )*};
}

integer!(i8 u8 i16 u16 i32 u32 i64 u64);

impl Element for bool {
    const NAME: &'static str = "bool";
    fn from_le(bytes: &[u8]) -> Self {
        bytes.iter().any(|&byte| byte != 0)
    }
    fn agrees(self, want: Self) -> bool {
        self == want
    }
    fn bits(self) -> u64 {
        self.into()
    }
}

impl Element for f32 {
    const NAME: &'static str = "f32";
    fn from_le(bytes: &[u8]) -> Self {
        bytes.try_into().map_or(0.0, Self::from_le_bytes)
    }
    fn agrees(self, want: Self) -> bool {
        // Equality first: it alone holds for infinities.
        self == want
            || (self.is_nan() && want.is_nan())
            || (self - want).abs() <= FLOAT_TOLERANCE * want.abs().max(1.0)
    }
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
}
