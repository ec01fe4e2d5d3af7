//! Channels that are always the same leave, and so do channels that nobody reads. What a constant adds to the sums that read it becomes part of
//! their biases, where that is the same everywhere: beyond the border of an image a convolution has the zero point, and not the
//! constant. Integers only: results stay the same to the bit.

use super::Effect;
use super::channels::Flow;
use super::editing::Editing;
use crate::graph::{
    BuiltinOperator as Op, OpKind, Operator, Options, ReshapeOptions, Site, Tensor, TensorId,
};
use crate::ops::channels::Channels;
use crate::ops::numbers::Staying;
use crate::work;

pub(super) fn run(editing: &mut Editing<'_>) {
    let Some(flow) = Flow::of(editing) else {
        return;
    };
    let mut narrowed = Vec::new();
    for position in 0..editing.graph().operators.len() {
        narrowed.push(narrower(editing, &flow, position));
    }
    // All at once: what one operator writes, the next one reads.
    let mut done = Vec::new();
    for (position, operator) in narrowed.into_iter().enumerate() {
        if let Some(Narrower { operator, shape }) = operator {
            let y = operator.outputs[0];
            let before = size(editing, position);
            editing.replace(position, operator, Vec::new());
            done.push((position, y, before, shape));
        }
    }
    for (_, y, _, shape) in &done {
        editing.resize(*y, shape.clone());
    }
    for (position, _, before, _) in done {
        let after = size(editing, position);
        let effect = Effect::Narrowed {
            channels: [before.0, after.0],
            macs: before.1.zip(after.1).map(<[u64; 2]>::from),
        };
        editing.say(effect, &[position]);
    }
}

/// Channels of an operator's output, and its multiply-accumulates.
fn size(editing: &Editing<'_>, position: usize) -> (usize, Option<u64>) {
    let y = editing.operator(position).outputs[0];
    let channels = editing.tensor(y).shape.last().copied();
    let macs = work::macs(editing.graph(), position);
    (channels.unwrap_or(1), macs.filter(|macs| *macs > 0))
}

/// An operator with fewer channels, and the shape of its output.
struct Narrower {
    operator: Operator,
    shape: Vec<usize>,
}

/// What becomes of an operator; `None` where all of its channels stay.
fn narrower(editing: &mut Editing<'_>, flow: &Flow, position: usize) -> Option<Narrower> {
    let rule = flow.rules[position].as_ref()?;
    let mut operator = editing.operator(position).clone();
    let (x, y) = (operator.inputs[0]?, operator.outputs[0]);
    let mut inputs = operator.inputs.iter().flatten();
    if flow.staying(y).is_none() && inputs.all(|id| flow.staying(*id).is_none()) {
        return None;
    }
    let shape = narrow(editing.tensor(y), flow.staying(y).as_deref());
    match rule {
        Channels::Weighted(weighted) => {
            let all = |id: TensorId| {
                flow.staying(id)
                    .unwrap_or_else(|| vec![true; flow.ranges(id).len()])
            };
            let site = Site::new(editing.graph(), position);
            let staying = Staying {
                x: &all(x),
                y: &all(y),
                ranges: flow.ranges(x),
                sums: &|channel| flow.instead(position, y, channel),
            };
            let (weights, bias) = weighted.reduced(&site, &staying)?;
            operator.inputs[1] = Some(editing.add_tensor(weights));
            if let Some(bias) = bias {
                operator.inputs.resize(3, None);
                operator.inputs[2] = Some(editing.add_tensor(bias));
            }
        }
        Channels::Each(carried) => {
            for input in operator.inputs.iter_mut().take(*carried).flatten() {
                let tensor = editing.tensor(*input);
                let staying = flow.staying(y).filter(|_| tensor.is_constant());
                let sliced = staying.and_then(|staying| sliced(tensor, &staying));
                if let Some(sliced) = sliced {
                    *input = editing.add_tensor(sliced);
                }
            }
        }
        Channels::Reshaped => {
            operator.kind = OpKind::Builtin(Op::Reshape);
            let new_shape = shape.iter().map(|size| *size as i32).collect();
            operator.options = Options::Reshape(ReshapeOptions { new_shape });
            operator.inputs.truncate(1);
        }
        Channels::Concatenated => {}
    }
    Some(Narrower { operator, shape })
}

/// A tensor's shape with the channels that stay.
fn narrow(tensor: &Tensor, staying: Option<&[bool]>) -> Vec<usize> {
    let mut shape = tensor.shape.clone();
    if let (Some(last), Some(staying)) = (shape.last_mut(), staying) {
        *last = staying.iter().filter(|stays| **stays).count();
    }
    shape
}

/// A constant with the channels that stay; `None` where it has one element for all.
fn sliced(tensor: &Tensor, staying: &[bool]) -> Option<Tensor> {
    let bytes = tensor.dtype.bits() / 8;
    let data = tensor.data.as_deref()?;
    if tensor.shape.last() != Some(&staying.len()) || bytes == 0 {
        return None;
    }
    let elements = data.chunks_exact(bytes).zip(staying.iter().cycle());
    let kept = elements.filter(|(_, stays)| **stays);
    Some(Tensor {
        shape: narrow(tensor, Some(staying)),
        shape_signature: None,
        data: Some(
            kept.flat_map(|(element, _)| element.iter().copied())
                .collect(),
        ),
        stored: None,
        ..tensor.clone()
    })
}
