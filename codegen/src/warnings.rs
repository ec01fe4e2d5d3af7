//! What is doubtful about a model that can be used all the same.

use crate::error::Diagnostic;
use crate::graph::{Model, Tensor};

/// Everything doubtful, with its place.
pub fn of(model: &Model) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (index, graph) in model.graphs.iter().enumerate() {
        let entry = index == 0 || model.signatures.iter().any(|s| s.graph == index);
        for id in graph.inputs.iter().filter(|_| entry) {
            let tensor = graph.tensor(*id);
            let Some(mut d) = any_size(tensor) else {
                continue;
            };
            d.place.file = Some(model.file.clone());
            found.push(d.in_subgraph(index).at_tensor(id.index(), &tensor.name));
        }
    }
    found
}

/// Signatures that nothing is made for where the interface is that of the first subgraph alone.
pub fn left_out(model: &Model) -> Option<Diagnostic> {
    let others = model.signatures.iter().filter(|s| s.graph != 0);
    let names: Vec<String> = others
        .map(|signature| format!("\"{}\"", signature.name.escape_debug()))
        .collect();
    if names.is_empty() {
        return None;
    }
    let mut d = Diagnostic::new("other signatures than that of the first subgraph are left out")
        .found(names.join(", "))
        .help("Rust firmware has methods for each, by castiron's own engine: include_model!, castiron_build, or `castiron generate`");
    d.place.file = Some(model.file.clone());
    Some(d)
}

/// An input of any size, of which the converter recorded 1: what is made of it computes that size
/// alone. A batch of 1 is what is meant.
pub fn any_size(tensor: &Tensor) -> Option<Diagnostic> {
    let unknown = tensor.unknown_sizes();
    if !(unknown.iter()).any(|d| *d > 0 && tensor.shape.get(*d) == Some(&1)) {
        return None;
    }
    let unknown: Vec<String> = unknown.iter().map(usize::to_string).collect();
    let signature = tensor.shape_signature.as_deref().unwrap_or_default();
    Some(
        Diagnostic::new("the input's size was unknown when the model was converted")
            .expected("fixed sizes")
            .found(format_args!(
                "unknown dimensions {} of {signature:?}, taken as {:?}",
                unknown.join(", "),
                tensor.shape
            ))
            .help("convert the model with a fixed input shape: `tf.TensorSpec([1, …])`, or Keras' `Input(batch_size=1, shape=…)`"),
    )
}
