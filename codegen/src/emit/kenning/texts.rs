//! `model_spec_t` as C, and the I/O specification that it is made from.

use castiron_templates::KENNING_MODEL_STRUCT_H;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::graph::Model;

use crate::emit::IoSpecFile;
use crate::emit::facts::GraphFacts;
use crate::emit::io_spec::IoSpec;
use crate::emit::literal::{c_comment, shortened};

use super::complete;
use super::interface::Interface;
use super::model_spec::ModelSpec;

/// Where the limits come from, when no model is at hand.
const LIMITS: &str =
    "change the model: the limits are those of Kenning Zephyr Runtime's model_constraints.h";

#[derive(Serialize)]
struct Values {
    file: String,
    #[serde(flatten)]
    spec: ModelSpec,
}

/// The text of `model_data_struct.h`, the part of `model_data.h` in front of the model's bytes, from an I/O
/// specification alone: what the model takes is its `processed_input`, or else its `input`.
///
/// # Errors
/// If the specification leaves open what `model_spec_t` has to say, or says what it cannot hold.
pub fn model_struct(file: IoSpecFile<'_>) -> Result<String> {
    let spec = stated(file).and_then(|stated| ModelSpec::new(&stated, super::MODEL_NAME, LIMITS));
    let spec = spec.map_err(|e| with_help(&e.in_file(file.file), "correct the specification"))?;
    let name = file.file.rsplit(['/', '\\']).next().unwrap_or(file.file);
    let file = c_comment(&shortened(name));
    Ok(KENNING_MODEL_STRUCT_H.render(&Values { file, spec })?)
}

/// The I/O specification to give to [`model_struct`] for `model`: `file` as it stands, where that says the same as the
/// model and leaves nothing open; or else `file` completed from the model; or else one from the model alone.
///
/// # Errors
/// If `file` contradicts the model, or `model_spec_t` cannot hold the model's inputs and outputs.
pub fn io_spec(model: &Model, file: Option<IoSpecFile<'_>>) -> Result<String> {
    let facts = GraphFacts::of_model(model, file, None).map_err(|e| match file {
        Some(file) => {
            let help = format!(
                "correct {}, or remove it to use only the facts in {}",
                file.file, model.file
            );
            with_help(&e, &help)
        }
        None => e,
    })?;
    let interface = Interface::of_facts(&facts);
    let wanted = ModelSpec::new(&interface, super::MODEL_NAME, LIMITS);
    let wanted = wanted.map_err(|e| e.in_file(&model.file))?;
    if let Some(file) = file
        && let Ok(stated) = stated(file)
        && ModelSpec::new(&stated, super::MODEL_NAME, LIMITS).is_ok_and(|s| s.means(&wanted))
    {
        return Ok(file.text.to_owned());
    }
    complete::complete(file, &interface)
}

fn stated(file: IoSpecFile<'_>) -> Result<Interface> {
    let spec = IoSpec::parse(file)?;
    Interface::of_spec(spec).map_err(|e| e.in_file(file.file))
}

/// Errors that say what to do, if they did not.
fn with_help(error: &Error, help: &str) -> Error {
    let diagnostics = error.diagnostics().iter().cloned();
    let helped = diagnostics.map(|mut d| {
        d.help.get_or_insert_with(|| help.to_owned());
        d
    });
    Error::from_many(helped.collect()).unwrap_or_else(|| error.clone())
}
