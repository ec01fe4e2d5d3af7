//! Number formats: what kernels that multiply and accumulate do with their numbers.
//!
//! A format says of which types inputs, weights, sums and outputs are, and how a sum becomes an output. Kernels take
//! one as a parameter. A new format is a file here and one in the generator.

mod float;
mod float32x16;
mod float32x8;
mod hybrid;
mod int16x8;
mod int8;
mod int8_short;
mod int8_to16;
mod uint8;

use core::cell::Cell;

use crate::arch::memory::Element;
use crate::kernels::{Operands, Parameter};

use super::{
    Conv2d, DepthwiseConv2d, DepthwiseConv2dNibbles, FullyConnected, Nibbles, Portable,
    TransposeConv,
};

pub use float::Float;
pub use float32x8::Float32x8;
pub use float32x16::Float32x16;
pub use hybrid::Hybrid;
pub use int8::Int8;
pub use int8_short::Int8Short;
pub use int8_to16::Int8To16;
pub use int16x8::Int16x8;
pub use uint8::Uint8;

/// Declares the methods that firmware calls.
///
/// They are compiled here and not, as methods of generic kernels, in the firmware's crate: where the compiler knows every
/// call, it copies and unrolls for each.
macro_rules! compiled {
    ($($format:ident $operands:tt;)*) => {$(
        compiled!(Conv2d<$format, Portable<1>>, $format $operands);
        compiled!(Conv2d<$format, Portable<4>>, $format $operands);
        compiled!(Conv2d<$format, Portable<8>>, $format $operands);
        compiled!(FullyConnected<$format, Portable<1>>, $format $operands);
        compiled!(FullyConnected<$format, Portable<4>>, $format $operands);
        compiled!(FullyConnected<$format, Portable<8>>, $format $operands);
        compiled!(DepthwiseConv2d<$format>, $format $operands);
        compiled!(TransposeConv<$format, Portable<1>>, $format $operands);
        compiled!(TransposeConv<$format, Portable<4>>, $format $operands);
        compiled!(TransposeConv<$format, Portable<8>>, $format $operands);
    )*};
    (Nibbles: $($format:ident $operands:tt;)*) => {$(
        compiled!(Conv2d<$format, Nibbles>, $format $operands);
        compiled!(FullyConnected<$format, Nibbles>, $format $operands);
        compiled!(DepthwiseConv2dNibbles<$format>, $format $operands);
        compiled!(TransposeConv<$format, Nibbles>, $format $operands);
    )*};
    ($kernel:ty, $format:ident($($operand:ident: $t:ty),*)) => {
        impl $kernel {
            /// Computes the whole output from an input, packed weights and the format's constants.
            #[cfg_attr(debug_assertions, inline)]
            pub fn run(
                &self,
                x: &[Cell<<$format as Numbers>::X>],
                weights: &[<$format as Numbers>::W],
                $($operand: &[$t],)*
                y: &[Cell<<$format as Numbers>::Y>],
            ) {
                self.compute(x, weights, ($($operand,)*), y);
            }
        }
    };
}
compiled! {
    Float(bias: f32);
    Float32x8(bias: f32, scale: f32);
    Float32x16(bias: f32);
    Hybrid();
    Int8(folded: i32, bias: i32, multiplier: i32, shift: i8);
    Int8Short(folded: i32, bias: i32, factor: i32, offsets: i32);
    Int16x8(bias: i64, multiplier: i32, shift: i8);
    Uint8(folded: i32, bias: i32);
}
compiled! {
    Nibbles:
    Float32x8(bias: f32, scale: f32);
    Hybrid();
    Int8(folded: i32, bias: i32, multiplier: i32, shift: i8);
}
compiled!(FullyConnected<Int8To16, Portable<1>>, Int8To16(folded: i32, multiplier: i32, shift: i8));
compiled!(FullyConnected<Int8To16, Portable<4>>, Int8To16(folded: i32, multiplier: i32, shift: i8));
compiled!(FullyConnected<Int8To16, Portable<8>>, Int8To16(folded: i32, multiplier: i32, shift: i8));

/// A number format, with what of it is the same for all channels.
pub trait Numbers: Parameter + Copy + 'static {
    /// The format's name, which is the type's in [`crate::kernels`].
    const NAME: &'static str;
    /// Whether the sums of two inputs for one block of weights fit in a small core's registers.
    const PAIRS: bool;
    /// Whether constants are folded in it.
    #[cfg(feature = "host")]
    const FOLDS: bool = true;
    /// An input value.
    type X: Element;
    /// A weight.
    type W: Element;
    /// A sum of products.
    type Acc: Copy;
    /// An output value.
    type Y: Element;
    /// What windows across the border subtract from every value.
    type Zero: Copy + Default;
    /// Constants by output channel, as kernels take them: between the weights and the output.
    type Constants<'a>: Operands<'a> + Copy;
    /// What `C` channels keep for all pixels.
    type Channels<const C: usize>;
    /// Constants of `C` channels from `channel` on; those for windows across the border only if `BORDER`.
    fn channels<const C: usize, const BORDER: bool>(
        &self,
        constants: &Self::Constants<'_>,
        channel: usize,
    ) -> Self::Channels<C>;
    /// Sums before the first product of a window inside the input.
    fn inside<const C: usize>(channels: &Self::Channels<C>) -> [Self::Acc; C];
    /// Sums before the first product of a window across the border.
    fn border<const C: usize>(channels: &Self::Channels<C>) -> [Self::Acc; C];
    /// What windows across the border subtract from every value.
    fn zero(&self) -> Self::Zero;
    /// Multiplies and accumulates, inside the input.
    fn mac(acc: Self::Acc, x: Self::X, w: Self::W) -> Self::Acc;
    /// Multiplies and accumulates, across the border.
    fn mac_zero(acc: Self::Acc, x: Self::X, w: Self::W, zero: Self::Zero) -> Self::Acc;
    /// Writes the outputs of the first channels of `C`, as many as `y` takes.
    fn finish<const C: usize>(
        &self,
        channels: &Self::Channels<C>,
        acc: &[Self::Acc; C],
        y: &[Cell<Self::Y>],
    );
}

/// Entries of `C` channels, or the one entry for all; zeros where there are none.
#[inline(always)]
fn entries<T: Copy + Default, const C: usize>(per_channel: &[T], channel: usize) -> [T; C] {
    if let [one] = per_channel {
        return [*one; C];
    }
    let rest = per_channel.get(channel..).unwrap_or(&[]);
    if let Some(entries) = rest.first_chunk() {
        return *entries;
    }
    let mut entries = [T::default(); C];
    for (entry, value) in entries.iter_mut().zip(rest) {
        *entry = *value;
    }
    entries
}
