//! Who writes a tensor, and that it is written before it is read.

use std::sync::Arc;

use super::report::{Report, short};
use crate::error::Diagnostic;
use crate::graph::{Graph, OpKind, TensorId};

const AGAIN: &str = "the file is damaged or was edited; convert the model again";

/// Checks a graph's data flow. `sound` has a flag for each tensor: whether it could be read;
/// `first` is whether the graph is the one that runs by default.
pub fn check(graph: &mut Graph, sound: &[bool], first: bool, report: &mut Report) {
    let flow = Flow::of(graph, report);
    fill_empty_constants(graph, &flow);
    check_inputs(graph, report);
    check_order(graph, &flow, sound, report);
    check_outputs(graph, &flow, first, report);
    check_sizes(
        graph,
        &flow,
        "convert the model with a fixed input shape",
        report,
    );
}

/// Where each tensor's value comes from.
struct Flow {
    /// Index of the operator that writes it.
    writer: Vec<Option<usize>>,
    /// Whether the caller writes it.
    input: Vec<bool>,
}

impl Flow {
    fn of(graph: &Graph, report: &mut Report) -> Self {
        let mut input = vec![false; graph.tensors.len()];
        for id in &graph.inputs {
            input[id.index()] = true;
        }
        let mut writer: Vec<Option<usize>> = vec![None; graph.tensors.len()];
        for (index, operator) in graph.operators.iter().enumerate() {
            for id in &operator.outputs {
                let tensor = graph.tensor(*id);
                let other = match writer[id.index()] {
                    Some(earlier) => format!("operator {earlier} writes it too"),
                    None if input[id.index()] => "it is an input of the subgraph".to_owned(),
                    None if tensor.is_constant() => "it is a constant".to_owned(),
                    None => {
                        writer[id.index()] = Some(index);
                        continue;
                    }
                };
                report.push(
                    Diagnostic::new("the operator writes a tensor that already has a value")
                        .expected("one writer for each tensor")
                        .found(other)
                        .help(AGAIN)
                        .at_operator(index, operator.kind.name())
                        .at_tensor(id.index(), &short(&tensor.name)),
                );
            }
        }
        Self { writer, input }
    }

    fn is_written(&self, id: TensorId) -> bool {
        self.input[id.index()] || self.writer[id.index()].is_some()
    }
}

/// A constant of no elements has no bytes, so its buffer looks like an activation's.
fn fill_empty_constants(graph: &mut Graph, flow: &Flow) {
    for (index, tensor) in graph.tensors.iter_mut().enumerate() {
        let written = flow.input[index] || flow.writer[index].is_some();
        if !written && !tensor.is_variable && tensor.dtype.bits() > 0 && tensor.elements() == 0 {
            tensor.data.get_or_insert_with(|| Arc::from([]));
        }
    }
}

fn check_inputs(graph: &Graph, report: &mut Report) {
    for id in &graph.inputs {
        let tensor = graph.tensor(*id);
        if !tensor.is_constant() {
            continue;
        }
        report.push(
            Diagnostic::new("the subgraph's input already has a value")
                .expected("an input that only the caller sets")
                .found("an input with constant data")
                .help(AGAIN)
                .at_tensor(id.index(), &short(&tensor.name)),
        );
    }
}

fn check_order(graph: &Graph, flow: &Flow, sound: &[bool], report: &mut Report) {
    // The last operator that a tensor was looked at for: one message per operator and tensor.
    let mut seen = vec![usize::MAX; graph.tensors.len()];
    for (index, operator) in graph.operators.iter().enumerate() {
        for (position, id) in operator.inputs.iter().enumerate() {
            let Some(id) = id else { continue };
            if std::mem::replace(&mut seen[id.index()], index) == index {
                continue;
            }
            let tensor = graph.tensor(*id);
            let diagnostic = match flow.writer[id.index()] {
                Some(writer) if writer < index => continue,
                Some(writer) if writer == index => {
                    Diagnostic::new("the operator reads the tensor that it writes")
                        .expected("different tensors for inputs and outputs")
                        .found(format_args!("input {position} is also an output"))
                        .help(AGAIN)
                }
                // It has its value from the run before.
                Some(_) if tensor.is_variable => continue,
                Some(writer) => Diagnostic::new("the operator reads a tensor before it is written")
                    .expected("operators in execution order")
                    .found(format_args!(
                        "operator {writer}, which writes it, comes later"
                    ))
                    .help("the file was edited; convert the model again"),
                None if flow.is_written(*id) || tensor.is_constant() || tensor.is_variable => {
                    continue;
                }
                // Compilers for NPUs hand working memory to their operator, which nothing has to be in
                // before.
                None if position > 0 && matches!(operator.kind, OpKind::Custom(_)) => continue,
                // It would have data, had it been read.
                None if !sound[id.index()] => continue,
                None => Diagnostic::new("the operator reads a tensor that has no value")
                    .expected("an input of the subgraph, a constant, or another operator's output")
                    .found("none of them")
                    .help(AGAIN),
            };
            report.push(
                diagnostic
                    .at_operator(index, operator.kind.name())
                    .at_tensor(id.index(), &short(&tensor.name)),
            );
        }
    }
}

fn check_outputs(graph: &Graph, flow: &Flow, first: bool, report: &mut Report) {
    // A subgraph that an operator calls may exist for its effect on variables alone.
    if first && graph.outputs.is_empty() {
        report.push(
            Diagnostic::new("the model has no outputs")
                .expected("at least one output")
                .found("none")
                .help("convert the model with the outputs that the firmware reads"),
        );
    }
    for id in &graph.outputs {
        let tensor = graph.tensor(*id);
        if flow.is_written(*id) || tensor.is_constant() || tensor.is_variable {
            continue;
        }
        report.push(
            Diagnostic::new("the output is never written")
                .expected("an operator that writes it")
                .found(format_args!("none among {}", graph.operators.len()))
                .help(AGAIN)
                .at_tensor(id.index(), &short(&tensor.name)),
        );
    }
}

/// Whether there is a tensor without elements, in a graph that was checked but for sizes.
pub(super) fn check_sizes_of(graph: &Graph, report: &mut Report) {
    let flow = Flow::of(graph, &mut Report::default());
    check_sizes(graph, &flow, super::OTHER_SIZES, report);
}

/// An activation without elements is a size the converter could not infer, not a wish; but a custom
/// operator may have outputs that it leaves empty.
fn check_sizes(graph: &Graph, flow: &Flow, help: &str, report: &mut Report) {
    let custom = |writer: usize| matches!(graph.operators[writer].kind, OpKind::Custom(_));
    for (index, tensor) in graph.tensors.iter().enumerate() {
        let written = flow.input[index] || flow.writer[index].is_some_and(|writer| !custom(writer));
        if written && tensor.dtype.bits() > 0 && tensor.elements() == 0 {
            report.push(
                Diagnostic::new("the tensor has no elements")
                    .expected("sizes of at least 1")
                    .found(format_args!("shape {:?}", tensor.shape))
                    .help(help)
                    .at_tensor(index, &short(&tensor.name)),
            );
        }
    }
}
