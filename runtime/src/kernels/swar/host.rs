//! These kernels on the host.

use alloc::format;
use alloc::string::String;

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{ScalarDepthwiseConv2d, ScalarFullyConnected, SwarConv2d, SwarPointwise};
use crate::arch::depthwise::{Depthwise, LongProducts, ShortProducts};
use crate::arch::swar::{MulPairs, Muls, Smlal, Swar};
use crate::host::{Expression, HostKernel, Mismatch, Named, Operand, kind, structure, take};

macro_rules! loops {
    ($($name:ident),*) => {$(
        impl<const SIGNED: bool> Named for $name<SIGNED> {
            fn name() -> String {
                stringify!($name).into()
            }

            fn kind() -> TokenStream {
                let kind = kind(stringify!($name), &[]);
                quote!(#kind<#SIGNED>)
            }
        }

        impl<const SIGNED: bool> Expression for $name<SIGNED> {
            fn expression(&self) -> TokenStream {
                kind(stringify!($name), &[])
            }
        }
    )*};
}
loops!(Smlal, Muls, MulPairs, LongProducts, ShortProducts);

macro_rules! kernels {
    ($($kernel:ident($($operand:ident),*);)*) => {$(
        impl<S: Swar + Named + Expression + core::fmt::Debug + Send + Sync> HostKernel for $kernel<S> {
            fn name(&self) -> String {
                format!("{}<{}>", stringify!($kernel), S::name())
            }

            fn kind(&self) -> TokenStream {
                kind(stringify!($kernel), &[S::kind()])
            }

            fn call(&self, operands: &[Operand<'_>]) -> Result<(), Mismatch> {
                let mismatch = Mismatch {
                    kernel: stringify!($kernel),
                    takes: [$(stringify!($operand)),*].len(),
                };
                let &[$($operand),*] = operands else { return Err(mismatch) };
                self.run($(take($operand, mismatch)?),*);
                Ok(())
            }
        }
    )*};
}
kernels! {
    SwarConv2d(x, weights, words, gathered, y);
    SwarPointwise(x, weights, words, y);
}

impl<D: Expression, const AT_ONCE: usize, const STRIDE: usize> Expression
    for ScalarDepthwiseConv2d<D, AT_ONCE, STRIDE>
{
    fn expression(&self) -> TokenStream {
        let fields = [
            ("sizes", self.sizes.expression()),
            ("depthwise", self.depthwise.expression()),
        ];
        structure("ScalarDepthwiseConv2d", fields)
    }
}

impl<D, const AT_ONCE: usize, const STRIDE: usize> HostKernel
    for ScalarDepthwiseConv2d<D, AT_ONCE, STRIDE>
where
    D: Depthwise + Named + Expression + core::fmt::Debug + Send + Sync,
{
    fn name(&self) -> String {
        format!("ScalarDepthwiseConv2d<{}>", D::name())
    }

    fn kind(&self) -> TokenStream {
        let (kind, depthwise) = (kind("ScalarDepthwiseConv2d", &[]), D::kind());
        let numbers = [AT_ONCE, STRIDE].map(Literal::usize_unsuffixed);
        quote!(#kind<#depthwise, #(#numbers),*>)
    }

    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Mismatch> {
        let mismatch = Mismatch {
            kernel: "ScalarDepthwiseConv2d",
            takes: 4,
        };
        let &[x, weights, rows, y] = operands else {
            return Err(mismatch);
        };
        self.run(
            take(x, mismatch)?,
            take(weights, mismatch)?,
            take(rows, mismatch)?,
            take(y, mismatch)?,
        );
        Ok(())
    }
}

impl<const SIGNED: bool> Expression for ScalarFullyConnected<SIGNED> {
    fn expression(&self) -> TokenStream {
        structure("ScalarFullyConnected", [("sizes", self.sizes.expression())])
    }
}

impl<const SIGNED: bool> HostKernel for ScalarFullyConnected<SIGNED> {
    fn name(&self) -> String {
        "ScalarFullyConnected".into()
    }

    fn kind(&self) -> TokenStream {
        let kind = kind("ScalarFullyConnected", &[]);
        quote!(#kind<#SIGNED>)
    }

    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Mismatch> {
        let mismatch = Mismatch {
            kernel: "ScalarFullyConnected",
            takes: 3,
        };
        let &[x, weights, y] = operands else {
            return Err(mismatch);
        };
        self.run(
            take(x, mismatch)?,
            take(weights, mismatch)?,
            take(y, mismatch)?,
        );
        Ok(())
    }
}
