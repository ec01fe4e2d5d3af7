//! A run in parts: `Steps`, which firmware gives time between other work, and `run_async`.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::memories::{Home, Memories};
use super::steps::StepsCode;
use crate::error::{Diagnostic, Result};
use crate::program::{Program, Step, StreamStep, calls};

/// The steps of a model's first entry.
pub(super) struct StepwiseCode<'a> {
    pub(super) program: &'a Program,
    pub(super) steps: &'a StepsCode<'a>,
}

/// Fails where a model has no run in parts.
///
/// # Errors
/// With the reason.
pub fn check_steps(program: &Program) -> Result<()> {
    let first = program.entries.first();
    let reason = if first.is_some_and(|entry| entry.input_rows().is_some()) {
        "input comes row by row: each row runs a part as it is"
    } else if program.held_sides().contains(&true) {
        "inputs or outputs are the caller's, who hands them over for a run as a whole"
    } else {
        return Ok(());
    };
    Err(
        Diagnostic::new("this model has no run in parts, as its ".to_owned() + reason)
            .help("leave `steps` out")
            .into(),
    )
}

impl StepwiseCode<'_> {
    /// `Steps`, for the module.
    pub(super) fn items(&self) -> TokenStream {
        let count = self.parts().count();
        let stages = self.most_stages();
        let (generics, model) = self.generics();
        let result = self.steps.result(&quote!(bool));
        let (more, done) = (
            self.steps.done(&quote!(true)),
            self.steps.done(&quote!(false)),
        );
        // A run that ended early has ended: what it waits for is counted once.
        let error = quote!(::core::result::Result::Err(::castiron::NotYet));
        let (again, ran) = match self.steps.may_end_early {
            true => (
                quote!(if self.next > #count { return #error; }),
                quote!(match ran {
                    ::core::result::Result::Ok(ran) => ran,
                    ::core::result::Result::Err(::castiron::NotYet) => {
                        self.next = #count + 1;
                        return #error;
                    }
                }),
            ),
            false => (TokenStream::new(), quote!(ran)),
        };
        let early = self.early();
        let check = Memories::check_guard_of(&quote!(self.model));
        quote! {
            /// A run of a [`Model`] in parts. Dropped before its end it leaves no outputs, and the next run starts anew; only variables keep what was
            /// written to them.
            pub struct Steps #generics {
                model: &'a mut #model,
                next: usize,
                stream: ::castiron::kernels::Paused<#stages>,
            }

            impl #generics Steps #generics {
                /// Runs operators, or rows of those that run row by row, while those before them took less than `budget`: one at least. What they take is
                /// counted in multiply-accumulates, or in other operations where they have none. Whether there is more to run.
                #early
                pub fn run(&mut self, budget: u64) #result {
                    #again
                    let mut took = 0u64;
                    while self.next < #count {
                        let left = budget.saturating_sub(took);
                        let ran = self.model.run_part(self.next, &mut self.stream, left);
                        let (part, is_done) = #ran;
                        took = took.saturating_add(part);
                        self.next += usize::from(is_done);
                        if took >= budget && self.next < #count {
                            return #more;
                        }
                    }
                    #check
                    #done
                }
            }

            impl #generics ::core::fmt::Debug for Steps #generics {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.debug_struct("Steps").field("next", &self.next).finish_non_exhaustive()
                }
            }
        }
    }

    /// `steps`, `run_async` and what they call, for the model.
    pub(super) fn methods(&self) -> TokenStream {
        let steps = self.steps;
        let stages = self.most_stages();
        let (memory, guard) = (steps.memories.at_hand(), steps.memories.guard());
        let last = self.parts().count().saturating_sub(1);
        let parts = self.parts().enumerate().map(|(position, step)| {
            let pattern = match position == last {
                true => quote!(_),
                false => {
                    let position = Literal::usize_unsuffixed(position);
                    quote!(#position)
                }
            };
            let run = match step {
                Step::Stream(stream) => self.stream(stream),
                step => {
                    let (statement, work) = (
                        steps.statements(std::slice::from_ref(step), false),
                        self.work(step),
                    );
                    quote!({ #statement (#work, true) })
                }
            };
            quote!(#pattern => #run,)
        });
        let body = match self.parts().next() {
            Some(_) => quote!(match part { #(#parts)* }),
            None => quote!((0, true)),
        };
        let part = steps.result(&quote!((u64, bool)));
        let body = steps.done(&body);
        let (borrowed, captured) = match steps.memories.are_several() {
            true => (quote!(Steps<'_, 'm>), quote!('_, 'm)),
            false => (quote!(Steps<'_>), quote!('_)),
        };
        let early = self.early();
        // As an `async` block it would panic where somebody polls it after its end.
        let (output, ready) = match steps.may_end_early {
            true => (
                quote!(::core::result::Result<(), ::castiron::NotYet>),
                quote! {
                    ::core::result::Result::Ok(false) => ::core::task::Poll::Ready(::core::result::Result::Ok(())),
                    ::core::result::Result::Err(ended) => ::core::task::Poll::Ready(::core::result::Result::Err(ended)),
                },
            ),
            false => (quote!(()), quote!(false => ::core::task::Poll::Ready(()),)),
        };
        let more = steps.done(&quote!(true));
        quote! {
            /// Begins a run in parts, with the inputs as they are in their memory.
            pub fn steps(&mut self) -> #borrowed {
                #guard
                Steps { model: self, next: 0, stream: ::castiron::kernels::Paused::START }
            }

            /// Computes the outputs from the inputs, and lets other tasks of the executor run after every `budget` of operations: see [`Steps::run`].
            #early
            pub fn run_async(&mut self, budget: u64) -> impl ::core::future::Future<Output = #output> + use<#captured> {
                let mut steps = self.steps();
                ::core::future::poll_fn(move |context| match steps.run(budget) {
                    #more => {
                        context.waker().wake_by_ref();
                        ::core::task::Poll::Pending
                    }
                    #ready
                })
            }

            #[allow(unused_variables)]
            fn run_part(
                &mut self,
                part: usize,
                stream: &mut ::castiron::kernels::Paused<#stages>,
                budget: u64,
            ) #part {
                #memory
                #body
            }
        }
    }

    /// What runs at once or, of a stream, row by row.
    fn parts(&self) -> impl Iterator<Item = &Step> {
        let all = self.steps.steps.iter();
        all.filter(|step| !matches!(step, Step::Observe(_)))
    }

    fn stream(&self, stream: &StreamStep) -> TokenStream {
        let steps = self.steps;
        let (name, turn) = (steps.stream_name(stream), steps.numbered_turn(stream));
        let Home { cells, bytes, .. } = steps.lines(stream);
        let input = steps.apart(stream).unwrap_or_else(|| quote!(#name.input));
        let costs = stream
            .stages
            .iter()
            .zip(stream.turns())
            .map(|(stage, turns)| {
                let work: u64 = stage.calls.iter().map(|moving| moving.call.work).sum();
                Literal::u64_unsuffixed(work.div_ceil(turns.max(1) as u64).max(1))
            });
        quote! {
            #name.run_some(stream, #cells.at::<i8, 0, #bytes>(), #input, (&[#(#costs),*], budget), #turn)
        }
    }

    /// Operations of a step; of a loop, those of one turn.
    fn work(&self, step: &Step) -> Literal {
        let steps = match step {
            Step::Run(routine) => self.program.routines.get(*routine),
            _ => None,
        };
        let steps = steps.map_or(std::slice::from_ref(step), |routine| &routine.steps);
        let work: u64 = calls(steps).iter().map(|call| call.work).sum();
        Literal::u64_unsuffixed(work.max(1))
    }

    fn most_stages(&self) -> usize {
        let stages = self.parts().filter_map(|step| match step {
            Step::Stream(stream) => Some(stream.stages.len()),
            _ => None,
        });
        stages.max().unwrap_or(0)
    }

    fn generics(&self) -> (TokenStream, TokenStream) {
        match self.steps.memories.are_several() {
            true => (quote!(<'a, 'm>), quote!(Model<'m>)),
            false => (quote!(<'a>), quote!(Model)),
        }
    }

    fn early(&self) -> Option<TokenStream> {
        self.steps.may_end_early.then(|| {
            quote! {
                ///
                /// # Errors
                /// If the run ended before there were outputs: a buffer of the model waits for more inputs. Outputs then hold nothing.
            }
        })
    }
}
