//! Custom operators that the firmware computes.
//!
//! castiron plans their memory: each written tensor, the working memory and the state lie apart from all else that the
//! operator sees, so that firmware gets plain slices.

use super::Site;
use crate::error::Diagnostic;
use crate::graph::{Options, TensorId};
use crate::program::{Action, Argument, Choosing, CustomCall, CustomTensor, FirmwareOps, OpBuffer};

/// Each is a parameter of a function.
const MOST_TENSORS: usize = 64;

pub(super) fn choose(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    ops: &FirmwareOps,
) -> Result<(), Diagnostic> {
    let operator = site.operator;
    let name = operator.kind.name();
    let count = operator.inputs.len() + operator.outputs.len();
    if count > MOST_TENSORS {
        return Err(site
            .error("the operator has too many inputs and outputs for a function of the firmware")
            .expected(format_args!("at most {MOST_TENSORS}"))
            .found(count));
    }
    let mut tensors = Vec::new();
    for (position, id) in operator.inputs.iter().enumerate() {
        let id = id.ok_or_else(|| {
            site.error("an input of the operator is left out")
                .expected("all inputs of an operator that the firmware computes")
                .found(format_args!("none at position {position}"))
        })?;
        let place = choosing.tensor(id)?;
        tensors.push(tensor(site, id, false, place)?);
    }
    for id in &operator.outputs {
        let place = choosing.activation(*id)?;
        tensors.push(tensor(site, *id, true, place)?);
    }
    apart(site)?;
    let buffer = |buffer: &OpBuffer| (buffer.element, buffer.len);
    let scratch = ops.scratch(name).map(buffer);
    let scratch = scratch.map(|(element, len)| choosing.scratch(element, len));
    let state = ops.state(name).map(buffer);
    let state = state.map(|(element, len)| choosing.kept(site.index, element, len));
    let options = match site.options() {
        Options::Custom(bytes) => &bytes[..],
        _ => &[],
    };
    let call = CustomCall {
        name: name.to_owned(),
        options: choosing.constant(options),
        tensors,
        scratch,
        state: state.transpose()?,
    };
    choosing.act(Action::Custom(call));
    Ok(())
}

fn tensor(
    site: &Site<'_>,
    id: TensorId,
    is_output: bool,
    place: Argument,
) -> Result<CustomTensor<Argument>, Diagnostic> {
    let tensor = site.graph.tensor(id);
    let quantization = match tensor.quantization {
        Some(_) => site.per_tensor(id)?,
        None => (1.0, 0),
    };
    Ok(CustomTensor {
        is_output,
        is_written: is_output || tensor.is_variable,
        name: tensor.name.clone(),
        shape: tensor.shape.clone(),
        quantization,
        place,
    })
}

/// A variable that the operator gets twice would be two references to memory that it writes.
fn apart(site: &Site<'_>) -> Result<(), Diagnostic> {
    let mut met = Vec::new();
    let tensors = site.operator.inputs.iter().flatten();
    for id in tensors.chain(&site.operator.outputs) {
        if !site.graph.tensor(*id).is_variable {
            continue;
        }
        if met.contains(id) {
            return Err(site
                .tensor_error(*id, "the operator has this variable twice")
                .expected("each variable once among the inputs and outputs of a custom operator"));
        }
        met.push(*id);
    }
    Ok(())
}
