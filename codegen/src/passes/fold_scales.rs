//! MUL and ADD by constants of each channel, which batch normalisation leaves, become part of the weights before or behind them. Floats
//! only: their results are as exact as before, and rounded otherwise. Integers would be other integers.

use std::sync::Arc;

use super::Effect;
use super::editing::Editing;
use crate::graph::{
    Activation, BinaryOptions, BuiltinOperator as Op, DType, OpKind, Operator, Options, Tensor,
    TensorId, WeightsFormat,
};
use crate::ops;

pub(super) fn run(editing: &mut Editing<'_>) {
    for position in 0..editing.graph().operators.len() {
        // Behind one that became part of the weights there may be another one.
        while into_next(editing, position).is_some() {}
        into_product(editing, position);
    }
}

/// Makes MUL or ADD part of the product that it reads.
fn into_product(editing: &mut Editing<'_>, position: usize) -> Option<()> {
    let scaling = Scaling::of(editing, position)?;
    let producer = editing.producer(scaling.x);
    let producer = producer.filter(|_| editing.is_read_once(scaling.x))?;
    let product = Product::of(editing, producer)?;
    let has_range = product.activation != Activation::None;
    if has_range || product.channels != scaling.channels || !editing.may_wait(producer, position) {
        return None;
    }
    let mut weights = floats(editing.tensor(product.weights))?;
    let mut bias = product.bias(editing)?;
    for (channel, bias) in bias.iter_mut().enumerate() {
        match scaling.multiplies {
            true => *bias *= scaling.value(channel),
            false => *bias += scaling.value(channel),
        }
    }
    if scaling.multiplies {
        for (index, weight) in weights.iter_mut().enumerate() {
            *weight *= scaling.value(index / product.inner % product.channels);
        }
    }
    let mut fused = editing.operator(producer).clone();
    *range(&mut fused.options)? = scaling.activation;
    fused.outputs = vec![scaling.y];
    product.give(editing, &mut fused, &weights, &bias);
    join(editing, producer, position, fused)
}

/// Makes MUL or ADD part of the FULLY_CONNECTED that reads it. The borders of other products hold zeros, to which nothing is added.
fn into_next(editing: &mut Editing<'_>, position: usize) -> Option<()> {
    let product = Product::of(editing, position)?;
    let y = editing.operator(position).inputs.first().copied()??;
    let producer = editing.producer(y).filter(|_| editing.is_read_once(y))?;
    let scaling = Scaling::of(editing, producer)?;
    let is_dense = matches!(
        editing.operator(position).options,
        Options::FullyConnected(_)
    );
    let has_range = scaling.activation != Activation::None;
    if !is_dense || has_range || !editing.may_wait(producer, position) {
        return None;
    }
    let mut weights = floats(editing.tensor(product.weights))?;
    let mut bias = product.bias(editing)?;
    for (row, bias) in weights.chunks_mut(product.inner).zip(&mut bias) {
        let values = (0..).map(|index| scaling.value(index % scaling.channels));
        let terms = row.iter_mut().zip(values);
        if scaling.multiplies {
            terms.for_each(|(weight, value)| *weight *= value);
        } else {
            let sum: f64 = terms
                .map(|(weight, value)| f64::from(*weight) * f64::from(value))
                .sum();
            *bias = (f64::from(*bias) + sum) as f32;
        }
    }
    let mut fused = editing.operator(position).clone();
    fused.inputs[0] = Some(scaling.x);
    product.give(editing, &mut fused, &weights, &bias);
    join(editing, producer, position, fused)
}

/// Puts one operator in the place of two, if kernels take it.
fn join(editing: &mut Editing<'_>, first: usize, second: usize, operator: Operator) -> Option<()> {
    if !ops::is_taken(editing.graph(), second, &operator) {
        return None;
    }
    editing.say(Effect::Joined, &[first, second]);
    let parts = editing.graph().parts(first);
    editing.remove(first);
    editing.replace(second, operator, parts);
    Some(())
}

/// MUL or ADD of a tensor and a constant with one value for each channel, or for all.
struct Scaling {
    x: TensorId,
    y: TensorId,
    /// Or it adds.
    multiplies: bool,
    /// One for each channel, or one for all.
    values: Vec<f32>,
    channels: usize,
    activation: Activation,
}

impl Scaling {
    fn of(editing: &Editing<'_>, position: usize) -> Option<Self> {
        let operator = editing.operator(position);
        let multiplies = match operator.kind {
            OpKind::Builtin(Op::Mul) => true,
            OpKind::Builtin(Op::Add) => false,
            _ => return None,
        };
        let ([Some(a), Some(b)], [y]) = (&operator.inputs[..], &operator.outputs[..]) else {
            return None;
        };
        let (x, constant) = match [a, b].map(|id| editing.tensor(*id).is_constant()) {
            [false, true] => (*a, *b),
            [true, false] => (*b, *a),
            _ => return None,
        };
        let shape = &editing.tensor(constant).shape;
        let by_channel = shape.iter().rev().skip(1).all(|size| *size == 1);
        let activation = match operator.options {
            Options::Binary(BinaryOptions { activation, .. }) => activation,
            _ => Activation::None,
        };
        let values = floats(editing.tensor(constant)).filter(|_| by_channel)?;
        let shape = &editing.tensor(*y).shape;
        let channels = shape.last().copied().filter(|channels| *channels > 0)?;
        (editing.tensor(x).shape == *shape).then_some(Self {
            x,
            y: *y,
            multiplies,
            values,
            channels,
            activation,
        })
    }

    fn value(&self, channel: usize) -> f32 {
        let value = self.values.get(channel).or(self.values.first());
        value.copied().unwrap_or_default()
    }
}

/// An operator that multiplies by weights of its own.
struct Product {
    weights: TensorId,
    bias: Option<TensorId>,
    channels: usize,
    /// Weights between one channel's and the next one's.
    inner: usize,
    activation: Activation,
}

impl Product {
    fn of(editing: &Editing<'_>, position: usize) -> Option<Self> {
        let operator = editing.operator(position);
        let (&[_, Some(weights), ref bias @ ..], [_]) =
            (&operator.inputs[..], &operator.outputs[..])
        else {
            return None;
        };
        let shape = &editing.tensor(weights).shape;
        let (first, last) = (*shape.first()?, *shape.last()?);
        let (activation, channels) = match &operator.options {
            Options::Conv2d(o) => (o.activation, first),
            Options::DepthwiseConv2d(o) => (o.activation, last),
            Options::FullyConnected(o) if o.weights_format == WeightsFormat::Default => {
                (o.activation, first)
            }
            _ => return None,
        };
        let is_depthwise = matches!(operator.options, Options::DepthwiseConv2d(_));
        let inner = match is_depthwise {
            true => 1,
            false => shape.iter().skip(1).product(),
        };
        // Others need them as they are, under this name or another one.
        let data = editing.tensor(weights).data.as_ref()?;
        let same = |tensor: &&Tensor| tensor.data.as_ref().is_some_and(|d| Arc::ptr_eq(d, data));
        let own = editing.is_read_once(weights)
            // Half-precision and integers stay what they are in flash.
            && editing.tensor(weights).stored.is_none()
            && editing.graph().tensors.iter().filter(same).count() == 1;
        (own && inner > 0 && channels > 0).then_some(Self {
            weights,
            bias: bias.first().copied().flatten(),
            channels,
            inner,
            activation,
        })
    }

    /// The values of the bias; zeros where there is none.
    fn bias(&self, editing: &Editing<'_>) -> Option<Vec<f32>> {
        match self.bias {
            Some(id) => floats(editing.tensor(id)),
            None => Some(vec![0.0; self.channels]),
        }
    }

    /// Gives an operator other weights and another bias.
    fn give(
        &self,
        editing: &mut Editing<'_>,
        operator: &mut Operator,
        weights: &[f32],
        bias: &[f32],
    ) {
        let constant = |like: &Tensor, values: &[f32], shape: Vec<usize>| Tensor {
            name: like.name.clone(),
            shape,
            shape_signature: None,
            dtype: DType::Float32,
            quantization: None,
            data: Some(values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            is_variable: false,
            stored: None,
            blocks: None,
        };
        let own = editing.tensor(self.weights);
        let weights = constant(own, weights, own.shape.clone());
        operator.inputs.resize(3, None);
        operator.inputs[1] = Some(editing.add_tensor(weights));
        if self.bias.is_some() || bias.iter().any(|value| *value != 0.0) {
            let own = editing.tensor(self.bias.unwrap_or(self.weights));
            let bias = constant(own, bias, vec![self.channels]);
            operator.inputs[2] = Some(editing.add_tensor(bias));
        }
    }
}

/// Where an operator's options say the range of its output.
fn range(options: &mut Options) -> Option<&mut Activation> {
    Some(match options {
        Options::Conv2d(o) => &mut o.activation,
        Options::DepthwiseConv2d(o) => &mut o.activation,
        Options::FullyConnected(o) => &mut o.activation,
        _ => return None,
    })
}

/// The values of a constant of float32.
fn floats(tensor: &Tensor) -> Option<Vec<f32>> {
    let data = (tensor.data.as_deref()).filter(|_| tensor.dtype == DType::Float32)?;
    let (values, _) = data.as_chunks::<4>();
    Some(values.iter().map(|b| f32::from_le_bytes(*b)).collect())
}
