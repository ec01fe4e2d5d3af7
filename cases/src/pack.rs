//! A folder's cases as one file.

use std::collections::HashMap;
use std::path::Path;

use castiron_codegen::error::{Diagnostic, Result};
use castiron_codegen::graph::Model;
use safetensors::tensor::TensorView;

use super::{Interface, Key, Recording, Role, SIGNATURE, file};

/// Of `meta.json`, what a file says by itself or the model does.
const TOLD: [&str; 4] = ["name", "inputs", "outputs", "signatures"];

/// The `.safetensors` file of a folder's cases, which are a model's. The same cases give the same bytes.
///
/// # Errors
/// If a case does not fit the model, or the format does not have an element type.
pub fn pack(folder: &Path, model: &Model) -> Result<Vec<u8>> {
    let recording = Recording::open(folder)?;
    let mut parts = Vec::new();
    if let Some(graph) = model.graphs.first() {
        parts.push((String::new(), &recording, graph));
    }
    for (name, cases) in &recording.signatures {
        let signature = model.signatures.iter().find(|s| s.name == *name);
        let graph = signature.and_then(|s| model.graphs.get(s.graph));
        let graph = graph.ok_or_else(|| {
            let name = name.escape_debug();
            recording.at(Diagnostic::new(format!(
                "the model has no signature \"{name}\""
            )))
        })?;
        parts.push((format!("{SIGNATURE}{name}/"), cases, graph));
    }
    let mut tensors = Vec::new();
    for (prefix, recording, graph) in parts {
        let interface = Interface::from(graph);
        // For its checks of what every case has.
        recording.cases(&interface)?;
        for (key, source) in &recording.tensors {
            let ports = match key.role {
                Role::Input => &interface.inputs,
                Role::Output => &interface.outputs,
            };
            let Some(wanted) = ports.get(key.position) else {
                continue;
            };
            let dtype = file::dtype(wanted.dtype).ok_or_else(|| {
                let message = format!("a .safetensors file has no tensors of {}", wanted.dtype);
                recording.at(Diagnostic::new(message).found(Key::name(key)))
            })?;
            let bytes = recording.read(key, source, wanted)?;
            tensors.push((
                format!("{prefix}{}", key.name()),
                dtype,
                wanted.shape.to_vec(),
                bytes,
            ));
        }
    }
    let unusable = |e: safetensors::SafeTensorError| {
        recording.at(Diagnostic::new(format!(
            "the cases make no .safetensors file: {e}"
        )))
    };
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?))
    });
    let views: Vec<_> = views.collect::<Result<_, _>>().map_err(unusable)?;
    safetensors::serialize(views, meta(&recording)).map_err(unusable)
}

fn meta(recording: &Recording) -> Option<HashMap<String, String>> {
    let mut meta = recording.meta.clone()?;
    if let Some(object) = meta.as_object_mut() {
        object.retain(|key, _| !TOLD.contains(&&**key));
    }
    Some(HashMap::from([(file::META.to_owned(), meta.to_string())]))
}
