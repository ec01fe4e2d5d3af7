//! A model behind Kenning's inference protocol: what the runtime's server asks of it.

use castiron_runtime::crc::Crc32;
use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::memories::Memories;
use crate::emit::kenning::packed::packed;
use crate::error::{Diagnostic, Result};
use crate::program::{
    ElementType, Entry, Operand, Port, Program, Step, calls, custom_calls, observations,
};

/// The protocol by which a model is served, and what it is known by there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KenningServer {
    /// Length and CRC-32 of the model's file.
    file: (u32, u32),
}

impl KenningServer {
    /// For the model in this file.
    #[must_use]
    pub fn of(file: &[u8]) -> Self {
        Self {
            file: (
                u32::try_from(file.len()).unwrap_or(u32::MAX),
                Crc32::of(file),
            ),
        }
    }
}

/// Fails where a model cannot be behind Kenning's protocol.
///
/// # Errors
/// With the reason.
pub fn check_server(program: &Program) -> Result<()> {
    let Some(entry) = program.entries.first() else {
        return Ok(());
    };
    let apart = match (entry.input_rows(), program.held_sides()) {
        (Some(_), _) => Some("takes its input row by row"),
        (None, [false, false]) => None,
        (None, _) => Some("takes inputs or outputs in the caller's buffers"),
    };
    if let Some(apart) = apart {
        let problem = format!("a model that {apart} cannot be served by Kenning's protocol");
        return Err(Diagnostic::new(problem)
            .help(
                "let it have its inputs and outputs in its arena, as a whole; results are the same",
            )
            .into());
    }
    packed(entry)?;
    Ok(())
}

/// The trait of the runtime's server; nothing where [`check_server`] fails.
pub(super) fn served(
    server: KenningServer,
    program: &Program,
    memories: &Memories<'_>,
) -> Option<TokenStream> {
    let entry = program.entries.first()?;
    let spec = Literal::byte_string(&packed(entry).ok()?);
    let model = memories.lasting_model();
    let (bytes, crc) = server.file;
    let view = |(index, port): (usize, &Port)| {
        let operand = Operand {
            element: ElementType::U8,
            len: port.operand.range().len(),
            ..port.operand
        };
        let (field, view) = memories.field(&operand);
        (Literal::usize_unsuffixed(index), field, view)
    };
    let inputs = entry.inputs.iter().enumerate().map(view);
    let inputs =
        inputs.map(|(index, field, view)| quote!(#index => self.#field.get_mut::<#view>(),));
    let outputs = entry.outputs.iter().enumerate().map(view);
    let outputs = outputs.map(|(index, field, view)| quote!(#index => self.#field.get::<#view>(),));
    let operators = operators(program, entry);
    let count = operators.len();
    let operators = operators.iter().map(|(index, name)| {
        let index = Literal::usize_unsuffixed(*index);
        quote!((#index, #name))
    });
    let run = quote!(self.run_traced(|operator, _, _| after(operator)));
    let run = match program.may_end_early() {
        true => quote!(#run.is_ok()),
        false => quote!(#run; true),
    };
    Some(quote! {
        impl ::castiron::kenning::Served for #model {
            const SPEC: [u8; ::castiron::kenning::SPEC_BYTES] = *#spec;
            const FILE: (u32, u32) = (#bytes, #crc);
            const ARENA_BYTES: usize = ARENA_BYTES;
            const STATE_BYTES: usize = STATE_BYTES;
            const OPERATORS: &'static [(usize, &'static str)] = &[#(#operators),*];
            type Times = [u64; #count];
            const NO_TIMES: [u64; #count] = [0; #count];

            fn input(&mut self, index: usize) -> ::core::option::Option<&mut [u8]> {
                ::core::option::Option::Some(match index {
                    #(#inputs)*
                    _ => return ::core::option::Option::None,
                })
            }

            fn output(&self, index: usize) -> ::core::option::Option<&[u8]> {
                ::core::option::Option::Some(match index {
                    #(#outputs)*
                    _ => return ::core::option::Option::None,
                })
            }

            fn run(&mut self, mut after: impl ::core::ops::FnMut(usize)) -> bool {
                #run
            }

            fn reset(&mut self) {
                self.reset();
            }
        }
    })
}

/// Those of an entry whose end shows, with the index in the file before the name.
fn operators(program: &Program, entry: &Entry) -> Vec<(usize, String)> {
    let mut steps = vec![&entry.steps];
    // An entry that others call is a routine, and its steps stand there.
    let own = program
        .routines
        .iter()
        .filter(|routine| routine.graph == entry.graph);
    let runs_own = entry.steps.iter().any(|step| matches!(step, Step::Run(_)));
    steps.extend(own.filter(|_| runs_own).map(|routine| &routine.steps));
    let names: Vec<(usize, &str)> = (steps.iter())
        .flat_map(|steps| {
            let kernels = calls(steps).into_iter().map(|call| &call.origin);
            kernels.chain(custom_calls(steps).into_iter().map(|call| &call.origin))
        })
        .map(|origin| (origin.operator, &*origin.name))
        .collect();
    let seen = steps.iter().flat_map(|steps| observations(steps));
    let mut indices: Vec<usize> = seen.map(|seen| seen.operator).collect();
    indices.sort_unstable();
    indices.dedup();
    let named = indices.into_iter().map(|index| {
        let name = names.iter().find(|(other, _)| *other == index);
        let name = name.map_or("operator", |(_, name)| name);
        (index, format!("{index} {name}"))
    });
    named.collect()
}
