//! Inner loops for Armv7E-M (Cortex-M4 and M7, and Armv8-M with the DSP extension), which multiplies two pairs of 16-bit numbers at once.
//!
//! On such a processor they are assembly: the loops need all fourteen registers, which no compiler gives them. Elsewhere a twin computes the
//! same on the same operands, with a function for each instruction, so that a result on the host says something about the device. The functions
//! are generic or inline, so that they are assembled only where a model needs them: other Arm processors share this code.
//!
//! # Two channels in one lane
//!
//! A 16-bit lane holds the weights of two output channels: `low + 256·high`. With sums over the lanes, `S`, and over their lower bytes alone,
//! `L` (one SXTB16 makes those of a word), `Σ x·low = L` and `256·Σ x·high = S − L`, modulo 2³². So the upper byte is never unpacked. Both have to fit
//! in 24 bits, and `low + 256·high` in 16: the generator proves it, or takes another kernel.

use crate::arch::memory::Element;

mod depthwise;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod instructions;
mod pool;
mod product;
mod small;

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
pub use depthwise::{AnyDepthwise, AnyDepthwiseI16};
pub use depthwise::{
    Depthwise, DepthwiseLoops, DepthwiseRow, Planes, ROWS, Rows, Run, Sizes as DepthwiseSizes,
    channel_words,
};
pub use pool::PoolWindow;
pub use product::{
    GROUP, LANES, Matrix, OVERLAPPING, PairCall, PairLoop, RowCall, RowCore, RowLoop, WidenLoop,
    WidenRow, Windows,
};

pub use small::{Strip, lay_runs};

/// A number that is read or written.
pub trait Value: Element + Into<i32> {
    /// The least and the greatest.
    const RANGE: [i32; 2];

    /// The number, of one that is in the range.
    fn of(value: i32) -> Self;
}

macro_rules! values {
    ($($t:ty)*) => {$(
        impl Value for $t {
            const RANGE: [i32; 2] = [<$t>::MIN as i32, <$t>::MAX as i32];

            #[inline(always)]
            fn of(value: i32) -> Self {
                value as Self
            }
        }
    )*};
}
values! { i8 i16 }

/// How sums become outputs: what the loops end with.
pub trait Epilogue: Copy {
    /// An input.
    type X: Value;
    /// An output.
    type Y: Value;
    /// The loops of a kernel.
    fn loops(&self) -> Loops;
}

/// Loops that a kernel calls. Those that its sizes never need are not there, so that they are not linked.
#[derive(Debug, Clone, Copy)]
pub struct Loops {
    /// Words of constants of a block of channels.
    pub constants: usize,
    /// Bytes of an input.
    pub input: usize,
    /// Bytes of an output.
    pub output: usize,
    /// Two pixels at a time; see [`Matrix::pairs`].
    pub pair: Option<PairLoop>,
    /// One row; see [`Matrix::row`].
    pub row: Option<RowLoop>,
    /// What it is a loop over: a row's inputs as they are, or widened.
    pub core: Option<RowCore>,
    /// What widens a row's inputs, where that is so.
    pub wide: Option<WidenRow>,
    /// What makes pairs of two pixels; see [`Matrix::pairs`].
    pub widen: Option<WidenLoop>,
    /// Inputs behind the groups of a run, for pairs: none, or those of half a group.
    pub rest: usize,
    /// See [`Overlapping`].
    pub overlap: bool,
    /// Words behind the last block that are the constants of all channels, which then fill blocks.
    pub shared: usize,
}

impl Loops {
    /// Words of a block of weights for so many inputs.
    #[inline(always)]
    #[must_use]
    pub fn words(&self, inputs: usize) -> usize {
        product::words(inputs, self.constants)
    }
}

/// An epilogue for pairs alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairsOnly<E>(pub E);

/// An epilogue for pairs alone, whose runs of inputs end with half a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Halves<E>(pub E);

/// An epilogue for pairs alone, of windows that overlap: runs of three pixels, the second one's a pixel behind the first one's. Inputs come in groups
/// of four, of the three pixels in turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overlapping<E>(pub E);

/// An epilogue for single rows alone, which are widened first and whose inputs are multiples of eight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WideRows<E>(pub E);

/// An epilogue for single rows alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowsOnly<E>(pub E);

impl<E: Epilogue> Epilogue for PairsOnly<E> {
    type X = E::X;
    type Y = E::Y;

    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            row: None,
            core: None,
            ..self.0.loops()
        }
    }
}

impl<E: Epilogue<X = i8>> Epilogue for Halves<E> {
    type X = i8;
    type Y = E::Y;

    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            row: None,
            core: None,
            widen: Some(product::widening::<true>()),
            rest: 2,
            ..self.0.loops()
        }
    }
}

impl<E: Epilogue<X = i8>> Epilogue for Overlapping<E> {
    type X = i8;
    type Y = E::Y;

    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            row: None,
            core: None,
            widen: Some(product::overlapping()),
            overlap: true,
            ..self.0.loops()
        }
    }
}

impl<E: Epilogue<X = i8>> Epilogue for WideRows<E> {
    type X = i8;
    type Y = E::Y;

    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            core: Some(product::wide()),
            wide: Some(product::wide_row()),
            ..RowsOnly(self.0).loops()
        }
    }
}

impl<E: Epilogue> Epilogue for RowsOnly<E> {
    type X = E::X;
    type Y = E::Y;

    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            pair: None,
            widen: None,
            ..self.0.loops()
        }
    }
}

/// One multiplication: `(256·sum·m >> 32) + c`, shifted right by `SHIFT`, saturated. Constants of a channel: `m`, `c`.
///
/// Rounding down once is right for results above the output's zero point; where that is −128, the others saturate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Short<const SHIFT: u32>;

/// The same with the product rounded, and one subtracted before the shift where the sum is negative, whose ties TensorFlow Lite rounds away from zero:
/// its own two roundings, where it shifts by `SHIFT` and `m` is as good as its multiplier. Constants of a channel: `m`, `c`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Away<const SHIFT: u32>;

/// [`Short`] of single rows that are [widened](WideRows), whose channels all have the same constants: these lie behind the last block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShortAlike<const SHIFT: u32>;

/// [`Away`] of such rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AwayAlike<const SHIFT: u32>;

/// [`Short`] with `d` subtracted where the sum is negative, whose ties TensorFlow Lite rounds away from zero. Constants of a channel: `m`,
/// `c`, `d`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signed<const SHIFT: u32>;

/// TensorFlow Lite's two roundings, one after the other. Constants of a channel: `2·multiplier − 2³²`, what is added before the shift
/// (half a step, and the zero point), the shift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Long;

/// TensorFlow Lite's two roundings to 16 bits, for single rows whose channels have the same constants: the multiplier, half a step of the shift, the
/// shift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LongI16;

/// One multiplication of sums of int16 products: `(sum·m >> 32) + 1`, shifted right by one, saturated to 16 bits. Constants of a channel: `m`.
///
/// That is what TensorFlow Lite computes in 64 bits, by a multiplier of 15 bits that `m` is, shifted left, and a shift that `m` shortens: both round
/// down after a half is added.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnceI16;

/// TensorFlow Lite's two roundings of sums of int16 products. Constants of a channel are those of [`Long`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwiceI16;

/// An epilogue that is known when the generator runs, and not when it is compiled.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnyEpilogue {
    /// [`Short`], with its shift.
    Short(u32),
    /// [`Away`], with its shift.
    Away(u32),
    /// [`ShortAlike`], with its shift.
    ShortAlike(u32),
    /// [`AwayAlike`], with its shift.
    AwayAlike(u32),
    /// [`Signed`], with its shift.
    Signed(u32),
    /// [`Long`].
    Long,
    /// [`LongI16`].
    LongI16,
    /// [`OnceI16`].
    OnceI16,
    /// [`TwiceI16`].
    TwiceI16,
}

/// Which loops a kernel of sizes that are known calls, ended by an epilogue.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnyLoops {
    /// Pairs and single rows.
    Both(AnyEpilogue),
    /// See [`PairsOnly`].
    Pairs(AnyEpilogue),
    /// See [`Halves`].
    Halves(AnyEpilogue),
    /// See [`Overlapping`].
    Overlapping(AnyEpilogue),
    /// See [`RowsOnly`].
    Rows(AnyEpilogue),
    /// See [`WideRows`].
    WideRows(AnyEpilogue),
}

/// The same of inputs and outputs of 16 bits.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnyLoopsI16(pub AnyLoops);

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
impl Epilogue for AnyLoopsI16 {
    type X = i16;
    type Y = i16;

    #[cfg_attr(debug_assertions, inline)]
    fn loops(&self) -> Loops {
        self.0.loops()
    }
}

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
impl Epilogue for AnyLoops {
    type X = i8;
    type Y = i8;

    #[cfg_attr(debug_assertions, inline)]
    fn loops(&self) -> Loops {
        match *self {
            Self::Both(epilogue) => epilogue.loops(),
            Self::Pairs(epilogue) => PairsOnly(epilogue).loops(),
            Self::Halves(epilogue) => Halves(epilogue).loops(),
            Self::Overlapping(epilogue) => Overlapping(epilogue).loops(),
            Self::Rows(epilogue) => RowsOnly(epilogue).loops(),
            Self::WideRows(epilogue) => WideRows(epilogue).loops(),
        }
    }
}

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
impl AnyEpilogue {
    /// Words of constants of a channel, or of all.
    #[must_use]
    #[cfg_attr(debug_assertions, inline)]
    pub fn constants(self) -> usize {
        match self {
            Self::Short(_) | Self::Away(_) => 2,
            Self::Signed(_) | Self::Long | Self::LongI16 | Self::TwiceI16 => 3,
            Self::OnceI16 => 1,
            Self::ShortAlike(_) | Self::AwayAlike(_) => 0,
        }
    }

    /// Words of constants behind the last block.
    #[must_use]
    #[cfg_attr(debug_assertions, inline)]
    pub fn shared(self) -> usize {
        match self {
            Self::ShortAlike(_) | Self::AwayAlike(_) => 2,
            _ => 0,
        }
    }

    /// Channels of a block that have constants of their own.
    #[must_use]
    #[cfg_attr(debug_assertions, inline)]
    pub fn channels(self) -> usize {
        match self {
            Self::LongI16 => 1,
            _ => LANES,
        }
    }

    /// Bytes of an input and of an output.
    #[cfg_attr(debug_assertions, inline)]
    fn bytes(self) -> [usize; 2] {
        match self {
            Self::LongI16 => [1, 2],
            Self::OnceI16 | Self::TwiceI16 => [2, 2],
            Self::Short(_)
            | Self::Away(_)
            | Self::ShortAlike(_)
            | Self::AwayAlike(_)
            | Self::Signed(_)
            | Self::Long => [1, 1],
        }
    }
}

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
impl Epilogue for AnyEpilogue {
    type X = i8;
    type Y = i8;

    #[cfg_attr(debug_assertions, inline)]
    fn loops(&self) -> Loops {
        let [input, output] = self.bytes();
        Loops {
            constants: self.constants() * self.channels(),
            input,
            output,
            pair: Some(*self).filter(|_| input == output && self.shared() == 0),
            row: Some(*self),
            core: Some(product::narrow()),
            wide: None,
            widen: Some(match input {
                1 => product::widening::<false>(),
                _ => product::interleaving(),
            }),
            rest: 0,
            overlap: false,
            shared: self.shared(),
        }
    }
}
