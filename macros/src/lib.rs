//! `include_model!`: a thin shell over castiron's generator.

mod arguments;
mod engine;
mod files;

use castiron_codegen::emit::rust::{self, RustOptions, TflmModule};
use castiron_codegen::lower::{self, CompileOptions};
use castiron_codegen::tflite;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use arguments::Arguments;
use engine::Engine;

/// Casts a `.tflite` model into a module. The `castiron` crate documents it.
#[proc_macro]
pub fn include_model(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    syn::parse::<Arguments>(input)
        .and_then(|arguments| expand(&arguments))
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

fn expand(arguments: &Arguments) -> syn::Result<TokenStream> {
    let path = files::resolve(&arguments.path)?;
    let at_path = |error: &dyn std::fmt::Display| syn::Error::new(arguments.path.span(), error);
    let bytes = files::read(&arguments.path, &path)?;
    let model = tflite::read(&arguments.path.value(), &bytes).map_err(|e| at_path(&e))?;
    let mut options = RustOptions {
        section: arguments.section.as_ref().map(syn::LitStr::value),
        tracked: vec![files::text(&arguments.path, &path)?],
        ..RustOptions::default()
    };
    if let Some(labels) = &arguments.labels {
        let path = files::resolve(labels)?;
        options.labels = files::labels(labels, &path)?;
        options.tracked.push(files::text(labels, &path)?);
    }
    let items = match engine::of(arguments)? {
        Engine::Compiled => {
            let compiled = lower::compile(&model, &CompileOptions::default());
            rust::items(&compiled.map_err(|e| at_path(&e))?, &options)
        }
        Engine::Tflm(path) => {
            let (prefix, bindings) = engine::built(path, model.stem())?;
            let module = TflmModule::new(&model, &prefix, &bindings).map_err(|e| at_path(&e))?;
            module.items(&options)
        }
    };
    let visibility = &arguments.visibility;
    let name = arguments
        .name
        .clone()
        .unwrap_or_else(|| Ident::new(&rust::module_name(model.stem()), Span::call_site()));
    let doc = format!(" The model `{}`, cast by castiron.", arguments.path.value());
    Ok(quote! {
        #[doc = #doc]
        #[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
        #visibility mod #name {
            #items
        }
    })
}
