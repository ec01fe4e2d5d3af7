//! These kernels on the host, where the loop is a value.

use alloc::string::String;

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{MveConv2d, MveDepthwiseConv2d, MveFullyConnected, MvePointwise};
use crate::arch::mve::{AnyMveDepthwise, AnyMvePairs, AnyMveRow, AnyMveRuns};
use crate::host::{Expression, HostKernel, Operand, Refused, kind, run_in_model, take};

/// A loop: its type as firmware names it, and its value.
macro_rules! loops {
    ($($any:ident($loop:ident): $name:literal [$($parameter:expr),*];)*) => {$(
        impl $any {
            fn kind(self) -> TokenStream {
                let ($loop, kind) = (self, kind($name, &[]));
                let parameters = [$($parameter),*];
                quote!(#kind<#(#parameters),*>)
            }
        }

        impl Expression for $any {
            fn expression(&self) -> TokenStream {
                kind($name, &[])
            }
        }
    )*};
}

fn number(value: usize) -> TokenStream {
    let literal = Literal::usize_unsuffixed(value);
    quote!(#literal)
}

fn truth(value: bool) -> TokenStream {
    quote!(#value)
}

loops! {
    AnyMvePairs(l): "MvePairs" [number(l.blocks), truth(l.repeats), truth(l.aside), truth(l.signed), number(l.groups), number(l.rest)];
    AnyMveRow(l): "MveRow" [number(l.blocks), truth(l.signed)];
    AnyMveRuns(l): "MveRuns" [number(l.chunks), truth(l.whole)];
    AnyMveDepthwise(l): "MveDepthwise" [number(l.stride), truth(l.signed), truth(l.wide)];
}

macro_rules! kernels {
    ($($kernel:ident<$($of:ident $field:ident),*>($($operand:ident),*);)*) => {$(
        impl HostKernel for $kernel<$($of),*> {
            fn name(&self) -> String {
                stringify!($kernel).into()
            }

            fn kind(&self) -> TokenStream {
                kind(stringify!($kernel), &[$(self.$field.kind()),*])
            }

            fn folds(&self) -> bool {
                false
            }

            fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused> {
                let mismatch = Refused::Operands {
                    kernel: stringify!($kernel),
                    takes: [$(stringify!($operand)),*].len(),
                };
                let &[$($operand),*] = operands else { return Err(mismatch) };
                $(let $operand = take($operand, mismatch)?;)*
                run_in_model(stringify!($kernel), || self.run($($operand),*))
            }
        }
    )*};
}
kernels! {
    MveConv2d<AnyMvePairs pairs, AnyMveRuns runs>(x, weights, rows, pixels, y);
    MveDepthwiseConv2d<AnyMveDepthwise depthwise>(x, weights, columns, y);
    MveFullyConnected<AnyMveRow row>(x, weights, padded, y);
    MvePointwise<AnyMvePairs pairs, AnyMveRuns runs>(x, weights, pixels, y);
}
