//! Kernels, one file per operator family.
//!
//! A kernel is a struct of parameters that the generator resolved, with one method `run` that
//! takes the operands: activations as `&[Cell<T>]`, constants as `&[T]`. Kernels are written so
//! that operands of the wrong length compute less, never panic: slices are taken with `get`, loops
//! run over iterators.

#[cfg(feature = "host")]
mod any_steps;
mod asked;
mod batch_matmul;
mod binary;
mod blocks;
mod broadcast;
mod chain;
mod computed;
mod conv;
mod convert;
mod curve;
mod depthwise;
mod detection;
mod dot;
mod dsp;
mod elementwise;
mod fold;
mod fully_connected;
mod gather;
mod hybrid;
mod l2_norm;
mod log_softmax;
mod lstm;
mod lstm_hybrid;
mod mve;
mod nibbles;
mod numbers;
mod one_hot;
mod patches;
mod place;
mod pool;
mod quantized;
mod reduce;
mod resize;
mod scalar;
mod select;
mod signal;
mod softmax;
mod stream;
mod svdf;
mod swar;
mod top_k;
mod transpose_conv;
mod unary;
mod vfp;
mod window;

#[cfg(feature = "host")]
pub use crate::arch::armv7em::{
    AnyDepthwise, AnyDepthwiseI16, AnyEpilogue, AnyLoops, AnyLoopsI16, GROUP, LANES, OVERLAPPING,
    ROWS,
};
pub use crate::arch::armv7em::{
    Away, AwayAlike, Depthwise, DepthwiseLoops, Epilogue, Halves, Long, LongI16, OnceI16,
    Overlapping, PairsOnly, RowsOnly, Short, ShortAlike, Signed, TwiceI16, WideRows,
};
pub use crate::arch::depthwise::{Depthwise as ScalarLoops, LongProducts, ShortProducts};
#[cfg(feature = "host")]
pub use crate::arch::depthwise::{FILTER, MOST_OUTPUTS};
#[cfg(feature = "host")]
pub use crate::arch::mve::{AnyMveDepthwise, AnyMvePairs, AnyMveRow, AnyMveRuns, BLOCK};
pub use crate::arch::mve::{
    MveDepthwise, MveDepthwiseLoops, MvePairs, MvePairsLoops, MveRow, MveRowLoops, MveRuns,
    MveRunsLoops,
};
#[cfg(feature = "host")]
pub use crate::arch::row::ROW_CHANNELS;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
pub use crate::arch::swar::MulPairs;
pub use crate::arch::swar::{Muls, Smlal, Swar};
#[cfg(feature = "host")]
pub use crate::arch::swar::{SEGMENT, SEGMENT_START, SMLAL_LANE};
#[cfg(feature = "host")]
pub use any_steps::AnySteps;
pub use asked::{Operands, Parameter};
pub use batch_matmul::{
    BatchMatmulF32, BatchMatmulHybrid, BatchMatmulI8, BatchMatmulI16, BatchMatmulSizes,
};
pub use binary::{Clamped, Zip};
pub use blocks::{Blocks, CopyBlocks, CopyElements, Fill, LOOPS};
pub use broadcast::{Broadcast, Combine, Meeting, OUTER_DIMS, OuterDim};
pub use chain::{Across, Along, Chain, ChainSteps, Each, End, ReduceChain, Swapped, Then};
pub use computed::{ComputedF32, ComputedI8, ComputedSizes};
pub use conv::{Conv2d, Conv2dSizes};
pub use convert::{Cast, Dequantize, Narrow, Quantize, Requantize, Stored, Truth};
pub use curve::{Interpolate, Sigmoid};
pub use depthwise::{DepthwiseConv2d, DepthwiseConv2dNibbles, DepthwiseConv2dSizes};
pub use detection::PostProcess;
pub use dot::{Block, Dot, Portable, Repeat, Rows, Runs, Windows};
pub use dsp::{
    DspAveragePool2d, DspConv2d, DspConv2dSizes, DspDepthwiseConv2d, DspFullyConnected, DspLstm,
    DspMaxPool2d, DspOutput, DspPointwise, DspSmall, DspSmallClamped, DspSmallRow,
    DspWideFullyConnected, DspWindowConv2d,
};
pub use elementwise::*;
pub use fold::{Axis, Folding};
pub use fully_connected::{FullyConnected, FullyConnectedSizes};
pub use gather::{Gather, TakeSlice, UpdateSlice};
pub use hybrid::{DequantizeRows, QuantizeRows, QuantizeRowsAsymmetric, ScaleSums};
pub use l2_norm::{L2NormF32, L2NormI8, L2NormU8};
pub use log_softmax::{LogSoftmaxF32, LogSoftmaxI8, LogSoftmaxU8};
pub use lstm::{LSTM_GATES, LSTM_ROOM, Lstm, LstmCells, LstmF32, LstmI16, LstmSizes};
pub use lstm_hybrid::LstmHybrid;
pub use mve::{
    MveConv2d, MveConv2dSizes, MveDepthwiseConv2d, MveFullyConnected, MveOutput, MvePointwise,
    MveSum,
};
pub use nibbles::Nibbles;
pub use numbers::{
    Float, Float32x8, Float32x16, Hybrid, Int8, Int8Short, Int8To16, Int16x8, Numbers, Uint8,
};
pub use one_hot::OneHot;
pub use patches::{Patch, Patches};
pub use place::Source;
pub use pool::{
    AddRow, AverageOfSums, AveragePool2dF32, AveragePool2dI8, AveragePool2dI16, AveragePool2dU8,
    L2Pool2dF32, MaxPool2dF32, MaxPool2dI8, MaxPool2dI16, MaxPool2dU8,
};
pub use quantized::{
    Bent, Product, QuantizedPrelu, Quotient, Requantized, Scaled, ShortSum, Side, Sum,
};
pub use reduce::{
    ArgMax, ArgMin, Best, FINE_STEP, FineSum, Mean, Reduce, Reducing, Reduction, ScaleSum,
    ScaledProduct, ScaledSum, Scan, WholeMean,
};
pub use resize::{
    Positions, ResizeBilinearF32, ResizeBilinearI8, ResizeBilinearI16, ResizeBilinearU8,
    ResizeNearest, Resized, Steps,
};
pub use scalar::Scalar;
pub use select::Select;
pub use signal::{
    Delay, Energy, FFT_FACTORS, Fft, FftAutoScale, FilterBank, FilterBankLog, FilterBankRoot,
    FilterBankSubtraction, Framer, IrfftF32, IrfftI16, IrfftI32, Overlap, OverlapAddF32,
    OverlapAddI16, PCAN_ENTRIES, Pcan, RfftF32, RfftI16, RfftI32, SignalWindow, Stacker,
};
pub use softmax::{SoftmaxF32, SoftmaxI8, SoftmaxI8I16, SoftmaxI16, SoftmaxU8};
pub use stream::{Flow, Line, Paused, Progress, Reading, StageRows, Stream, Turn, row};
pub use svdf::{SvdfF32, SvdfI8, SvdfI16, SvdfQuantization, SvdfSizes};
#[cfg(feature = "host")]
pub use swar::AnyScalarDepthwise;
pub use swar::{
    ScalarDepthwise, ScalarDepthwiseConv2d, ScalarFullyConnected, ScalarRows, SwarConv2d,
    SwarOutput, SwarPointwise,
};
pub use top_k::TopK;
pub use transpose_conv::{TransposeConv, TransposeConvSizes};
#[cfg(feature = "host")]
pub use unary::distance_of_elements;
pub use unary::{Function, Lookup, Map};
pub use vfp::{VcmpMaxPool2d, Vmla, VmlaDepthwise, VmlaRow, VmlaSmall, VmlaSmallHalves};
pub use window::Window;

/// Declares what kernels are parameterised with: plain values, which the generator can write down as Rust.
macro_rules! parameters {
    () => {};
    ($(#[$meta:meta])* pub struct $name:ident; $($rest:tt)*) => {
        $(#[$meta])*
        #[derive(Clone, Copy)]
        #[cfg_attr(any(test, feature = "host"), derive(Debug))]
        pub struct $name;

        parameters! { @host $name <> {} }
        parameters! { $($rest)* }
    };
    (
        $(#[$meta:meta])*
        pub struct $name:ident $(<$($of:ident),+>)? {
            $($(#[$about:meta])* pub $field:ident: $t:ty),* $(,)?
        }
        $($rest:tt)*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy)]
        #[cfg_attr(any(test, feature = "host"), derive(Debug))]
        pub struct $name $(<$($of),+>)? { $($(#[$about])* pub $field: $t),* }

        parameters! { @host $name <$($($of),+)?> { $($field)* } }
        parameters! { $($rest)* }
    };
    (@host $name:ident <$($of:ident),*> { $($field:ident)* }) => {
        #[cfg(feature = "host")]
        impl<$($of: crate::host::Named),*> crate::host::Named for $name<$($of),*> {
            fn name() -> alloc::string::String {
                crate::host::name(stringify!($name), &[$($of::name()),*])
            }

            fn kind() -> proc_macro2::TokenStream {
                crate::host::kind(stringify!($name), &[$($of::kind()),*])
            }
        }

        #[cfg(feature = "host")]
        impl<$($of: crate::host::Expression),*> crate::host::Expression for $name<$($of),*> {
            fn expression(&self) -> proc_macro2::TokenStream {
                let fields = [$((
                    stringify!($field),
                    crate::host::Expression::expression(&self.$field),
                )),*];
                crate::host::structure(stringify!($name), fields)
            }
        }
    };
}
use parameters;

/// Makes kernels callable by the generator; the list names the operands of `run`, and the element type of those that
/// may lie anywhere.
macro_rules! host_kernel {
    ($($kernel:ident($($operand:ident $(: $anywhere:ty)?),*);)*) => {$(
        #[cfg(feature = "host")]
        impl crate::host::HostKernel for $kernel {
            fn name(&self) -> alloc::string::String {
                <Self as crate::host::Named>::name()
            }

            fn kind(&self) -> proc_macro2::TokenStream {
                <Self as crate::host::Named>::kind()
            }

            fn call(
                &self,
                operands: &[crate::host::Operand<'_>],
            ) -> Result<(), crate::host::Refused> {
                let mismatch = crate::host::Refused::Operands {
                    kernel: stringify!($kernel),
                    takes: [$(stringify!($operand)),*].len(),
                };
                let &[$($operand),*] = operands else { return Err(mismatch) };
                $(host_kernel!(@take $operand $(: $anywhere)?, mismatch);)*
                self.run($($operand),*);
                Ok(())
            }
        }
    )*};
    (@take $operand:ident: $t:ty, $mismatch:ident) => {
        let $operand = crate::host::anywhere::<$t>($operand, $mismatch)?;
        let $operand = &*$operand;
    };
    (@take $operand:ident, $mismatch:ident) => {
        let $operand = crate::host::take($operand, $mismatch)?;
    };
}
use host_kernel;

/// The same for kernels that are generic over number format and micro-kernel.
macro_rules! multiply_accumulate {
    ($kernel:ident<$n:ident, $d:ident>) => {
        multiply_accumulate!(
            [$n: Numbers, $d: Dot<$n>] $kernel<$n, $d>, $d::Packed, $d::Operands<'a>, $n::FOLDS && $d::FOLDS, [dot]
        );
    };
    ($kernel:ident<$n:ident>) => {
        multiply_accumulate!(
            [$n: Numbers] $kernel<$n>, $n::W, $n::Constants<'a>, $n::FOLDS, []
        );
    };
    (
        [$n:ident: $($bounds:tt)*] $kernel:ident<$($p:ident),*>, $packed:ty, $operands:ty, $folds:expr, [$($dot:ident)?]
    ) => {
        #[cfg(feature = "host")]
        impl<$n: $($bounds)*> crate::host::MultiplyAccumulate for $kernel<$($p),*> {
            const NAME: &'static str = stringify!($kernel);
            type X = $n::X;
            type Packed = $packed;
            type Y = $n::Y;
            type Operands<'a> = $operands;
            const FOLDS: bool = $folds;

            fn format(&self) -> &'static str {
                $n::NAME
            }

            fn parameters(&self) -> alloc::vec::Vec<proc_macro2::TokenStream> {
                alloc::vec![crate::host::kind($n::NAME, &[]) $(, self.$dot.kind())?]
            }

            fn compute(
                &self,
                x: &[core::cell::Cell<Self::X>],
                weights: &[Self::Packed],
                operands: Self::Operands<'_>,
                y: &[core::cell::Cell<Self::Y>],
            ) {
                Self::compute(self, x, weights, operands, y);
            }
        }
    };
}
use multiply_accumulate;

/// Whether there is code that gives the same results in less time. What folds constants and no more runs it once, after a user's first
/// build has compiled it.
const FOR_SPEED: bool = cfg!(any(not(feature = "host"), feature = "models"));

/// The part of a slice from `start` of `len` elements; empty where it does not lie within.
#[inline(always)]
fn part<T>(slice: &[T], start: usize, len: usize) -> &[T] {
    match slice.get(start..) {
        Some(rest) => rest.get(..len).unwrap_or(&[]),
        None => &[],
    }
}

/// The first elements of a slice, and the rest; both empty where it is too short.
#[inline(always)]
fn split<T>(slice: &[T], at: usize) -> (&[T], &[T]) {
    slice.split_at_checked(at).unwrap_or((&[], &[]))
}
