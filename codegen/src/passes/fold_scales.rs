//! MUL and ADD by constants of each channel, which batch normalisation leaves, become part of the weights before them. Floats only:
//! their results are as exact as before, and rounded otherwise. Integers would be other integers.

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
        fold(editing, position);
    }
}

fn fold(editing: &mut Editing<'_>, position: usize) -> Option<()> {
    let Scaling {
        x,
        y,
        factor,
        values,
        activation,
    } = Scaling::of(editing, position)?;
    let producer = editing.producer(x).filter(|_| editing.is_read_once(x))?;
    let product = Product::of(editing, producer)?;
    let channels = editing.tensor(y).shape.last().copied()?;
    let is_alike = editing.tensor(x).shape == editing.tensor(y).shape;
    if !is_alike || !editing.may_wait(producer, position) || product.channels != channels {
        return None;
    }
    let of_channel = |channel: usize| values.get(channel).or(values.first()).copied();
    let of_channel = |channel| of_channel(channel).unwrap_or_default();
    let mut fused = editing.operator(producer).clone();
    let mut bias = match product.bias {
        Some(id) => floats(editing.tensor(id))?,
        None => vec![0.0; channels],
    };
    let mut weights = None;
    for (channel, bias) in bias.iter_mut().enumerate() {
        match factor {
            true => *bias *= of_channel(channel),
            false => *bias += of_channel(channel),
        }
    }
    if factor {
        let mut scaled = floats(editing.tensor(product.weights))?;
        for (index, weight) in scaled.iter_mut().enumerate() {
            *weight *= of_channel(index / product.inner % channels);
        }
        weights = Some(scaled);
    }
    *product_activation(&mut fused.options)? = activation;
    fused.outputs = vec![y];
    fused.inputs.resize(3, None);
    let like = |tensor: &Tensor, values: &[f32], shape: Vec<usize>| Tensor {
        name: tensor.name.clone(),
        shape,
        shape_signature: None,
        dtype: DType::Float32,
        quantization: None,
        data: Some(values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        is_variable: false,
        stored: None,
        blocks: None,
    };
    if factor || product.bias.is_some() || bias.iter().any(|b| *b != 0.0) {
        let named = product.bias.unwrap_or(product.weights);
        let tensor = like(editing.tensor(named), &bias, vec![channels]);
        fused.inputs[2] = Some(editing.add_tensor(tensor));
    }
    if let Some(weights) = weights {
        let own = editing.tensor(product.weights);
        let tensor = like(own, &weights, own.shape.clone());
        fused.inputs[1] = Some(editing.add_tensor(tensor));
    }
    if ops::is_taken(editing.graph(), position, &fused) {
        editing.say(Effect::Joined, &[producer, position]);
        let parts = editing.graph().parts(producer);
        editing.remove(producer);
        editing.replace(position, fused, parts);
    }
    Some(())
}

/// MUL or ADD of a tensor and a constant with one value for each channel, or for all.
struct Scaling {
    x: TensorId,
    y: TensorId,
    /// Whether it multiplies.
    factor: bool,
    values: Vec<f32>,
    activation: Activation,
}

impl Scaling {
    fn of(editing: &Editing<'_>, position: usize) -> Option<Self> {
        let operator = editing.operator(position);
        let factor = match operator.kind {
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
        Some(Self {
            x,
            y: *y,
            factor,
            values,
            activation,
        })
    }
}

/// An operator that multiplies by weights of its own, and limits nothing.
struct Product {
    weights: TensorId,
    bias: Option<TensorId>,
    channels: usize,
    /// Weights between one channel's and the next one's.
    inner: usize,
}

impl Product {
    fn of(editing: &Editing<'_>, position: usize) -> Option<Self> {
        let operator: &Operator = editing.operator(position);
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
        let tensors = editing.graph().tensors.iter();
        let shared =
            tensors.filter(|tensor| tensor.data.as_ref().is_some_and(|d| Arc::ptr_eq(d, data)));
        let own =
            editing.is_read_once(weights) && shared.count() == 1 && activation == Activation::None;
        let bias = bias.first().copied().flatten();
        (own && inner > 0 && channels > 0).then_some(Self {
            weights,
            bias,
            channels,
            inner,
        })
    }
}

fn product_activation(options: &mut Options) -> Option<&mut Activation> {
    Some(match options {
        Options::Conv2d(o) => &mut o.activation,
        Options::DepthwiseConv2d(o) => &mut o.activation,
        Options::FullyConnected(o) => &mut o.activation,
        _ => return None,
    })
}

/// The values of a constant of float32.
fn floats(tensor: &Tensor) -> Option<Vec<f32>> {
    let data = tensor
        .data
        .as_deref()
        .filter(|_| tensor.dtype == DType::Float32)?;
    let (values, _) = data.as_chunks::<4>();
    Some(values.iter().map(|b| f32::from_le_bytes(*b)).collect())
}
