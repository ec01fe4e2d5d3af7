//! Kernels as values, for the generator: run on the host, written down as Rust.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};

pub use crate::arch::memory::Aligned;
use crate::arch::memory::{Element, cast, cast_cells};
use crate::kernels::{CopyElements, Select, TopK};
pub use crate::shared::{Part, map, reduce, scan, zip, zip_in_forms};
pub use crate::steps::{Access, CHAIN_OPERANDS, Ending, Step, Zipped, chain};

/// One operand of a kernel call on the host.
#[derive(Debug, Clone, Copy)]
pub enum Operand<'a> {
    /// Activations.
    Arena(&'a [Cell<u8>]),
    /// Constants.
    Constant(&'a [u8]),
}

/// Whether whole models run here, as the command and the tests have it. A generator that folds constants and no more has kernels that fold
/// none to be written down alone: what they compute is not compiled.
pub const RUNS_MODELS: bool = cfg!(feature = "models");

/// Why a call computes nothing: a mistake of the kernel's family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The operands are not what the kernel takes.
    Operands {
        /// The kernel.
        kernel: &'static str,
        /// How many operands it takes.
        takes: usize,
    },
    /// The kernel folds no constants, and [whole models do not run here](RUNS_MODELS).
    Model {
        /// The kernel.
        kernel: &'static str,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operands { kernel, takes } => write!(
                f,
                "{kernel} takes {takes} operands, of other kinds than it was given"
            ),
            Self::Model { kernel } => {
                write!(
                    f,
                    "{kernel} does not run in a generator that folds constants alone"
                )
            }
        }
    }
}

impl core::error::Error for Refused {}

/// A kernel with its parameters.
pub trait HostKernel: Expression + fmt::Debug + Send + Sync {
    /// The kernel's name in [`crate::kernels`], with those of its parts: `Map<Neg>`.
    fn name(&self) -> String;

    /// Its type, as firmware names it.
    fn kind(&self) -> TokenStream;

    /// Runs the kernel.
    ///
    /// # Errors
    /// If the operands are not as many or not of the kinds that the kernel takes, or if it does not run here.
    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused>;

    /// Whether constants are folded with it. Kernels of whole models alone are not compiled where [none runs](RUNS_MODELS).
    fn folds(&self) -> bool {
        true
    }

    /// What it makes of each element, if that is all it does.
    fn step(&self) -> Option<Step> {
        None
    }

    /// How it takes in elements, if it reduces them.
    fn ending(&self) -> Option<Ending> {
        None
    }
}

/// A value that can be written as a Rust expression.
pub trait Expression {
    /// The expression, which needs nothing in scope.
    fn expression(&self) -> TokenStream;
}

/// A type that firmware can name.
pub trait Named {
    /// For people and tables.
    fn name() -> String
    where
        Self: Sized;
    /// For firmware.
    fn kind() -> TokenStream
    where
        Self: Sized;
}

impl Expression for Box<dyn HostKernel> {
    fn expression(&self) -> TokenStream {
        (**self).expression()
    }
}

impl HostKernel for Box<dyn HostKernel> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn kind(&self) -> TokenStream {
        (**self).kind()
    }

    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused> {
        (**self).call(operands)
    }

    fn folds(&self) -> bool {
        (**self).folds()
    }

    fn step(&self) -> Option<Step> {
        (**self).step()
    }

    fn ending(&self) -> Option<Ending> {
        (**self).ending()
    }
}

/// A kernel with the type of its elements. Firmware has it from the operands.
struct Typed<K, T> {
    kernel: K,
    elements: PhantomData<fn() -> T>,
}

impl<K, T> Typed<K, T> {
    fn new(kernel: K) -> Self {
        Self {
            kernel,
            elements: PhantomData,
        }
    }
}

impl<K: fmt::Debug, T> fmt::Debug for Typed<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kernel.fmt(f)
    }
}

impl<K: Expression, T> Expression for Typed<K, T> {
    fn expression(&self) -> TokenStream {
        self.kernel.expression()
    }
}

/// Bytes as streams move them.
#[must_use]
pub fn bytes(cells: &[Cell<u8>]) -> &[Cell<i8>] {
    cast_cells(cells).unwrap_or(&[])
}

/// A choice between elements as a kernel.
pub fn select<T: Element>(kernel: Select) -> Box<dyn HostKernel> {
    Box::new(Typed::<_, T>::new(kernel))
}

impl<T: Element> HostKernel for Typed<Select, T> {
    fn name(&self) -> String {
        Select::name()
    }

    fn kind(&self) -> TokenStream {
        Select::kind()
    }

    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused> {
        let mismatch = Refused::Operands {
            kernel: "Select",
            takes: 4,
        };
        let &[condition, first, second, y] = operands else {
            return Err(mismatch);
        };
        let condition: Cow<'_, [Cell<u8>]> = anywhere(condition, mismatch)?;
        let first: Cow<'_, [Cell<T>]> = anywhere(first, mismatch)?;
        let second: Cow<'_, [Cell<T>]> = anywhere(second, mismatch)?;
        let y: &[Cell<T>] = take(y, mismatch)?;
        self.kernel.run(&condition, &first, &second, y);
        Ok(())
    }
}

/// A copy of single elements as a kernel.
pub fn copy_elements<T: Element>(kernel: CopyElements) -> Box<dyn HostKernel> {
    Box::new(Typed::<_, T>::new(kernel))
}

impl<T: Element> HostKernel for Typed<CopyElements, T> {
    fn name(&self) -> String {
        CopyElements::name()
    }

    fn kind(&self) -> TokenStream {
        CopyElements::kind()
    }

    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused> {
        let mismatch = Refused::Operands {
            kernel: "CopyElements",
            takes: 2,
        };
        let &[x, y] = operands else {
            return Err(mismatch);
        };
        let x: Cow<'_, [Cell<T>]> = anywhere(x, mismatch)?;
        let y: &[Cell<T>] = take(y, mismatch)?;
        self.kernel.run(&x, y);
        Ok(())
    }
}

/// The greatest elements as a kernel.
pub fn top_k<T: Element + PartialOrd>(kernel: TopK) -> Box<dyn HostKernel> {
    Box::new(Typed::<_, T>::new(kernel))
}

impl<T: Element + PartialOrd> HostKernel for Typed<TopK, T> {
    fn name(&self) -> String {
        TopK::name()
    }

    fn kind(&self) -> TokenStream {
        TopK::kind()
    }

    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused> {
        let mismatch = Refused::Operands {
            kernel: "TopK",
            takes: 3,
        };
        let &[x, values, indices] = operands else {
            return Err(mismatch);
        };
        let x: &[Cell<T>] = take(x, mismatch)?;
        let values: &[Cell<T>] = take(values, mismatch)?;
        let indices: &[Cell<i32>] = take(indices, mismatch)?;
        self.kernel.run(x, values, indices);
        Ok(())
    }
}

macro_rules! literals {
    ($($t:ty)*) => {$(
        impl Expression for $t {
            fn expression(&self) -> TokenStream {
                self.to_token_stream()
            }
        }

        impl Named for $t {
            fn name() -> String {
                stringify!($t).into()
            }

            fn kind() -> TokenStream {
                let name = Ident::new(stringify!($t), Span::call_site());
                quote!(#name)
            }
        }
    )*};
}
literals! { u8 i8 u16 i16 i32 u32 isize usize f32 bool }

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

/// The name of a type of [`crate::kernels`] with those of its parts.
pub(crate) fn name(name: &str, parts: &[String]) -> String {
    match parts {
        [] => name.into(),
        _ => format!("{name}<{}>", parts.join(", ")),
    }
}

/// A type of [`crate::kernels`] with its parts, as firmware names it.
pub(crate) fn kind(name: &str, parts: &[TokenStream]) -> TokenStream {
    let name = Ident::new(name, Span::call_site());
    match parts {
        [] => quote!(::castiron::kernels::#name),
        _ => quote!(::castiron::kernels::#name<#(#parts),*>),
    }
}

/// A struct of [`crate::kernels`], as firmware writes it.
pub(crate) fn structure<const N: usize>(
    name: &str,
    fields: [(&str, TokenStream); N],
) -> TokenStream {
    let name = Ident::new(name, Span::call_site());
    let fields = fields.into_iter().map(|(field, value)| {
        let field = Ident::new(field, Span::call_site());
        quote!(#field: #value)
    });
    quote!(::castiron::kernels::#name { #(#fields),* })
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
    /// Whether constants are folded with it.
    const FOLDS: bool;

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
        let (kind, parameters) = (kind(K::NAME, &[]), self.parameters());
        quote!(#kind<#(#parameters),*>)
    }

    fn folds(&self) -> bool {
        K::FOLDS
    }

    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused> {
        let mismatch = Refused::Operands {
            kernel: K::NAME,
            takes: 3 + K::Operands::COUNT,
        };
        let &[x, weights, ref others @ .., y] = operands else {
            return Err(mismatch);
        };
        if const { K::FOLDS || RUNS_MODELS } {
            self.compute(
                FromOperand::from_operand(x).ok_or(mismatch)?,
                FromOperand::from_operand(weights).ok_or(mismatch)?,
                K::Operands::from_operands(others).ok_or(mismatch)?,
                FromOperand::from_operand(y).ok_or(mismatch)?,
            );
            return Ok(());
        }
        Err(Refused::Model { kernel: K::NAME })
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

impl<'a> Operands<'a> for () {
    const COUNT: usize = 0;

    fn from_operands(operands: &[Operand<'a>]) -> Option<Self> {
        operands.is_empty().then_some(())
    }
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

/// Runs a kernel that folds no constants.
pub(crate) fn run_in_model(kernel: &'static str, run: impl FnOnce()) -> Result<(), Refused> {
    if RUNS_MODELS {
        run();
        return Ok(());
    }
    Err(Refused::Model { kernel })
}

/// Makes kernels without parameters in their types callable by the generator; they fold no constants. The list names their operands.
macro_rules! plain {
    ($($kernel:ident($($operand:ident),*);)*) => {$(
        impl $crate::host::HostKernel for $kernel {
            fn name(&self) -> alloc::string::String {
                <Self as $crate::host::Named>::name()
            }

            fn kind(&self) -> proc_macro2::TokenStream {
                <Self as $crate::host::Named>::kind()
            }

            fn folds(&self) -> bool {
                false
            }

            fn call(&self, operands: &[$crate::host::Operand<'_>]) -> Result<(), $crate::host::Refused> {
                let mismatch = $crate::host::Refused::Operands {
                    kernel: stringify!($kernel),
                    takes: [$(stringify!($operand)),*].len(),
                };
                let &[$($operand),*] = operands else { return Err(mismatch) };
                $(let $operand = $crate::host::take($operand, mismatch)?;)*
                $crate::host::run_in_model(stringify!($kernel), || self.run($($operand),*))
            }
        }
    )*};
}
pub(crate) use plain;

/// The operand of this kind, or what is wrong with the call.
pub(crate) fn take<'a, T: FromOperand<'a>>(
    operand: Operand<'a>,
    mismatch: Refused,
) -> Result<T, Refused> {
    T::from_operand(operand).ok_or(mismatch)
}

/// An operand that may lie anywhere: a constant one is copied, so that there is no kernel for each of its places.
pub(crate) fn anywhere<T: Element>(
    operand: Operand<'_>,
    mismatch: Refused,
) -> Result<Cow<'_, [Cell<T>]>, Refused> {
    match operand {
        Operand::Arena(_) => take(operand, mismatch).map(Cow::Borrowed),
        Operand::Constant(_) => {
            let values: &[T] = take(operand, mismatch)?;
            Ok(values.iter().copied().map(Cell::new).collect())
        }
    }
}
