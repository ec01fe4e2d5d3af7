//! The code of a model whose input comes row by row: what takes a row, in the place of the input's memory and of `run`.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::entry::{Named, element};
use super::memories::Home;
use super::steps::{StepsCode, has_patches};
use crate::program::InputRows;

/// The input, its rows, and what is done with them.
pub(super) struct RowsCode<'a> {
    pub(super) rows: InputRows<'a>,
    pub(super) input: Named<'a>,
    pub(super) outputs: Vec<Named<'a>>,
    pub(super) steps: &'a StepsCode<'a>,
}

/// `InputRow` and `INPUT_ROWS`.
pub(super) fn items(rows: &InputRows<'_>, input: &Named<'_>) -> TokenStream {
    let (type_name, count_name) = names(input);
    let (count, elements) = (rows.count, Literal::usize_unsuffixed(rows.elements));
    let element = element(&input.port.operand);
    let name = input.port.name.escape_debug();
    let type_doc = format!(" Values of a row of `{name}`.");
    let count_doc = format!(" Rows of `{name}`.");
    quote! {
        #[doc = #type_doc]
        pub type #type_name = [#element; #elements];
        #[doc = #count_doc]
        pub const #count_name: usize = #count;
    }
}

fn names(input: &Named<'_>) -> (Ident, Ident) {
    let upper = input.method.to_string().to_ascii_uppercase();
    (
        format_ident!("{}Row", input.type_name),
        format_ident!("{upper}_ROWS"),
    )
}

impl RowsCode<'_> {
    /// Methods that take rows, and give outputs where there are some.
    pub(super) fn methods(&self) -> TokenStream {
        let Self {
            rows,
            input,
            outputs,
            steps,
        } = self;
        let (row, _) = names(input);
        let input_type = &input.type_name;
        let name = input.port.name.escape_debug();
        let push_doc = format!(
            " Takes the next row of `{name}`. The last one gives the outputs, those before it give nothing; the row that follows is the first of the \
             next input."
        );
        let missing_doc = format!(
            " Rows of `{name}` that lack until there are outputs: none where there are, and all of them before the first."
        );
        let stream = steps.stream_name(rows.stream);
        let progress = {
            let offset = Literal::usize_unsuffixed(rows.progress.offset);
            let stages = Literal::usize_unsuffixed(rows.stream.stages.len());
            quote!(::castiron::kernels::Progress, #offset, #stages)
        };
        let memories = steps.memories;
        let memory = memories.at_hand();
        let (guard, check) = (memories.guard(), memories.check_guard());
        let (arena, state) = (memories.arena_at_hand(), memories.state());
        let Home { cells, bytes, .. } = steps.lines(rows.stream);
        let before = steps.statements(&steps.steps[..rows.position], false);
        let before = match before.is_empty() {
            true => TokenStream::new(),
            false => quote!(#memory #before),
        };
        let after = behind(steps, rows).body();
        let after = match after.is_empty() {
            true => TokenStream::new(),
            false => quote!({ #memory #after }),
        };
        let (line, turn) = (memories.view(&rows.line), steps.turn(rows.stream));
        let push = match has_patches(rows.stream) {
            true => quote!(push_numbered),
            false => quote!(push),
        };
        let types = outputs.iter().map(|named| {
            let type_name = &named.type_name;
            quote!(&#type_name)
        });
        let values = outputs.iter().map(|named| {
            let (field, view) = memories.field(&named.port.operand);
            quote!(self.#field.get::<#view>())
        });
        let (kind, value) = match outputs.len() {
            1 => (quote!(#(#types)*), quote!(#(#values)*)),
            _ => (quote!((#(#types),*)), quote!((#(#values),*))),
        };
        let results = outputs.iter().map(|named| {
            let (method, type_name) = (&named.method, &named.type_name);
            let (field, view) = memories.field(&named.port.operand);
            let doc = format!(
                " `{}` of the last run; nothing once a row of the next input came.",
                named.port.name.escape_debug()
            );
            quote! {
                #[doc = #doc]
                #[inline]
                #[must_use]
                pub fn #method(&self) -> ::core::option::Option<&#type_name> {
                    match self.missing_rows() {
                        0 => ::core::option::Option::Some(self.#field.get::<#view>()),
                        _ => ::core::option::Option::None,
                    }
                }
            }
        });
        let elements = Literal::usize_unsuffixed(rows.elements);
        quote! {
            #[doc = #push_doc]
            pub fn push_row(&mut self, row: &#row) -> ::core::option::Option<#kind> {
                #guard
                if #stream.begins(self.#state.get_mut::<#progress>()) {
                    #before
                }
                #arena
                let progress = self.#state.get_mut::<#progress>();
                #stream.#push(
                    progress,
                    #cells.at::<i8, 0, #bytes>(),
                    #cells.at::<#line>(),
                    row,
                    #turn,
                );
                if self.missing_rows() > 0 {
                    #check
                    return ::core::option::Option::None;
                }
                #after
                #check
                ::core::option::Option::Some(#value)
            }

            #[doc = #missing_doc]
            #[inline]
            #[must_use]
            pub fn missing_rows(&self) -> usize {
                #stream.missing(self.#state.get::<#progress>())
            }

            #(#results)*

            /// Takes all rows of an input, and gives the outputs. Rows of another input that came before are forgotten.
            pub fn predict(&mut self, input: &#input_type) -> #kind {
                #stream.begin(self.#state.get_mut::<#progress>());
                let (rows, _) = input.as_chunks::<#elements>();
                for row in rows {
                    self.push_row(row);
                }
                #value
            }
        }
    }
}

/// What runs once all rows are there.
pub(super) fn behind<'a>(steps: &StepsCode<'a>, rows: &InputRows<'_>) -> StepsCode<'a> {
    StepsCode {
        steps: &steps.steps[rows.position + 1..],
        prefix: steps.prefix.clone(),
        held: steps.held.clone(),
        ..*steps
    }
}
