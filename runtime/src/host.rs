//! Kernels as values, for the generator: run on the host, written down as Rust.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
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
    /// The kernel's name in [`crate::kernels`], with the number format that it is for, if it is generic.
    fn name(&self) -> String;

    /// The kernel's type, as firmware names it.
    fn kind(&self) -> TokenStream;

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

/// A type of [`crate::kernels`], as firmware names it.
pub(crate) fn kind(name: &str) -> TokenStream {
    let name = Ident::new(name, Span::call_site());
    quote!(::castiron::kernels::#name)
}

/// A struct of [`crate::kernels`] with the values of its fields.
pub(crate) fn structure<const N: usize>(
    name: &str,
    fields: [(&str, TokenStream); N],
) -> TokenStream {
    let kind = kind(name);
    if N == 0 {
        return kind;
    }
    let fields = fields.into_iter().map(|(field, value)| {
        let field = Ident::new(field, Span::call_site());
        quote!(#field: #value)
    });
    quote!(#kind { #(#fields),* })
}

/// A variant of an enum of [`crate::kernels`].
pub(crate) fn variant(name: &str, variant: &str) -> TokenStream {
    let (kind, variant) = (kind(name), Ident::new(variant, Span::call_site()));
    quote!(#kind::#variant)
}

/// A parameter of a kernel that is generic.
pub trait Parameter: Expression + fmt::Debug + Send + Sync {}

impl<T: Expression + fmt::Debug + Send + Sync> Parameter for T {}

/// A kernel that multiplies inputs by packed weights, in a number format of its own.
pub trait MultiplyAccumulate: Expression + fmt::Debug + Send + Sync {
    /// The kernel's name, without parameters.
    const NAME: &'static str;
    /// An input value.
    type X: Element;
    /// A packed weight.
    type Packed: Element;
    /// An output value.
    type Y: Element;
    /// What it takes between the weights and the output.
    type Operands<'a>: Operands<'a>;

    /// The number format's name.
    fn format(&self) -> &'static str;
    /// The types that the kernel's is generic over.
    fn parameters(&self) -> Vec<TokenStream>;
    /// The kernel's `run`.
    fn compute(
        &self,
        x: &[Cell<Self::X>],
        weights: &[Self::Packed],
        operands: Self::Operands<'_>,
        y: &[Cell<Self::Y>],
    );
}

impl<K: MultiplyAccumulate> HostKernel for K {
    fn name(&self) -> String {
        format!("{}<{}>", K::NAME, self.format())
    }

    fn kind(&self) -> TokenStream {
        let (kind, parameters) = (kind(K::NAME), self.parameters());
        quote!(#kind<#(#parameters),*>)
    }

    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Mismatch> {
        let mismatch = Mismatch {
            kernel: K::NAME,
            takes: 3 + K::Operands::COUNT,
        };
        let &[x, weights, ref others @ .., y] = operands else {
            return Err(mismatch);
        };
        self.compute(
            FromOperand::from_operand(x).ok_or(mismatch)?,
            FromOperand::from_operand(weights).ok_or(mismatch)?,
            K::Operands::from_operands(others).ok_or(mismatch)?,
            FromOperand::from_operand(y).ok_or(mismatch)?,
        );
        Ok(())
    }
}

/// Several operands of a kernel.
pub trait Operands<'a>: Sized {
    /// How many they are.
    const COUNT: usize;
    /// The operands, if they are as many and of these kinds.
    fn from_operands(operands: &[Operand<'a>]) -> Option<Self>;
}

macro_rules! operands {
    ($($t:ident = $operand:ident),*) => {
        impl<'a, $($t: FromOperand<'a>),*> Operands<'a> for ($($t,)*) {
            const COUNT: usize = [$(stringify!($operand)),*].len();

            fn from_operands(operands: &[Operand<'a>]) -> Option<Self> {
                let &[$($operand),*] = operands else { return None };
                Some(($($t::from_operand($operand)?,)*))
            }
        }
    };
}
operands!(A = a);
operands!(A = a, B = b);
operands!(A = a, B = b, C = c);
operands!(A = a, B = b, C = c, D = d);

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
