//! `include_model!`: a thin shell over castiron's generator, which is compiled into it or an installed command.

mod arguments;
mod call;
mod files;
#[cfg(not(feature = "generator"))]
mod installed;
mod text;

#[cfg(feature = "generator")]
use castiron_codegen::expand::expand;
#[cfg(not(feature = "generator"))]
use installed::expand;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use arguments::Arguments;
use call::Call;

/// Casts a `.tflite` model into a module. The `castiron` crate documents it.
#[proc_macro]
pub fn include_model(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    syn::parse::<Arguments>(input)
        .and_then(|arguments| module(&arguments))
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

fn module(arguments: &Arguments) -> syn::Result<TokenStream> {
    let call = Call::of(arguments)?;
    let module =
        expand(&call.fields).map_err(|problem| call.error(problem.field, &problem.message))?;
    let items = call::with_paths(module.items, arguments);
    let name = arguments.name.clone();
    let name = name.unwrap_or_else(|| Ident::new(&module.name, Span::call_site()));
    // The compiler has to know of them to compile anew when they change.
    let variables = &arguments.variables;
    let visibility = &arguments.visibility;
    let doc = format!(" The model `{}`, cast by castiron.", arguments.path.value());
    Ok(quote! {
        #[doc = #doc]
        #[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
        #visibility mod #name {
            #items
            #(const _: &str = ::core::env!(#variables);)*
        }
    })
}
