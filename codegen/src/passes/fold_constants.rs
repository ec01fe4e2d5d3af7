//! Operators whose inputs are all constant run at build time; their outputs become constants.
//!
//! The operators stay, so that indices in messages are the file's; nothing is emitted for one
//! whose outputs are all constant.

use std::borrow::Cow;
use std::sync::Arc;

use half::f16;

use crate::error::{Diagnostic, Result};
use crate::exec::Machine;
use crate::graph::{BuiltinOperator, DType, Graph, Model, OpKind, Operator, Options, TensorId};
use crate::lower;
use crate::ops;

/// Bytes that one subgraph's folded constants may take together. Far more than any firmware
/// holds, and a bound on what a small hostile file can unfold into.
const MOST_BYTES: u64 = 1 << 26;
/// Multiply-accumulates, or elements of windows, that folding one subgraph may take.
const MOST_WORK: u64 = 1 << 27;

pub(super) fn run(graph: &Graph) -> Result<Cow<'_, Graph>> {
    let mut folded = Cow::Borrowed(graph);
    let (mut bytes, mut work) = (0u64, 0u64);
    for (index, operator) in graph.operators.iter().enumerate() {
        let constant = |id: &TensorId| folded.tensor(*id).is_constant();
        // What has no kernel stays as it is: whoever compiles the graph reports it with all others.
        let foldable = ops::family(&operator.kind).is_some()
            && !operator.inputs.is_empty()
            && operator.inputs.iter().flatten().all(constant)
            && operator.outputs.len() == 1;
        if !foldable {
            continue;
        }
        bytes = bytes.saturating_add(graph.tensor(operator.outputs[0]).bytes() as u64);
        work = work.saturating_add(effort(graph, index));
        for (what, found, most) in [("bytes", bytes, MOST_BYTES), ("steps", work, MOST_WORK)] {
            if found > most {
                return Err(
                    Diagnostic::new("the constants computed at build time are too large")
                        .expected(format_args!("at most {most} {what} in one subgraph"))
                        .found(format_args!("{found} {what} with this operator"))
                        .help("compute them where the model is made, or make them inputs")
                        .at_operator(index, &operator.kind)
                        .into(),
                );
            }
        }
        let data = evaluate(&folded, operator).map_err(|e| e.at_operator(index, &operator.kind))?;
        let output = operator.outputs[0].index();
        folded.to_mut().tensors[output].data = Some(data.into());
    }
    Ok(folded)
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
    ops::macs(graph, index)
        .max(inputs)
        .max(outputs.saturating_mul(window.min(inputs)))
}

fn evaluate(graph: &Graph, operator: &Operator) -> Result<Vec<u8>> {
    if let Some(data) = widen_f16(graph, operator) {
        return Ok(data);
    }
    // The operator's first input stands as the model's input, so that kernels find it where they
    // look for activations.
    let missing = || Diagnostic::new("the operator has no first input");
    let input = operator
        .inputs
        .first()
        .copied()
        .flatten()
        .ok_or_else(missing)?;
    let mut alone = graph.clone();
    let value: Option<Arc<[u8]>> = alone.tensors[input.index()].data.take();
    alone.operators = vec![operator.clone()];
    alone.inputs = vec![input];
    alone.outputs.clone_from(&operator.outputs);
    let model = Model {
        file: String::new(),
        file_bytes: 0,
        description: String::new(),
        op_codes: Vec::new(),
        graphs: vec![alone],
        signatures: Vec::new(),
        metadata: Vec::new(),
    };
    let program = lower::compile(&model, &lower::CompileOptions::default())?;
    let mut machine = Machine::new(&program, &program.entries[0]);
    machine.set_input(0, value.as_deref().unwrap_or_default())?;
    machine.run()?;
    Ok(machine.output(0).unwrap_or_default().to_vec())
}

/// DEQUANTIZE of float16 constants, the form in which converters store half-precision weights.
fn widen_f16(graph: &Graph, operator: &Operator) -> Option<Vec<u8>> {
    if operator.kind != OpKind::Builtin(BuiltinOperator::Dequantize) {
        return None;
    }
    let input = graph.tensor(operator.inputs.first().copied().flatten()?);
    let output = graph.tensor(*operator.outputs.first()?);
    if input.dtype != DType::Float16 || output.dtype != DType::Float32 {
        return None;
    }
    let (halves, _) = input.data.as_deref()?.as_chunks::<2>();
    Some(
        halves
            .iter()
            .flat_map(|h| f16::from_le_bytes(*h).to_f32().to_le_bytes())
            .collect(),
    )
}
