//! Operators whose inputs are all constant run at build time; their outputs become constants.
//!
//! One that cannot be evaluated is left to run on the target.

use std::borrow::Cow;

use super::{Change, Effect, Pass, Passed, Passes, decode, dequantize, infer_shapes};
use crate::error::Diagnostic;
use crate::evaluate;
use crate::graph::{BuiltinOperator, Graph, OpKind, Operator, Options, TensorId};
use crate::ops;
use crate::program::Purpose;
use crate::work;

/// Bytes that one subgraph's folded constants may take together. Far more than any firmware
/// holds, and a bound on what a small hostile file can unfold into.
pub const MOST_BYTES: u64 = 1 << 26;
/// Multiply-accumulates, or elements of windows, that folding one subgraph may take.
const MOST_WORK: u64 = 1 << 27;

pub fn run(graph: &Graph, without: Passes) -> Passed<'_> {
    let mut folded = Cow::Borrowed(graph);
    let (mut unfolded, mut changes) = (Vec::new(), Vec::new());
    let (mut bytes, mut work) = (0u64, 0u64);
    let infers = !without.contains(Pass::InferShapes) && infer_shapes::is_needed(graph);
    let folds = !without.contains(Pass::FoldConstants);
    let done = |index| Change {
        pass: Pass::FoldConstants,
        operators: vec![graph.origin(index)],
        effect: Effect::Folded,
    };
    for (index, operator) in graph.operators.iter().enumerate() {
        // Shapes follow from constants, and constants from shapes.
        if infers {
            match infer_shapes::of_operator(&mut folded, index) {
                Ok(inferred) => changes.extend(inferred),
                Err(reason) => {
                    unfolded.push((
                        graph.origin(index),
                        reason.at_operator(graph.origin(index), &operator.kind),
                    ));
                    continue;
                }
            }
        }
        if folds && decode::is_decode(&operator.kind) {
            let outputs = operator.outputs.iter();
            let added: u64 = outputs.map(|id| folded.tensor(*id).bytes() as u64).sum();
            let all_bytes = bytes.saturating_add(added);
            let data = within("bytes", all_bytes, MOST_BYTES)
                .and_then(|()| decode::constants(&folded, index));
            match data {
                Ok(data) => {
                    bytes = all_bytes;
                    for (id, values) in data {
                        folded.to_mut().tensors[id.index()].data = Some(values.into());
                    }
                    changes.push(done(index));
                }
                Err(reason) => unfolded.push((
                    graph.origin(index),
                    reason.at_operator(graph.origin(index), &operator.kind),
                )),
            }
            continue;
        }
        let constant = |id: &TensorId| folded.tensor(*id).is_constant();
        // What has no kernel stays as it is: whoever compiles the graph reports it with all others.
        let foldable = folds
            && ops::family(&operator.kind).is_some()
            && !operator.kind.has_effects()
            && !operator.inputs.is_empty()
            && (ops::is_shape(&operator.kind) || operator.inputs.iter().flatten().all(constant))
            && operator.outputs.len() == 1
            // What reads it before has the value of the run before.
            && !folded.tensor(operator.outputs[0]).is_variable;
        if !foldable {
            continue;
        }
        let all_bytes = bytes.saturating_add(folded.tensor(operator.outputs[0]).bytes() as u64);
        let all_work = work.saturating_add(effort(&folded, index));
        let data = within("bytes", all_bytes, MOST_BYTES)
            .and_then(|()| within("steps", all_work, MOST_WORK))
            .and_then(|()| evaluate(&folded, index));
        match data {
            Ok(data) => {
                (bytes, work) = (all_bytes, all_work);
                let output = operator.outputs[0].index();
                let tensors = &mut folded.to_mut().tensors;
                tensors[output].data = Some(data.into());
                if operator.kind == OpKind::Builtin(BuiltinOperator::Dequantize) {
                    tensors[output].stored = operator.inputs[0];
                }
                changes.push(done(index));
            }
            Err(reason) => unfolded.push((
                graph.origin(index),
                reason.at_operator(graph.origin(index), &operator.kind),
            )),
        }
    }
    Passed {
        graph: folded,
        unfolded,
        changes,
    }
}

fn within(what: &str, found: u64, most: u64) -> Result<(), Diagnostic> {
    if found <= most {
        return Ok(());
    }
    Err(
        Diagnostic::new("the constants computed at build time are too large")
            .expected(format_args!("at most {most} {what} in one subgraph"))
            .found(format_args!("{found} {what} with this operator"))
            .help("compute them in the model's source, or make them inputs"),
    )
}

/// How much an operator computes, in steps of about a multiply-accumulate.
fn effort(graph: &Graph, index: usize) -> u64 {
    let operator = &graph.operators[index];
    let elements = |id: &TensorId| graph.tensor(*id).elements() as u64;
    let inputs: u64 = operator.inputs.iter().flatten().map(elements).sum();
    let outputs: u64 = operator.outputs.iter().map(elements).sum();
    let window = match &operator.options {
        Options::Pool2d(options) => {
            (options.filter.0 as u64).saturating_mul(options.filter.1 as u64)
        }
        _ => 1,
    };
    work::macs(graph, index)
        .unwrap_or(0)
        .max(inputs)
        .max(outputs.saturating_mul(window.min(inputs)))
}

/// An operator's output, by its own kernels on the host.
fn evaluate(graph: &Graph, index: usize) -> Result<Vec<u8>, Diagnostic> {
    let operator = &graph.operators[index];
    if let Some(data) = dequantize::constant(graph, operator) {
        return Ok(data);
    }
    if let Some(data) = densify(graph, operator) {
        return Ok(data);
    }
    let (choice, verdict) = ops::choose(graph, index, Purpose::Folding);
    verdict?;
    evaluate::evaluate(graph, &choice, operator.outputs[0])
}

/// DENSIFY, of constants of any type, whether kernels take it or not.
fn densify(graph: &Graph, operator: &Operator) -> Option<Vec<u8>> {
    let input = graph.tensor(operator.inputs.first().copied().flatten()?);
    let output = graph.tensor(*operator.outputs.first()?);
    let is_same = (input.dtype, &input.shape) == (output.dtype, &output.shape);
    let is_densify = operator.kind == OpKind::Builtin(BuiltinOperator::Densify);
    (is_densify && is_same).then(|| input.data.as_deref().map(<[u8]>::to_vec))?
}
