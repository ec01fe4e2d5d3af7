//! Element-wise kernels and reductions on the host, where their functions are behind pointers: functions of the same types
//! share one kernel's code. A generator with a kernel for each function would be several times as large.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::cell::Cell;
use core::fmt;

use proc_macro2::TokenStream;

use crate::arch::memory::Element;
use crate::host::{Expression, HostKernel, Named, Operand, Refused, anywhere, kind, name, take};
use crate::kernels::{Combine, Folding, Function, Map, Reduce, Reducing, Scan, Zip};
use crate::steps::{Ending, Step, Zipped};

/// What the function of an element-wise kernel is.
pub trait Part: Expression + Named + fmt::Debug + Send + Sync + 'static {
    /// Its name, for people and tables.
    fn part_name(&self) -> String;
    /// Its type, as firmware names it.
    fn part_kind(&self) -> TokenStream;
}

impl<F: Expression + Named + fmt::Debug + Send + Sync + 'static> Part for F {
    fn part_name(&self) -> String {
        F::name()
    }

    fn part_kind(&self) -> TokenStream {
        F::kind()
    }
}

/// A function of one value that is known by its types alone.
pub(crate) trait AnyFunction<X, Y>: Function<X, Y> + Part {}

impl<X, Y, F: Function<X, Y> + Part> AnyFunction<X, Y> for F {}

impl<X, Y> Function<X, Y> for Arc<dyn AnyFunction<X, Y>> {
    fn of(&self, x: X) -> Y {
        (**self).of(x)
    }
}

/// A function of two values that is known by its types alone.
pub(crate) trait AnyCombine<X, Y>: Combine<X, Y> + Part {}

impl<X, Y, F: Combine<X, Y> + Part> AnyCombine<X, Y> for F {}

impl<X, Y> Combine<X, Y> for Arc<dyn AnyCombine<X, Y>> {
    fn combine(&self, first: X, second: X) -> Y {
        (**self).combine(first, second)
    }
}

/// A reduction that is known by its types alone.
pub(crate) trait AnyReducing<X, Y, A>: Reducing<X, Y, Acc = A> + Part {}

impl<X, Y, A, F: Reducing<X, Y, Acc = A> + Part> AnyReducing<X, Y, A> for F {}

impl<X, Y, A: Copy + 'static> Folding<X> for Arc<dyn AnyReducing<X, Y, A>> {
    type Acc = A;

    fn start(&self) -> A {
        (**self).start()
    }

    fn fold(&self, acc: A, x: X) -> A {
        (**self).fold(acc, x)
    }
}

impl<X, Y, A: Copy + 'static> Reducing<X, Y> for Arc<dyn AnyReducing<X, Y, A>> {
    fn finish(&self, acc: A) -> Y {
        (**self).finish(acc)
    }
}

impl<F: Expression + ?Sized> Expression for Arc<F> {
    fn expression(&self) -> TokenStream {
        (**self).expression()
    }
}

/// A function of one value as a kernel.
pub fn map<X: Element, Y: Element>(function: impl Function<X, Y> + Part) -> Box<dyn HostKernel> {
    let function: Arc<dyn AnyFunction<X, Y>> = Arc::new(function);
    Box::new(Map { function })
}

/// A function of two values as a kernel.
pub fn zip<X: Element, Y: Element, F: Combine<X, Y> + Part>(kernel: Zip<F>) -> Box<dyn HostKernel> {
    Box::new(shared::<X, Y, F>(kernel))
}

/// A function of two values that has forms of its own for some parameters, as a kernel: the host runs these forms, too.
pub fn zip_in_forms<X: Element, Y: Element, F: Combine<X, Y> + Part + Copy>(
    kernel: Zip<F>,
) -> Box<dyn HostKernel> {
    Box::new(InForms {
        kernel,
        shared: shared::<X, Y, F>(kernel),
    })
}

/// A reduction as a kernel.
pub fn reduce<X: Element, Y: Element>(
    kernel: Reduce<impl Reducing<X, Y> + Part>,
) -> Box<dyn HostKernel> {
    let function: Arc<dyn AnyReducing<X, Y, _>> = Arc::new(kernel.function);
    Box::new(Reduce {
        function,
        reduction: kernel.reduction,
    })
}

/// Running results as a kernel.
pub fn scan<X: Element, Y: Element>(
    kernel: Scan<impl Reducing<X, Y> + Part>,
) -> Box<dyn HostKernel> {
    let function: Arc<dyn AnyReducing<X, Y, _>> = Arc::new(kernel.function);
    Box::new(Scan {
        function,
        axis: kernel.axis,
        exclusive: kernel.exclusive,
        reverse: kernel.reverse,
    })
}

type Shared<X, Y> = Zip<Arc<dyn AnyCombine<X, Y>>>;

fn shared<X, Y, F: Combine<X, Y> + Part>(kernel: Zip<F>) -> Shared<X, Y> {
    Zip {
        function: Arc::new(kernel.function),
        exchanged: kernel.exchanged,
        broadcast: kernel.broadcast,
    }
}

macro_rules! of_one_input {
    ($($kernel:ident<$function:ident<X, Y $(, $acc:ident)?>> { $($more:tt)* })*) => {$(
        impl<X: Element, Y: Element $(, $acc: Copy + 'static)?> HostKernel
            for $kernel<Arc<dyn $function<X, Y $(, $acc)?>>>
        {
            fn name(&self) -> String {
                name(stringify!($kernel), &[self.function.part_name()])
            }

            fn kind(&self) -> TokenStream {
                kind(stringify!($kernel), &[self.function.part_kind()])
            }

            fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused> {
                let mismatch = Refused::Operands {
                    kernel: stringify!($kernel),
                    takes: 2,
                };
                let &[x, y] = operands else {
                    return Err(mismatch);
                };
                let x: &[Cell<X>] = take(x, mismatch)?;
                let y: &[Cell<Y>] = take(y, mismatch)?;
                self.run(x, y);
                Ok(())
            }

            $($more)*
        }
    )*};
}
of_one_input! {
    Map<AnyFunction<X, Y>> {
        fn step(&self) -> Option<Step> {
            Some(Step::one(self.function.clone()))
        }
    }
    Reduce<AnyReducing<X, Y, A>> {
        fn ending(&self) -> Option<Ending> {
            Some(Ending::new(self.reduction, self.function.clone()))
        }
    }
    Scan<AnyReducing<X, Y, A>> {}
}

impl<X: Element, Y: Element> HostKernel for Shared<X, Y> {
    fn name(&self) -> String {
        name("Zip", &[self.function.part_name()])
    }

    fn kind(&self) -> TokenStream {
        kind("Zip", &[self.function.part_kind()])
    }

    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused> {
        on_two_inputs(self, operands)
    }

    fn step(&self) -> Option<Step> {
        let zip = Zipped {
            exchanged: self.exchanged,
            broadcast: self.broadcast,
        };
        Some(Step::two(self.function.clone(), zip))
    }
}

/// A [`Zip`] of which the host has the function's own forms.
struct InForms<F, X, Y> {
    kernel: Zip<F>,
    shared: Shared<X, Y>,
}

impl<F, X, Y> fmt::Debug for InForms<F, X, Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

impl<F, X, Y> Expression for InForms<F, X, Y> {
    fn expression(&self) -> TokenStream {
        self.shared.expression()
    }
}

impl<F: Combine<X, Y> + Part, X: Element, Y: Element> HostKernel for InForms<F, X, Y> {
    fn name(&self) -> String {
        self.shared.name()
    }

    fn kind(&self) -> TokenStream {
        self.shared.kind()
    }

    fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused> {
        on_two_inputs(&self.kernel, operands)
    }

    fn step(&self) -> Option<Step> {
        self.shared.step()
    }
}

fn on_two_inputs<X: Element, Y: Element, F: Combine<X, Y>>(
    kernel: &Zip<F>,
    operands: &[Operand<'_>],
) -> Result<(), Refused> {
    let mismatch = Refused::Operands {
        kernel: "Zip",
        takes: 3,
    };
    let &[first, second, y] = operands else {
        return Err(mismatch);
    };
    let first: &[Cell<X>] = take(first, mismatch)?;
    let second: Cow<'_, [Cell<X>]> = anywhere(second, mismatch)?;
    let y: &[Cell<Y>] = take(y, mismatch)?;
    kernel.run(first, &second, y);
    Ok(())
}
