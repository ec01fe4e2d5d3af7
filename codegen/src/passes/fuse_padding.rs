//! PAD becomes part of the convolution or pooling that reads it: kernels leave out what lies beyond the border anyway. That is the
//! same where the padding stands for 0, and to MAX_POOL_2D where it is never the greatest.

use super::Effect;
use super::editing::Editing;
use crate::graph::{
    self, Activation, Border, BuiltinOperator as Op, DType, Graph, OpKind, Operator, Options, Site,
    Tensor, TensorId,
};
use crate::ops;

pub(super) fn run(editing: &mut Editing<'_>) {
    for position in 0..editing.graph().operators.len() {
        fuse(editing, position);
    }
}

fn fuse(editing: &mut Editing<'_>, position: usize) -> Option<()> {
    let operator = editing.operator(position);
    let padded = operator.inputs.first().copied().flatten()?;
    let mut fused = operator.clone();
    let sliding = Sliding::of(editing.graph(), operator)?;
    let producer = editing.producer(padded);
    let producer = producer.filter(|_| editing.is_read_once(padded))?;
    let pad = Padding::of(editing.graph(), producer)?;
    let is_left_out = match fused.kind == OpKind::Builtin(Op::MaxPool2d) {
        true => pad.is_never_the_greatest(editing),
        false => pad.is_zero(editing.tensor(padded)),
    };
    if !is_left_out || !sliding.always_reaches(&editing.tensor(padded).shape, &pad.border) {
        return None;
    }
    *border(&mut fused.options)? = pad.border;
    fused.inputs[0] = Some(pad.x);
    if ops::is_taken(editing.graph(), position, &fused) {
        editing.say(Effect::Joined, &[producer, position]);
        let parts = editing.graph().parts(producer);
        editing.replace(position, fused, parts);
        editing.remove(producer);
    }
    Some(())
}

/// Where an operator's options say the border around its input.
fn border(options: &mut Options) -> Option<&mut Border> {
    Some(match options {
        Options::Conv2d(o) => &mut o.border,
        Options::DepthwiseConv2d(o) => &mut o.border,
        Options::Pool2d(o) => &mut o.border,
        _ => return None,
    })
}

/// How an operator's window slides. Pairs are (height, width).
struct Sliding {
    padding: graph::Padding,
    filter: (usize, usize),
    stride: (usize, usize),
    dilation: (usize, usize),
}

impl Sliding {
    /// That of an operator that has no border yet.
    fn of(graph: &Graph, operator: &Operator) -> Option<Self> {
        let filter = || {
            let id = operator.inputs.get(1).copied().flatten()?;
            match graph.tensor(id).shape[..] {
                [_, height, width, _] => Some((height, width)),
                _ => None,
            }
        };
        let (border, padding, filter, stride, dilation) = match &operator.options {
            Options::Conv2d(o) => (o.border, o.padding, filter()?, o.stride, o.dilation),
            Options::DepthwiseConv2d(o) => (o.border, o.padding, filter()?, o.stride, o.dilation),
            // The others' results depend on how many elements there are.
            Options::Pool2d(o) if operator.kind == OpKind::Builtin(Op::MaxPool2d) => {
                (o.border, o.padding, o.filter, o.stride, (1, 1))
            }
            _ => return None,
        };
        (border == Border::default()).then_some(Self {
            padding,
            filter,
            stride,
            dilation,
        })
    }

    /// Whether every window reaches from where it begins to what is not padding. `shape` is with the border.
    fn always_reaches(&self, shape: &[usize], border: &Border) -> bool {
        let &[_, height, width, _] = shape else {
            return false;
        };
        let reaches =
            |size: usize, [before, after]: [usize; 2], [filter, stride, dilation]: [usize; 3]| {
                let extent = (filter.max(1) - 1)
                    .saturating_mul(dilation)
                    .saturating_add(1);
                let (windows, added) = self.padding.windows(size, filter, stride, dilation);
                let end = windows
                    .saturating_sub(1)
                    .saturating_mul(stride)
                    .saturating_add(extent);
                let added_behind = end.saturating_sub(added.saturating_add(size));
                before + added < extent && after + added_behind < extent
            };
        let axis = |pick: fn((usize, usize)) -> usize| {
            [pick(self.filter), pick(self.stride), pick(self.dilation)]
        };
        reaches(height, [border.top, border.bottom], axis(|pair| pair.0))
            && reaches(width, [border.left, border.right], axis(|pair| pair.1))
    }
}

/// A PAD or PADV2 along height and width.
struct Padding {
    x: TensorId,
    border: Border,
    /// The value's bytes; none for PAD, whose value is 0.
    value: Option<Vec<u8>>,
}

impl Padding {
    fn of(graph: &Graph, position: usize) -> Option<Self> {
        let operator = &graph.operators[position];
        let is_pad = matches!(operator.kind, OpKind::Builtin(Op::Pad | Op::Padv2));
        let site = Site::new(graph, position);
        let (x, y) = (site.input(0).ok()?, site.output(0).ok()?);
        let paddings = site.optional_input(1)?.as_integers()?;
        let paddings: Option<Vec<usize>> =
            paddings.iter().map(|n| usize::try_from(*n).ok()).collect();
        let [0, 0, top, bottom, left, right, 0, 0] = paddings?[..] else {
            return None;
        };
        // The kernel takes the scale of what it reads.
        let is_alike = x.dtype == y.dtype && x.quantization == y.quantization && !x.is_constant();
        let value = match site.optional_input(2) {
            Some(value) => Some(value.data.as_deref()?.to_vec()),
            None => None,
        };
        (is_pad && is_alike).then_some(Self {
            x: site.input_id(0).ok()?,
            border: Border {
                top,
                bottom,
                left,
                right,
            },
            value,
        })
    }

    /// Whether the value stands for 0.
    fn is_zero(&self, tensor: &Tensor) -> bool {
        match &self.value {
            None => true,
            Some(value) if tensor.dtype == DType::Float32 => float(value) == Some(0.0),
            Some(value) => integer(tensor.dtype, value) == zero(tensor),
        }
    }

    /// Whether no element of the input is less than the value, so that the greatest of a window with both is an input's.
    fn is_never_the_greatest(&self, editing: &Editing<'_>) -> bool {
        let x = editing.tensor(self.x);
        if x.dtype == DType::Float32 {
            let value = self.value.as_deref().map_or(Some(0.0), float);
            return value.is_some_and(|value| {
                value <= f32::MIN || value <= 0.0 && is_positive(editing, self.x)
            });
        }
        let value = match &self.value {
            None => zero(x),
            Some(value) => integer(x.dtype, value),
        };
        let least = x.dtype.integer_range().map(|(least, _)| least);
        value.is_some() && value == least
    }
}

/// Whether a tensor has no negative numbers, as far as the operator that computes it says.
fn is_positive(editing: &Editing<'_>, id: TensorId) -> bool {
    let Some(producer) = editing.producer(id) else {
        return false;
    };
    let operator = editing.operator(producer);
    let activation = match &operator.options {
        Options::Conv2d(o) => o.activation,
        Options::DepthwiseConv2d(o) => o.activation,
        Options::Binary(o) => o.activation,
        Options::Pool2d(o) => o.activation,
        _ => Activation::None,
    };
    matches!(operator.kind, OpKind::Builtin(Op::Relu | Op::Relu6))
        || matches!(activation, Activation::Relu | Activation::Relu6)
}

fn float(bytes: &[u8]) -> Option<f32> {
    Some(f32::from_le_bytes(bytes.try_into().ok()?))
}

fn integer(dtype: DType, bytes: &[u8]) -> Option<i64> {
    Some(match (dtype, bytes) {
        (DType::Int8, [byte]) => i64::from(*byte as i8),
        (DType::Uint8, [byte]) => i64::from(*byte),
        (DType::Int16, [low, high]) => i64::from(i16::from_le_bytes([*low, *high])),
        _ => return None,
    })
}

/// The integer that stands for 0.
fn zero(tensor: &Tensor) -> Option<i64> {
    let (_, zero_point) = tensor.quantization.as_ref()?.per_tensor()?;
    Some(zero_point.into())
}
