//! `include_model!` behind its grammar: what a call says in, the module's items out. The macro calls it, and so does the command for a macro
//! that was built without the generator.

mod call;
mod engine;

use std::path::Path;

use proc_macro2::TokenStream;
use quote::quote;

use crate::compile::{self, Config, ModelEntry};
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
    let config = match call.one("manifest") {
        Some(folder) => Config::of_folder(folder.path()).map_err(|error| path.wrong(error))?,
        None => Config::default(),
    };
    let entry = named(call, &config)?;
    let said = match entry {
        Some(entry) => config
            .settings(entry, None)
            .map_err(|problem| path.wrong(problem))?,
        None => config.defaults_for(None),
    };
    let settings = engine::settings(call)?.or(&said);
    engine::check_isa(call, &settings)?;
    let (at, file) = match (entry, call.one("file")) {
        (Some(entry), _) => (path, entry.file.value.as_path()),
        (None, Some(file)) => (file, file.path()),
        (None, None) => (path, path.path()),
    };
    let bytes = files::read(file, files::MOST_OF_A_MODEL);
    let bytes = bytes.map_err(|error| unreadable(at, file, &error))?;
    let shown = match entry {
        Some(_) => at.tracked(file)?,
        None => path.text()?.to_owned(),
    };
    let model = tflite::read(&shown, &bytes).map_err(at_path)?;
    let model = resized(model, call, &settings.shapes)?;
    // The build script, too, names what it makes of a model by the name in castiron.toml.
    let stem = entry.map_or(model.stem(), |entry| &entry.name).to_owned();
    let name = match call.one("module") {
        Some(name) => name.parse()?,
        None => rust::module_name(&stem),
    };
    let mut options = RustOptions {
        section: settings.section.clone(),
        tracked: vec![at.tracked(file)?],
        ops: call.one("ops").map(Value::parse).transpose()?,
        crate_path: call.one("crate").map(Value::parse).transpose()?,
        crate_name: call.one("crate_name").map(Value::parse).transpose()?,
        module: Some(name.clone()),
        server: engine::server(call, &bytes)?,
        steps: settings.steps.unwrap_or_default(),
        verify: settings.verify.unwrap_or_default(),
        ..RustOptions::default()
    };
    if let Some(labels) = &settings.labels {
        let at = call.one("labels").unwrap_or(path);
        let file = labels.value.as_path();
        let text = files::read_text(file).map_err(|error| unreadable(at, file, &error))?;
        options.labels = labels::parse(&text);
        labels::check(&model, options.labels.len()).map_err(|error| at.wrong(error))?;
        options.tracked.push(at.tracked(file)?);
    }
    if let Some(file) = &config.file {
        options.tracked.push(path.tracked(file)?);
    }
    let (items, left_out) = match engine::of(call, &stem, &settings)? {
        Engine::Compiled(how) => {
            let program = compile::compile(&model, &how).map_err(at_path)?;
            rust::check_operators(&program).map_err(|e| at_path(e.in_file(&model.file)))?;
            if let Some(server) = call.one("server") {
                let checked = rust::check_server(&program);
                checked.map_err(|e| server.wrong(e.in_file(&model.file)))?;
            }
            if options.steps {
                let at = call.one("steps").unwrap_or(path);
                rust::check_steps(&program).map_err(|error| at.wrong(error))?;
            }
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

/// The model of `castiron.toml` that a call names, if it names no file.
fn named<'c>(call: Call<'_>, config: &'c Config) -> Result<Option<&'c ModelEntry>> {
    let path = call.path();
    let name = path.text()?;
    let found = config.find(name);
    if found.is_some() || call.one("file").is_some() {
        return Ok(found);
    }
    let mut problem = config.missing(name);
    if let (None, Some(folder)) = (&config.file, call.one("manifest")) {
        problem = problem.found(format_args!(
            "no {} in {}",
            Config::FILE,
            folder.path().display()
        ));
    }
    Err(path.wrong(problem))
}

fn unreadable(at: Value<'_>, file: &Path, error: &std::io::Error) -> Problem {
    at.wrong(format_args!("{}: {error}", file.display()))
}

/// The model with the sizes of inputs that the user gives.
fn resized(model: Model, call: Call<'_>, said: &[InputShape]) -> Result<Model> {
    let shapes: Vec<InputShape> = call.all("shape").map(Value::parse).collect::<Result<_>>()?;
    let own = !shapes.is_empty();
    let shapes = if own { &shapes[..] } else { said };
    if shapes.is_empty() {
        return Ok(model);
    }
    resize(model.clone(), shapes).map_err(|error| {
        let fails = |count: &usize| resize(model.clone(), &shapes[..*count]).is_err();
        let count = (1..shapes.len()).find(fails).unwrap_or(shapes.len());
        let given = call.all("shape").nth(count - 1);
        let wrong = given.filter(|_| own).unwrap_or(call.path());
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
