//! Inputs that come row by row: of which models, and why not of others.

use crate::error::Diagnostic;
use crate::graph::{BuiltinOperator, Graph, OpKind, TensorId};
use crate::ops::stream::{Rowwise, rows_of};

/// Lets the operators behind those that give an input another shape, and do nothing else, read it in that shape.
pub(super) fn reshape_input(graph: &mut Graph) {
    for position in 0..graph.operators.len() {
        graph.operators[position].origin = graph.parts(position);
    }
    while let Some((position, input, output)) = view_of_input(graph) {
        graph.operators.remove(position);
        graph.tensors[input.index()].shape = graph.tensor(output).shape.clone();
        let read = graph.operators.iter_mut().flat_map(|o| &mut o.inputs);
        for id in read.flatten().filter(|id| **id == output) {
            *id = input;
        }
    }
}

/// An operator that gives the one input another shape, and is the only one that reads it: with its input and its output.
fn view_of_input(graph: &Graph) -> Option<(usize, TensorId, TensorId)> {
    let [input] = graph.inputs[..] else {
        return None;
    };
    let [position] = readers(graph, input)[..] else {
        return None;
    };
    let operator = &graph.operators[position];
    let is_view = matches!(
        operator.kind,
        OpKind::Builtin(
            BuiltinOperator::Reshape | BuiltinOperator::Squeeze | BuiltinOperator::ExpandDims
        )
    );
    let [output] = operator.outputs[..] else {
        return None;
    };
    let [from, to] = [input, output].map(|id| graph.tensor(id));
    // Another scale or zero point would be lost with the operator.
    let same = from.dtype == to.dtype
        && from.bytes() == to.bytes()
        && from.quantization == to.quantization;
    let is_seen = graph.outputs.contains(&input) || graph.outputs.contains(&output);
    (is_view && same && !is_seen).then_some((position, input, output))
}

fn readers(graph: &Graph, id: TensorId) -> Vec<usize> {
    let operators = graph.operators.iter().enumerate();
    let readers = operators.filter(|(_, operator)| operator.inputs.contains(&Some(id)));
    readers.map(|(position, _)| position).collect()
}

/// The input that comes row by row.
///
/// # Errors
/// If none can: why not, with the operator that needs it as a whole.
pub(super) fn input(graph: &Graph) -> Result<TensorId, Diagnostic> {
    let [input] = graph.inputs[..] else {
        return Err(no_rows("the model has several inputs, or none")
            .found(format_args!("{} inputs", graph.inputs.len())));
    };
    let tensor = graph.tensor(input);
    let at_input = |why: &str| no_rows(why).at_tensor(input.index(), &tensor.name);
    if graph.outputs.contains(&input) {
        return Err(at_input("it is an output, too"));
    }
    let readers = readers(graph, input);
    if readers.is_empty() {
        return Err(at_input("no operator reads it"));
    }
    for position in readers {
        let operator = &graph.operators[position];
        if Rowwise::of(graph, operator).is_some() {
            continue;
        }
        let at_operator =
            |why: &str| no_rows(why).at_operator(graph.origin(position), &operator.kind);
        return Err(match rows_of(graph, input) {
            2.. => at_operator("an operator reads more than a window of its rows at once"),
            _ => at_operator("it has no rows where an operator reads it")
                .expected("[1, rows, width, channels] or [1, rows, channels], of two rows or more")
                .found(format_args!("{:?}", tensor.shape)),
        });
    }
    match rows_of(graph, input) {
        2.. => Ok(input),
        _ => Err(at_input("it has one row alone").found(format_args!("{:?}", tensor.shape))),
    }
}

/// That no stream begins with the input.
pub(super) fn no_stream(graph: &Graph, input: TensorId) -> Diagnostic {
    let problem = no_rows("what reads it does not run row by row as one stream");
    match readers(graph, input)[..] {
        [position, ..] => {
            problem.at_operator(graph.origin(position), &graph.operators[position].kind)
        }
        [] => problem,
    }
}

/// That the input does not come row by row.
pub(super) fn no_rows(why: &str) -> Diagnostic {
    Diagnostic::new(format!("the input cannot come row by row: {why}"))
        .help("let the model take its input as a whole, as it does unless told otherwise")
}
