//! `include_model!` behind its grammar: what a call says in, the module's items out. The macro calls it, and so does the command for a macro
//! that was built without the generator.

mod call;
mod engine;

use proc_macro2::TokenStream;
use quote::quote;

use crate::compile::{self, Config};
use crate::emit::rust::{self, RustOptions, TflmModule};
use crate::error::{Diagnostic, Error, FrontEnd};
use crate::graph::Model;
use crate::resize::{InputShape, resize};
use crate::{files, labels, tflite, warnings};
use call::{Call, Result, Value};
pub use call::{Field, Problem};
use engine::Engine;

/// A model's module.
#[derive(Debug, Clone)]
pub struct Module {
    /// What it is called.
    pub name: String,
    /// What is in it.
    pub items: TokenStream,
}

/// The module of the model that a call names.
///
/// # Errors
/// Where the macro has a compile error.
pub fn expand(fields: &[Field]) -> Result<Module> {
    let call = Call(fields);
    let path = call.path();
    let at_path = |error: Error| path.wrong(error.for_front_end(FrontEnd::Macro));
    let file = call.one("file").unwrap_or(path);
    let bytes = files::read(file.path(), files::MOST_OF_A_MODEL);
    let bytes = bytes.map_err(|error| unreadable(file, &error))?;
    let model = tflite::read(path.text()?, &bytes).map_err(at_path)?;
    let model = resized(model, call)?;
    let name = match call.one("module") {
        Some(name) => name.parse()?,
        None => rust::module_name(model.stem()),
    };
    let mut options = RustOptions {
        section: call.one("section").map(Value::parse).transpose()?,
        tracked: vec![file.tracked(file.path())?],
        ops: call.one("ops").map(Value::parse).transpose()?,
        crate_path: call.one("crate").map(Value::parse).transpose()?,
        crate_name: call.one("crate_name").map(Value::parse).transpose()?,
        module: Some(name.clone()),
        ..RustOptions::default()
    };
    if let Some(file) = call.one("labels") {
        let text = files::read_text(file.path()).map_err(|error| unreadable(file, &error))?;
        options.labels = labels::parse(&text);
        labels::check(&model, options.labels.len()).map_err(|error| file.wrong(error))?;
        options.tracked.push(file.tracked(file.path())?);
    }
    let config = match call.one("manifest") {
        Some(folder) => Config::of_folder(folder.path()).map_err(|error| path.wrong(error))?,
        None => Config::default(),
    };
    if let Some(file) = &config.file {
        options.tracked.push(path.tracked(file)?);
    }
    let (items, left_out) = match engine::of(call, model.stem(), &config)? {
        Engine::Compiled(how) => {
            let program = compile::compile(&model, &how).map_err(at_path)?;
            rust::check_operators(&program).map_err(|e| at_path(e.in_file(&model.file)))?;
            (rust::items(&program, &options), None)
        }
        Engine::Tflm(built) => {
            let module =
                TflmModule::new(&model, &built.prefix, &built.bindings).map_err(at_path)?;
            (module.items(&options), warnings::left_out(&model))
        }
    };
    let warnings: Vec<_> = warnings::of(&model).into_iter().chain(left_out).collect();
    let warnings = warnings.iter().map(warning);
    let items = quote!(#(#warnings)* #items);
    Ok(Module { name, items })
}

fn unreadable(file: Value<'_>, error: &std::io::Error) -> Problem {
    file.wrong(format_args!("{}: {error}", file.path().display()))
}

/// The model with the sizes of inputs that the user gives.
fn resized(model: Model, call: Call<'_>) -> Result<Model> {
    let shapes: Vec<InputShape> = call.all("shape").map(Value::parse).collect::<Result<_>>()?;
    if shapes.is_empty() {
        return Ok(model);
    }
    resize(model.clone(), &shapes).map_err(|error| {
        let fails = |count: &usize| resize(model.clone(), &shapes[..*count]).is_err();
        let count = (1..shapes.len()).find(fails).unwrap_or(shapes.len());
        let wrong = call.all("shape").nth(count - 1).unwrap_or(call.path());
        wrong.wrong(error.for_front_end(FrontEnd::Macro))
    })
}

/// A warning of the compiler's. Stable Rust lets macros give errors alone, but warns of what is deprecated.
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
