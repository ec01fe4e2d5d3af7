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

mod depthwise;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod instructions;
mod product;

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
pub use depthwise::AnyDepthwise;
pub use depthwise::{
    Depthwise, DepthwiseLoops, DepthwiseRow, Planar, ROWS, Row, Run, channel_words, depthwise_row,
    planar_row,
};
pub use product::{Call, GROUP, LANES, Matrix, PairLoop, RowLoop, Runs, WidenLoop};

/// How sums become outputs: what the loops end with.
pub trait Epilogue: Copy {
    /// The loops of a kernel.
    fn loops(&self) -> Loops;
}

/// Loops that a kernel calls. Those that its sizes never need are not there, so that they are not linked.
#[derive(Debug, Clone, Copy)]
pub struct Loops {
    /// Words of constants of a channel.
    pub constants: usize,
    /// Two pixels at a time; see [`Matrix::pair`].
    pub pair: Option<PairLoop>,
    /// One row; see [`Matrix::row`].
    pub row: Option<RowLoop>,
    /// What makes pairs of two pixels; see [`Matrix::widen_pair`].
    pub widen: Option<WidenLoop>,
}

/// An epilogue for pairs alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairsOnly<E>(pub E);

/// An epilogue for single rows alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowsOnly<E>(pub E);

impl<E: Epilogue> Epilogue for PairsOnly<E> {
    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            row: None,
            ..self.0.loops()
        }
    }
}

impl<E: Epilogue> Epilogue for RowsOnly<E> {
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

/// The same with `d` subtracted where the sum is negative, whose ties TensorFlow Lite rounds away from zero. Constants of a channel: `m`,
/// `c`, `d`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signed<const SHIFT: u32>;

/// TensorFlow Lite's two roundings, one after the other. Constants of a channel: `2·multiplier − 2³²`, what is added before the shift
/// (half a step, and the zero point), the shift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Long;

/// An epilogue that is known when the generator runs, and not when it is compiled.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnyEpilogue {
    /// [`Short`], with its shift.
    Short(u32),
    /// [`Signed`], with its shift.
    Signed(u32),
    /// [`Long`].
    Long,
}

/// Which loops a kernel of sizes that are known calls, ended by an epilogue.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnyLoops {
    /// Pairs and single rows.
    Both(AnyEpilogue),
    /// See [`PairsOnly`].
    Pairs(AnyEpilogue),
    /// See [`RowsOnly`].
    Rows(AnyEpilogue),
}

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
impl Epilogue for AnyLoops {
    fn loops(&self) -> Loops {
        match *self {
            Self::Both(epilogue) => epilogue.loops(),
            Self::Pairs(epilogue) => PairsOnly(epilogue).loops(),
            Self::Rows(epilogue) => RowsOnly(epilogue).loops(),
        }
    }
}

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
impl AnyEpilogue {
    /// Words of constants of a channel.
    #[must_use]
    pub fn constants(self) -> usize {
        match self {
            Self::Short(_) => 2,
            Self::Signed(_) | Self::Long => 3,
        }
    }
}

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
impl Epilogue for AnyEpilogue {
    fn loops(&self) -> Loops {
        Loops {
            constants: self.constants(),
            pair: Some(*self),
            row: Some(*self),
            widen: Some(WidenLoop),
        }
    }
}
