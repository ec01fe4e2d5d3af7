//! What a model implements: the trait of all models, and `Debug`.

use proc_macro2::TokenStream;
use quote::quote;

use super::entry::Named;

/// The trait of all models, by the methods that the model has of its own.
pub(super) fn model(
    model: &TokenStream,
    inputs: &[Named<'_>],
    outputs: &[Named<'_>],
) -> TokenStream {
    let types = |ports: &[Named<'_>]| {
        let types = ports.iter().map(|named| {
            let name = &named.type_name;
            quote!(&'a #name)
        });
        one_or_tuple(types.collect())
    };
    let [input_types, output_types] = [inputs, outputs].map(types);
    let names: Vec<_> = inputs.iter().map(|named| &named.method).collect();
    let pattern = one_or_tuple(names.iter().map(|name| quote!(#name)).collect());
    let values = outputs.iter().map(|named| {
        let method = &named.method;
        quote!(self.#method())
    });
    let values = one_or_tuple(values.collect());
    quote! {
        impl ::castiron::Model for #model {
            type Inputs<'a> = #input_types;
            type Outputs<'a> = #output_types;

            const ARENA_BYTES: usize = ARENA_BYTES;
            const STATE_BYTES: usize = STATE_BYTES;
            const WEIGHT_BYTES: usize = WEIGHT_BYTES;
            const MACS: u64 = MACS;

            fn run(&mut self) {
                self.run();
            }

            fn outputs(&self) -> Self::Outputs<'_> {
                #values
            }

            fn predict(&mut self, #pattern: Self::Inputs<'_>) -> Self::Outputs<'_> {
                self.predict(#(#names),*)
            }

            fn reset(&mut self) {
                self.reset();
            }
        }
    }
}

/// `Debug` without the arena, whose bytes say nothing to people.
pub(super) fn debug(model: &TokenStream, name: &str) -> TokenStream {
    quote! {
        impl ::core::fmt::Debug for #model {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct("Model").field("name", &#name).finish_non_exhaustive()
            }
        }
    }
}

fn one_or_tuple(mut items: Vec<TokenStream>) -> TokenStream {
    match items.len() {
        1 => items.remove(0),
        _ => quote!((#(#items),*)),
    }
}
