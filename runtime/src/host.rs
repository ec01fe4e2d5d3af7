//! Kernels as values, for the generator: run on the host, written down as Rust.

use core::cell::Cell;
use core::fmt;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};

pub use crate::arch::memory::Aligned;
use crate::arch::memory::{Element, cast, cast_cells};

/// One operand of a kernel call on the host.
#[derive(Debug, Clone, Copy)]
pub enum Operand<'a> {
    /// Activations.
    Arena(&'a [Cell<u8>]),
    /// Constants.
    Constant(&'a [u8]),
}

/// A call whose operands are not what the kernel takes: a mistake of its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch {
    /// The kernel.
    pub kernel: &'static str,
    /// How many operands it takes.
    pub takes: usize,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} takes {} operands, of other kinds than it was given",
            self.kernel, self.takes
        )
    }
}

impl core::error::Error for Mismatch {}

/// A kernel with its parameters.
pub trait HostKernel: Expression + fmt::Debug + Send + Sync {
    /// The kernel's name in [`crate::kernels`].
    fn name(&self) -> &'static str;

    /// Runs the kernel.
    ///
    /// # Errors
    /// If the operands are not as many or not of the kinds that the kernel takes.
    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Mismatch>;
}

/// A value that can be written as a Rust expression.
pub trait Expression {
    /// The expression, which needs nothing in scope.
    fn expression(&self) -> TokenStream;
}

macro_rules! literals {
    ($($t:ty)*) => {$(
        impl Expression for $t {
            fn expression(&self) -> TokenStream {
                self.to_token_stream()
            }
        }
    )*};
}
literals! { u8 i8 i16 i32 u32 isize usize f32 bool }

impl<T: Expression, const N: usize> Expression for [T; N] {
    fn expression(&self) -> TokenStream {
        let elements = self.iter().map(Expression::expression);
        quote!([#(#elements),*])
    }
}

impl<T: Expression> Expression for Option<T> {
    fn expression(&self) -> TokenStream {
        match self.as_ref().map(Expression::expression) {
            Some(value) => quote!(::core::option::Option::Some(#value)),
            None => quote!(::core::option::Option::None),
        }
    }
}

/// A struct of [`crate::kernels`], as firmware names it.
pub(crate) fn structure<const N: usize>(
    name: &str,
    fields: [(&str, TokenStream); N],
) -> TokenStream {
    let name = Ident::new(name, Span::call_site());
    if N == 0 {
        return quote!(::castiron::kernels::#name);
    }
    let fields = fields.into_iter().map(|(field, value)| {
        let field = Ident::new(field, Span::call_site());
        quote!(#field: #value)
    });
    quote!(::castiron::kernels::#name { #(#fields),* })
}

/// A variant of an enum of [`crate::kernels`].
pub(crate) fn variant(name: &str, variant: &str) -> TokenStream {
    let [name, variant] = [name, variant].map(|name| Ident::new(name, Span::call_site()));
    quote!(::castiron::kernels::#name::#variant)
}

/// A typed operand out of an untyped one.
pub trait FromOperand<'a>: Sized {
    /// The operand, if it is of this kind.
    fn from_operand(operand: Operand<'a>) -> Option<Self>;
}

impl<'a, T: Element> FromOperand<'a> for &'a [T] {
    fn from_operand(operand: Operand<'a>) -> Option<Self> {
        match operand {
            Operand::Constant(bytes) => cast(bytes),
            Operand::Arena(_) => None,
        }
    }
}

impl<'a, T: Element> FromOperand<'a> for &'a [Cell<T>] {
    fn from_operand(operand: Operand<'a>) -> Option<Self> {
        match operand {
            Operand::Arena(bytes) => cast_cells(bytes),
            Operand::Constant(_) => None,
        }
    }
}
