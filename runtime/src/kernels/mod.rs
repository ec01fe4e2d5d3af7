//! Kernels, one file per operator family.
//!
//! A kernel is a struct of parameters that the generator resolved, with one method `run` that
//! takes the operands: activations as `&[Cell<T>]`, constants as `&[T]`. Kernels are written so
//! that operands of the wrong length compute less, never panic: slices are taken with `get`, loops
//! run over iterators.

mod asked;
mod binary;
mod blocks;
mod broadcast;
mod conv;
mod convert;
#[cfg(test)]
mod convolution_tests;
mod copy;
mod depthwise;
mod dot;
mod fold;
mod fully_connected;
mod mean;
mod numbers;
mod pool;
mod softmax;
mod unary;
mod window;

pub use asked::{Operands, Parameter};
pub use binary::{
    AddConstantI8, AddI8, Arithmetic, BinaryConstantF32, BinaryConstantI32, BinaryF32, BinaryI32,
    Float32, Int32, MulConstantI8, MulI8, Product, Sum,
};
pub use blocks::{Blocks, CopyBlocks, CopyConstantBlocks, Fill, LOOPS};
pub use broadcast::{Broadcast, OUTER_DIMS, OuterDim};
pub use conv::{Conv2d, Conv2dSizes};
pub use convert::{
    DequantizeI8, DequantizeI16, DequantizeU8, QuantizeI8, QuantizeI16, QuantizeU8,
    RequantizeI8I16, RequantizeI8I32, RequantizeI16I8, RequantizeI16I16, RequantizeI16I32,
    RequantizeI32I8, RequantizeI32I16,
};
pub use copy::CopyConstant;
pub use depthwise::{DepthwiseConv2d, DepthwiseConv2dSizes};
pub use dot::{Block, Dot, Portable, Rows, Runs, Windows};
pub use fold::Axis;
pub use fully_connected::{FullyConnected, FullyConnectedSizes};
pub use mean::{MeanF32, MeanI8, Reduction};
pub use numbers::{Float, Int8, Int16x8, Numbers};
pub use pool::{AveragePool2dF32, AveragePool2dI8, MaxPool2dF32, MaxPool2dI8};
pub use softmax::{SoftmaxF32, SoftmaxI8, SoftmaxI8I16};
pub use unary::{ClampF32, LogisticF32, Lookup, ReluF32, TanhF32};
pub use window::Window;

/// Declares what kernels are parameterised with: plain values, which the generator can write down as Rust.
macro_rules! parameters {
    () => {};
    ($(#[$meta:meta])* pub struct $name:ident; $($rest:tt)*) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $name;

        #[cfg(feature = "host")]
        impl crate::host::Expression for $name {
            fn expression(&self) -> proc_macro2::TokenStream {
                crate::host::structure(stringify!($name), [])
            }
        }

        parameters! { $($rest)* }
    };
    (
        $(#[$meta:meta])*
        pub struct $name:ident $(<$($p:ident),*>)? { $($(#[$about:meta])* pub $field:ident: $t:ty),* $(,)? }
        $($rest:tt)*
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $name $(<$($p),*>)? { $($(#[$about])* pub $field: $t),* }

        #[cfg(feature = "host")]
        impl $(<$($p: crate::host::Expression),*>)? crate::host::Expression for $name $(<$($p),*>)? {
            fn expression(&self) -> proc_macro2::TokenStream {
                let fields = [$((
                    stringify!($field),
                    crate::host::Expression::expression(&self.$field),
                )),*];
                crate::host::structure(stringify!($name), fields)
            }
        }

        parameters! { $($rest)* }
    };
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $($(#[$about:meta])* $variant:ident),* $(,)? }
        $($rest:tt)*
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum $name { $($(#[$about])* $variant),* }

        #[cfg(feature = "host")]
        impl crate::host::Expression for $name {
            fn expression(&self) -> proc_macro2::TokenStream {
                crate::host::variant(
                    stringify!($name),
                    match self { $(Self::$variant => stringify!($variant)),* },
                )
            }
        }

        parameters! { $($rest)* }
    };
}
use parameters;

/// Makes kernels callable by the generator; the list names the operands of `run`.
macro_rules! host_kernel {
    ($($kernel:ident($($operand:ident),*);)*) => {$(
        #[cfg(feature = "host")]
        impl crate::host::HostKernel for $kernel {
            fn name(&self) -> alloc::string::String {
                stringify!($kernel).into()
            }

            fn kind(&self) -> proc_macro2::TokenStream {
                crate::host::kind(stringify!($kernel))
            }

            fn call(
                &self,
                operands: &[crate::host::Operand<'_>],
            ) -> Result<(), crate::host::Mismatch> {
                let mismatch = crate::host::Mismatch {
                    kernel: stringify!($kernel),
                    takes: [$(stringify!($operand)),*].len(),
                };
                let &[$($operand),*] = operands else { return Err(mismatch) };
                self.run($(crate::host::FromOperand::from_operand($operand).ok_or(mismatch)?),*);
                Ok(())
            }
        }
    )*};
}
use host_kernel;

/// The same for kernels that are generic over number format and micro-kernel.
macro_rules! multiply_accumulate {
    ($kernel:ident<$n:ident, $d:ident>) => {
        multiply_accumulate!(
            [$n: Numbers, $d: Dot<$n>] $kernel<$n, $d>, $d::Packed, $d::Operands<'a>,
            [crate::host::kind($n::NAME), $d::kind()]
        );
    };
    ($kernel:ident<$n:ident>) => {
        multiply_accumulate!(
            [$n: Numbers] $kernel<$n>, $n::W, $n::Constants<'a>, [crate::host::kind($n::NAME)]
        );
    };
    (
        [$n:ident: $($bounds:tt)*] $kernel:ident<$($p:ident),*>, $packed:ty, $operands:ty, $kinds:expr
    ) => {
        #[cfg(feature = "host")]
        impl<$n: $($bounds)*> crate::host::MultiplyAccumulate for $kernel<$($p),*> {
            const NAME: &'static str = stringify!($kernel);
            type X = $n::X;
            type Packed = $packed;
            type Y = $n::Y;
            type Operands<'a> = $operands;

            fn format(&self) -> &'static str {
                $n::NAME
            }

            fn parameters(&self) -> alloc::vec::Vec<proc_macro2::TokenStream> {
                $kinds.into()
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
