//! Shapes of a model whose input sizes were not known when it was converted. Converters then record what they guess, and the guesses
//! contradict what the operators do: a dilated convolution's batches, for example.

use std::borrow::Cow;

use super::{Change, Effect, Pass};
use crate::error::Diagnostic;
use crate::graph::operands::Operands;
use crate::graph::shapes::alike;
use crate::graph::{BuiltinOperator, Graph, OpKind, TensorId, inference};

/// Whether the writer left sizes open.
pub(super) fn is_needed(graph: &Graph) -> bool {
    graph.tensors.iter().any(|t| !t.unknown_sizes().is_empty())
}

/// Gives the outputs of an operator the shapes that follow from its inputs. What does not follow stays as it is recorded.
pub(super) fn of_operator(
    graph: &mut Cow<'_, Graph>,
    index: usize,
) -> Result<Vec<Change>, Diagnostic> {
    let operator = &graph.operators[index];
    let OpKind::Builtin(op) = operator.kind else {
        return Ok(Vec::new());
    };
    let file_index = graph.origin(index);
    let operands = Operands::new(graph, operator);
    let shapes = match op {
        // What a loop repeats, it gives as it was given.
        BuiltinOperator::While => Some(operands.inputs().map(|x| x.shape.clone()).collect()),
        _ => inference::of_outputs(op, &operands),
    };
    let Some(shapes) = shapes else {
        return Ok(Vec::new());
    };
    let is_sized = |id: &TensorId| graph.tensor(*id).unknown_sizes().is_empty();
    let are_known = operator.inputs.iter().flatten().all(is_sized);
    let outputs = std::iter::zip(operator.outputs.clone(), shapes);
    // What follows from known sizes is known.
    let known: Vec<TensorId> = (outputs.clone().map(|(id, _)| id))
        .filter(|id| are_known && !is_sized(id))
        .collect();
    let wrong: Vec<_> = outputs
        .filter(|(id, shape)| {
            let tensor = graph.tensor(*id);
            !tensor.is_constant() && !alike(&tensor.shape, shape)
        })
        .collect();
    let mut changes = Vec::new();
    for (id, shape) in wrong {
        let tensor = graph.tensor(id);
        if !tensor.may_have(&shape) {
            let large = Diagnostic::new("the tensor is too large")
                .found(format_args!("shape {shape:?} of {}", tensor.dtype))
                .help("give the model a smaller input");
            return Err(large.at_tensor(id.index(), &tensor.name));
        }
        changes.push(Change {
            pass: Pass::InferShapes,
            operators: vec![file_index],
            effect: Effect::Inferred {
                tensor: id.index(),
                recorded: tensor.shape.clone(),
                inferred: shape.clone(),
            },
        });
        graph.to_mut().tensors[id.index()].shape = shape;
    }
    for id in known {
        graph.to_mut().tensors[id.index()].shape_signature = None;
    }
    Ok(changes)
}
