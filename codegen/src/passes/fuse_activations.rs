//! RELU and its like become part of the operator before them, where it clamps what it produces anyway. That is the same as long
//! as both tensors hold the same numbers: between scales, RELU rounds.

use super::Effect;
use super::editing::Editing;
use crate::graph::{Activation, BuiltinOperator as Op, OpKind, Options, TensorId};
use crate::ops;

pub(super) fn run(editing: &mut Editing<'_>) {
    for position in 0..editing.graph().operators.len() {
        if let Some(activation) = activation(&editing.operator(position).kind) {
            fuse(editing, position, activation);
        }
    }
}

/// An operator's range, if that is all there is to it.
fn activation(kind: &OpKind) -> Option<Activation> {
    Some(match kind {
        OpKind::Builtin(Op::Relu) => Activation::Relu,
        OpKind::Builtin(Op::Relu6) => Activation::Relu6,
        OpKind::Builtin(Op::ReluN1To1) => Activation::ReluN1To1,
        _ => return None,
    })
}

fn fuse(editing: &mut Editing<'_>, position: usize, activation: Activation) {
    let operator = editing.operator(position);
    let ([Some(x)], [y]) = (&operator.inputs[..], &operator.outputs[..]) else {
        return;
    };
    let (x, y) = (*x, *y);
    let Some(producer) = editing.producer(x).filter(|_| editing.is_read_once(x)) else {
        return;
    };
    if !holds_the_same(editing, x, y) || !editing.may_wait(producer, position) {
        return;
    }
    let mut fused = editing.operator(producer).clone();
    let Some(own) = range(&mut fused.options) else {
        return;
    };
    let Some(both) = both(*own, activation) else {
        return;
    };
    *own = both;
    fused.outputs = vec![y];
    if ops::is_taken(editing.graph(), position, &fused) {
        editing.say(Effect::Joined, &[producer, position]);
        let parts = editing.graph().parts(producer);
        editing.remove(producer);
        editing.replace(position, fused, parts);
    }
}

fn holds_the_same(editing: &Editing<'_>, x: TensorId, y: TensorId) -> bool {
    let [x, y] = [x, y].map(|id| editing.tensor(id));
    x.dtype == y.dtype && x.shape == y.shape && x.quantization == y.quantization
}

/// Where an operator's options say the range of its output.
fn range(options: &mut Options) -> Option<&mut Activation> {
    Some(match options {
        Options::Conv2d(o) => &mut o.activation,
        Options::DepthwiseConv2d(o) => &mut o.activation,
        Options::FullyConnected(o) => &mut o.activation,
        Options::TransposeConv(o) => &mut o.activation,
        Options::Pool2d(o) => &mut o.activation,
        Options::Binary(o) => &mut o.activation,
        _ => return None,
    })
}

/// One range after another, as one; `None` where none of them is that.
pub fn both(first: Activation, second: Activation) -> Option<Activation> {
    use Activation::{None as All, Relu, Relu6, ReluN1To1};
    Some(match (first, second) {
        (All, any) | (any, All) => any,
        (Relu, Relu) => Relu,
        (Relu | Relu6, Relu6) | (Relu6, Relu) => Relu6,
        (ReluN1To1, ReluN1To1) => ReluN1To1,
        _ => return None,
    })
}
