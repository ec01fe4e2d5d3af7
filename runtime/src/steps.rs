//! Element-wise kernels as steps of a [`Chain`](crate::kernels::Chain): the generator makes one of several.
//!
//! Firmware has a type for each chain. The host has the functions of any kernels behind pointers, and goes through rows in the
//! same way.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::Cell;
use core::fmt;

use proc_macro2::TokenStream;

use crate::arch::memory::Element;
use crate::host::{
    Expression, HostKernel, Operand, RUNS_MODELS, Refused, anywhere, kind, name, structure, take,
};
use crate::kernels::{Broadcast, Reduction};
use crate::shared::{AnyCombine, AnyFunction, AnyReducing, Part};

/// Operands of a chain beside the input.
pub const CHAIN_OPERANDS: usize = 4;

/// What an element-wise kernel makes of an element.
pub struct Step {
    /// How the operands meet, of a function of two; its first is the kernel's.
    pub zip: Option<Zipped>,
    /// An `Of<X, Y>`.
    function: Box<dyn Any>,
}

/// How a function of two values is used.
#[derive(Debug, Clone, Copy)]
pub struct Zipped {
    /// Whether the kernel's first operand is the function's second one.
    pub exchanged: bool,
    /// How the operands' elements meet.
    pub broadcast: Option<Broadcast>,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("zip", &self.zip)
            .finish_non_exhaustive()
    }
}

/// A function that is known by its types alone.
#[derive(Debug)]
enum Of<X, Y> {
    One(Arc<dyn AnyFunction<X, Y>>),
    Two(Arc<dyn AnyCombine<X, Y>>),
}

impl<X: Element, Y: Element> Of<X, Y> {
    fn part(&self) -> &dyn Part {
        match self {
            Self::One(function) => &**function,
            Self::Two(function) => &**function,
        }
    }
}

impl Step {
    /// That of a function of one value.
    pub(crate) fn one<X: Element, Y: Element>(function: Arc<dyn AnyFunction<X, Y>>) -> Self {
        Self {
            zip: None,
            function: Box::new(Of::One(function)),
        }
    }

    /// That of a function of two values.
    pub(crate) fn two<X: Element, Y: Element>(
        function: Arc<dyn AnyCombine<X, Y>>,
        zip: Zipped,
    ) -> Self {
        Self {
            zip: Some(zip),
            function: Box::new(Of::Two(function)),
        }
    }

    /// Whether it keeps the type of elements.
    pub fn is_of<T: Element>(&self) -> bool {
        self.function.is::<Of<T, T>>()
    }
}

/// A reduction that may take in what steps make.
pub struct Ending {
    /// Which elements it reduces.
    pub reduction: Reduction,
    /// A `Box<dyn OfRow<X, Y>>`.
    function: Box<dyn Any>,
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending")
            .field("reduction", &self.reduction)
            .finish_non_exhaustive()
    }
}

impl Ending {
    pub(crate) fn new<X: Element, Y: Element, A: Copy + 'static>(
        reduction: Reduction,
        function: Arc<dyn AnyReducing<X, Y, A>>,
    ) -> Self {
        let function: Box<dyn OfRow<X, Y>> = Box::new(function);
        Self {
            reduction,
            function: Box::new(function),
        }
    }
}

/// A reduction that is known by the types of elements alone.
trait OfRow<X, Y>: fmt::Debug + Send + Sync {
    fn of(&self, row: &[X]) -> Y;
    fn part(&self) -> &dyn Part;
}

impl<X: Element, Y: Element, A: Copy + 'static> OfRow<X, Y> for Arc<dyn AnyReducing<X, Y, A>> {
    fn of(&self, row: &[X]) -> Y {
        let acc = row.iter().fold(self.start(), |acc, x| self.fold(acc, *x));
        self.finish(acc)
    }

    fn part(&self) -> &dyn Part {
        &**self
    }
}

/// Where a step has its other operand from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It has none.
    None,
    /// One element for each row, from one row to the next.
    Across(usize),
    /// One element for each column, from one row to the next.
    Along(usize),
}

/// A chain of steps as a kernel; each with where its operand is from, and whether the value so far is the function's second one. A
/// reduction at its end takes in rows. `None` if one changes the type of elements.
pub fn chain<T: Element + fmt::Debug>(
    row: usize,
    steps: Vec<(Step, Access, bool)>,
    ending: Option<Ending>,
) -> Option<Box<dyn HostKernel>> {
    let ending = match ending {
        Some(ending) => Some(*ending.function.downcast::<Box<dyn OfRow<T, T>>>().ok()?),
        None => None,
    };
    let steps = steps.into_iter().map(|(step, access, swapped)| {
        let function = step.function.downcast::<Of<T, T>>().ok()?;
        Some(Placed {
            function: *function,
            access,
            swapped,
        })
    });
    Some(Box::new(Chained {
        row: row.max(1),
        steps: steps.collect::<Option<Vec<_>>>()?,
        ending,
    }))
}

#[derive(Debug)]
struct Chained<T> {
    row: usize,
    steps: Vec<Placed<T>>,
    ending: Option<Box<dyn OfRow<T, T>>>,
}

#[derive(Debug)]
struct Placed<T> {
    function: Of<T, T>,
    access: Access,
    swapped: bool,
}

impl<T: Element> Placed<T> {
    /// What firmware calls the function, and its value.
    fn function(&self) -> (TokenStream, TokenStream) {
        let function = self.function.part();
        let (of, value) = (function.part_kind(), function.expression());
        match self.swapped {
            true => (
                kind("Swapped", &[of]),
                structure("Swapped", [("function", value)]),
            ),
            false => (of, value),
        }
    }

    fn kind(&self) -> TokenStream {
        let name = match self.access {
            Access::None => "Each",
            Access::Across(_) => "Across",
            Access::Along(_) => "Along",
        };
        kind(name, &[self.function().0])
    }

    fn expression(&self) -> TokenStream {
        let function = ("function", self.function().1);
        match self.access {
            Access::None => structure("Each", [function]),
            Access::Across(step) => structure("Across", [function, ("step", step.expression())]),
            Access::Along(step) => structure("Along", [function, ("step", step.expression())]),
        }
    }

    fn apply(&self, value: T, second: Option<T>) -> Option<T> {
        Some(match &self.function {
            Of::One(function) => function.of(value),
            Of::Two(function) if self.swapped => function.combine(second?, value),
            Of::Two(function) => function.combine(value, second?),
        })
    }
}

impl<T: Element> Expression for Chained<T> {
    fn expression(&self) -> TokenStream {
        let end = structure("End", []);
        let steps = self.steps.iter().rev().fold(end, |rest, step| {
            structure("Then", [("first", step.expression()), ("rest", rest)])
        });
        let parts = [("row", self.row.expression()), ("steps", steps)];
        match &self.ending {
            None => structure("Chain", parts),
            Some(ending) => {
                let [row, steps] = parts;
                let function = ("function", ending.part().expression());
                structure("ReduceChain", [row, steps, function])
            }
        }
    }
}

impl<T: Element + fmt::Debug> HostKernel for Chained<T> {
    fn name(&self) -> String {
        let steps = self
            .steps
            .iter()
            .map(|step| step.function.part().part_name());
        let mut steps: Vec<String> = steps.collect();
        match &self.ending {
            None => name("Chain", &steps),
            Some(ending) => {
                steps.push(ending.part().part_name());
                name("ReduceChain", &steps)
            }
        }
    }

    fn kind(&self) -> TokenStream {
        let end = kind("End", &[]);
        let steps = self.steps.iter().rev();
        let steps = steps.fold(end, |rest, step| kind("Then", &[step.kind(), rest]));
        match &self.ending {
            None => kind("Chain", &[steps]),
            Some(ending) => kind("ReduceChain", &[steps, ending.part().part_kind()]),
        }
    }

    fn folds(&self) -> bool {
        false
    }

    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused> {
        let mismatch = Refused::Operands {
            kernel: "Chain",
            takes: 2 + CHAIN_OPERANDS,
        };
        let &[x, ref others @ .., y] = operands else {
            return Err(mismatch);
        };
        if others.len() != CHAIN_OPERANDS {
            return Err(mismatch);
        }
        if RUNS_MODELS {
            return self.run(x, others, y, mismatch);
        }
        Err(Refused::Model { kernel: "Chain" })
    }
}

impl<T: Element> Chained<T> {
    fn run(
        &self,
        x: Operand<'_>,
        others: &[Operand<'_>],
        y: Operand<'_>,
        mismatch: Refused,
    ) -> Result<(), Refused> {
        let x: &[Cell<T>] = take(x, mismatch)?;
        let y: &[Cell<T>] = take(y, mismatch)?;
        let others = others.iter().map(|other| anywhere(*other, mismatch));
        let others: Vec<Cow<'_, [Cell<T>]>> = others.collect::<Result<_, _>>()?;
        let value = |at: usize| {
            let (row, column) = (at / self.row, at % self.row);
            let mut others = others.iter();
            let mut value = x.get(at)?.get();
            for step in &self.steps {
                let element = match step.access {
                    Access::None => None,
                    Access::Across(step) => others.next().map(|o| o.get(row * step)),
                    Access::Along(step) => others.next().map(|o| o.get(row * step + column)),
                };
                let second = element.flatten().map(Cell::get);
                value = step.apply(value, second)?;
            }
            Some(value)
        };
        match &self.ending {
            None => {
                for (at, y) in y.iter().enumerate().take(x.len()) {
                    y.set(value(at).ok_or(mismatch)?);
                }
            }
            Some(ending) => {
                for (row, y) in y.iter().enumerate() {
                    let row = row * self.row..(row + 1) * self.row;
                    let values: Option<Vec<T>> = row.map(value).collect();
                    y.set(ending.of(&values.ok_or(mismatch)?));
                }
            }
        }
        Ok(())
    }
}
