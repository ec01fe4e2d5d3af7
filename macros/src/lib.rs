//! `include_model!`: a thin shell over castiron's generator.

mod arguments;
mod engine;
mod files;
mod text;

use castiron_codegen::compile;
use castiron_codegen::emit::rust::{self, RustOptions, TflmModule};
use castiron_codegen::error::{Diagnostic, Error, FrontEnd};
use castiron_codegen::graph::Model;
use castiron_codegen::{InputShape, labels, tflite, warnings};
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
    let at_path =
        |error: Error| syn::Error::new(arguments.path.span(), error.for_front_end(FrontEnd::Macro));
    let bytes = files::read(&arguments.path, &path)?;
    let model = tflite::read(&arguments.path.value(), &bytes).map_err(at_path)?;
    let model = resized(model, arguments)?;
    let mut options = RustOptions::default();
    options.section = arguments.section.as_ref().map(syn::LitStr::value);
    options.tracked = vec![files::text(&arguments.path, &path)?];
    options.ops = arguments.ops.clone();
    options.crate_path = arguments.crate_path.clone();
    if let Some(literal) = &arguments.labels {
        let path = files::resolve(literal)?;
        options.labels = files::labels(literal, &path)?;
        labels::check(&model, options.labels.len())
            .map_err(|e| syn::Error::new(literal.span(), e))?;
        options.tracked.push(files::text(literal, &path)?);
    }
    let name = arguments
        .name
        .clone()
        .unwrap_or_else(|| Ident::new(&rust::module_name(model.stem()), Span::call_site()));
    options.module = Some(name.to_string());
    let config = files::config(&arguments.path)?;
    if let Some(file) = &config.file {
        options.tracked.push(files::text(&arguments.path, file)?);
    }
    let (items, left_out) = match engine::of(arguments, &config)? {
        Engine::Compiled(how) => {
            let program = compile::compile(&model, &how).map_err(at_path)?;
            rust::check_operators(&program).map_err(|e| at_path(e.in_file(&model.file)))?;
            (rust::items(&program, &options), None)
        }
        Engine::Tflm(path) => {
            let (prefix, bindings) = engine::built(path, model.stem())?;
            let module = TflmModule::new(&model, &prefix, &bindings).map_err(at_path)?;
            (module.items(&options), warnings::left_out(&model))
        }
    };
    let warnings: Vec<_> = warnings::of(&model).into_iter().chain(left_out).collect();
    let warnings = warnings.iter().map(warning);
    // The compiler has to know of them to compile anew when they change.
    let variables = &arguments.variables;
    let visibility = &arguments.visibility;
    let doc = format!(" The model `{}`, cast by castiron.", arguments.path.value());
    Ok(quote! {
        #[doc = #doc]
        #[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
        #visibility mod #name {
            #(#warnings)*
            #items
            #(const _: &str = ::core::env!(#variables);)*
        }
    })
}

/// The model with the sizes of inputs that the user gives.
fn resized(model: Model, arguments: &Arguments) -> syn::Result<Model> {
    let shapes = shapes(arguments)?;
    if shapes.is_empty() {
        return Ok(model);
    }
    castiron_codegen::resize(model.clone(), &shapes).map_err(|error| {
        let fails =
            |count: &usize| castiron_codegen::resize(model.clone(), &shapes[..*count]).is_err();
        let count = (1..shapes.len()).find(fails).unwrap_or(shapes.len());
        let error = error.for_front_end(FrontEnd::Macro);
        syn::Error::new(arguments.shapes[count - 1].span(), error)
    })
}

fn shapes(arguments: &Arguments) -> syn::Result<Vec<InputShape>> {
    let shapes = arguments.shapes.iter();
    let shapes = shapes.map(|shape| {
        shape
            .value()
            .parse()
            .map_err(|e| syn::Error::new(shape.span(), e))
    });
    shapes.collect()
}

/// A warning of the compiler's. Stable Rust lets macros give errors alone, but warns of what is
/// deprecated.
fn warning(diagnostic: &Diagnostic) -> TokenStream {
    let note = diagnostic.to_string();
    quote! {
        const _: () = {
            #[deprecated(note = #note)]
            const WARNING: () = ();
            WARNING
        };
    }
}
