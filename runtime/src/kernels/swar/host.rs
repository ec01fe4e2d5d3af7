//! These kernels on the host.

use alloc::format;
use alloc::string::String;
use core::cell::Cell;

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{
    ScalarDepthwise, ScalarDepthwiseConv2d, ScalarFullyConnected, SwarConv2d, SwarPointwise,
};
use crate::arch::depthwise::{Depthwise, LongProducts, MOST_OUTPUTS, ShortProducts};
use crate::arch::swar::{MulPairs, Muls, Smlal, Swar};
use crate::host::{
    Expression, HostKernel, Named, Operand, Refused, kind, run_in_model, structure, take,
};

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
loops!(Smlal, Muls, MulPairs);

macro_rules! kernels {
    ($($kernel:ident($($operand:ident),*);)*) => {$(
        impl<S: Swar + Named + Expression + core::fmt::Debug + Send + Sync> HostKernel for $kernel<S> {
            fn name(&self) -> String {
                format!("{}<{}>", stringify!($kernel), S::name())
            }

            fn kind(&self) -> TokenStream {
                kind(stringify!($kernel), &[S::kind()])
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
    SwarConv2d(x, weights, words, gathered, y);
    SwarPointwise(x, weights, words, y);
}

/// [`ScalarDepthwiseConv2d`] of parameters that are known when the generator runs, and not when it is compiled.
#[derive(Debug, Clone, Copy)]
pub struct AnyScalarDepthwise {
    /// Sizes.
    pub sizes: ScalarDepthwise,
    /// Whether products are of 64 bits: [`LongProducts`], or else [`ShortProducts`].
    pub is_long: bool,
    /// What these are generic over.
    pub signed: bool,
    /// Neighbouring outputs at a time.
    pub at_once: usize,
    /// Columns between windows.
    pub stride: usize,
}

impl AnyScalarDepthwise {
    /// Whether there are loops for these outputs and windows.
    #[must_use]
    pub fn has_loops(&self) -> bool {
        (1..=MOST_OUTPUTS).contains(&self.at_once) && (1..=2).contains(&self.stride)
    }

    fn depthwise(&self) -> &'static str {
        match self.is_long {
            true => "LongProducts",
            false => "ShortProducts",
        }
    }

    fn run(&self, x: &[Cell<i8>], weights: &[u32], rows: &[Cell<i8>], y: &[Cell<i8>]) {
        match (self.is_long, self.signed) {
            (true, true) => self.run_of(LongProducts::<true>, x, weights, rows, y),
            (true, false) => self.run_of(LongProducts::<false>, x, weights, rows, y),
            (false, true) => self.run_of(ShortProducts::<true>, x, weights, rows, y),
            (false, false) => self.run_of(ShortProducts::<false>, x, weights, rows, y),
        }
    }

    fn run_of<D: Depthwise>(
        &self,
        depthwise: D,
        x: &[Cell<i8>],
        weights: &[u32],
        rows: &[Cell<i8>],
        y: &[Cell<i8>],
    ) {
        let sizes = self.sizes;
        macro_rules! outputs {
            ($($at_once:literal)*) => {
                match (self.at_once, self.stride) {
                    $(
                        ($at_once, 1) => {
                            ScalarDepthwiseConv2d::<D, $at_once, 1> { sizes, depthwise }.run(x, weights, rows, y);
                        }
                        ($at_once, 2) => {
                            ScalarDepthwiseConv2d::<D, $at_once, 2> { sizes, depthwise }.run(x, weights, rows, y);
                        }
                    )*
                    _ => {}
                }
            };
        }
        outputs!(1 2 3 4 5);
    }
}

impl Expression for AnyScalarDepthwise {
    fn expression(&self) -> TokenStream {
        let fields = [
            ("sizes", self.sizes.expression()),
            ("depthwise", kind(self.depthwise(), &[])),
        ];
        structure("ScalarDepthwiseConv2d", fields)
    }
}

impl HostKernel for AnyScalarDepthwise {
    fn name(&self) -> String {
        format!("ScalarDepthwiseConv2d<{}>", self.depthwise())
    }

    fn kind(&self) -> TokenStream {
        let kind_of = kind(self.depthwise(), &[]);
        let (kind, signed) = (kind("ScalarDepthwiseConv2d", &[]), self.signed);
        let numbers = [self.at_once, self.stride].map(Literal::usize_unsuffixed);
        quote!(#kind<#kind_of<#signed>, #(#numbers),*>)
    }

    fn folds(&self) -> bool {
        false
    }

    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused> {
        let kernel = "ScalarDepthwiseConv2d";
        let mismatch = Refused::Operands { kernel, takes: 4 };
        let &[x, weights, rows, y] = operands else {
            return Err(mismatch);
        };
        let (x, weights, rows, y) = (
            take(x, mismatch)?,
            take(weights, mismatch)?,
            take(rows, mismatch)?,
            take(y, mismatch)?,
        );
        run_in_model(kernel, || self.run(x, weights, rows, y))
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

    fn folds(&self) -> bool {
        false
    }

    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused> {
        let mismatch = Refused::Operands {
            kernel: "ScalarFullyConnected",
            takes: 3,
        };
        let &[x, weights, y] = operands else {
            return Err(mismatch);
        };
        let (x, weights, y) = (
            take(x, mismatch)?,
            take(weights, mismatch)?,
            take(y, mismatch)?,
        );
        run_in_model("ScalarFullyConnected", || self.run(x, weights, y))
    }
}
