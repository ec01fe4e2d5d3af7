//! Computes an operator whose inputs are all known, with the kernels that the firmware would call.

use std::cell::Cell;
use std::collections::HashMap;

use castiron_runtime::host::{self, Aligned};

use crate::error::Diagnostic;
use crate::graph::{Graph, TensorId};
use crate::program::{Action, Argument, Choice, Place};

/// Runs what was chosen for one operator whose inputs are all known, with all tensors in memory of
/// their own, and gives an output's little-endian bytes.
///
/// # Errors
/// If a kernel refuses its operands, which a tested choice does not bring about.
pub(crate) fn evaluate(
    graph: &Graph,
    choice: &Choice,
    output: TensorId,
) -> Result<Vec<u8>, Diagnostic> {
    let mut tensors: HashMap<TensorId, Aligned> = HashMap::new();
    let arguments = choice.actions.iter().flat_map(|action| match action {
        Action::Call(call) => call.arguments.clone(),
        Action::Copy { from, to } => vec![*from, *to],
        // Of operators with effects, which are not folded, and of streams, which come behind folding.
        Action::Custom(_)
        | Action::Stream(_)
        | Action::Run(_)
        | Action::If { .. }
        | Action::While { .. }
        | Action::Once { .. }
        | Action::Wait { .. } => Vec::new(),
    });
    for argument in arguments {
        if let Place::Tensor(id) = argument.place {
            let tensor = graph.tensor(id);
            tensors.entry(id).or_insert_with(|| match &tensor.data {
                Some(data) => aligned(data),
                None => Aligned::zeroed(tensor.bytes()),
            });
        }
    }
    let sizes = choice.memory.scratch.iter();
    let mut scratch: Vec<Aligned> = sizes.map(|bytes| Aligned::zeroed(*bytes)).collect();
    let constants = choice.constants.iter();
    let constants: Vec<Aligned> = constants.map(|(_, bytes)| aligned(bytes)).collect();
    {
        let cells = |memory| Cell::from_mut(Aligned::bytes_mut(memory)).as_slice_of_cells();
        let tensors: HashMap<_, _> = tensors.iter_mut().map(|(id, m)| (*id, cells(m))).collect();
        let scratch: Vec<&[Cell<u8>]> = scratch.iter_mut().map(cells).collect();
        let operand = |a: &Argument| {
            let range = a.offset..a.offset + a.len * a.element.bytes();
            Some(match a.place {
                Place::Tensor(id) => host::Operand::Arena(tensors.get(&id)?.get(range)?),
                Place::Scratch(i) => host::Operand::Arena(scratch.get(i)?.get(range)?),
                Place::Constant(i) => {
                    host::Operand::Constant(constants.get(i)?.bytes().get(range)?)
                }
                Place::State(_) => return None,
            })
        };
        for action in &choice.actions {
            match action {
                Action::Call(call) if !call.kernel.folds() => {
                    return Err(Diagnostic::new(format!(
                        "{} does not fold constants",
                        call.kernel.name()
                    )));
                }
                Action::Call(call) => {
                    let operands: Option<Vec<_>> = call.arguments.iter().map(operand).collect();
                    let operands = operands.unwrap_or_default();
                    (call.kernel.call(&operands)).map_err(|d| Diagnostic::new(d.to_string()))?;
                }
                Action::Copy { from, to } => {
                    if let (Some(from), Some(host::Operand::Arena(to))) =
                        (operand(from), operand(to))
                    {
                        for (from, to) in bytes_of(from).into_iter().zip(to) {
                            to.set(from);
                        }
                    }
                }
                Action::Custom(_)
                | Action::Stream(_)
                | Action::Run(_)
                | Action::If { .. }
                | Action::While { .. }
                | Action::Once { .. }
                | Action::Wait { .. } => {
                    return Err(Diagnostic::new("an operator with effects is not folded"));
                }
            }
        }
    }
    Ok(tensors
        .get(&output)
        .map_or_else(Vec::new, |t| t.bytes().to_vec()))
}

fn aligned(bytes: &[u8]) -> Aligned {
    let mut memory = Aligned::default();
    memory.push_aligned(bytes, 8);
    memory
}

/// An operand's bytes.
pub(crate) fn bytes_of(operand: host::Operand<'_>) -> Vec<u8> {
    match operand {
        host::Operand::Arena(cells) => cells.iter().map(Cell::get).collect(),
        host::Operand::Constant(bytes) => bytes.to_vec(),
    }
}
