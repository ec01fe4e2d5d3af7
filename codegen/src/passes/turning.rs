//! Operators with the dimensions of their tensors in another order: which orders go together, and what an operator becomes.
//!
//! An order says of each dimension of a tensor which one it is of the tensor that stands for it: what TRANSPOSE of that other
//! tensor by the order gives is the tensor.

use std::collections::BTreeMap;

use super::editing::Editing;
use crate::graph::shapes::dimension;
use crate::graph::{
    Border, BuiltinOperator as Op, DType, Graph, OpKind, Operator, OptionValue, Options,
    ReshapeOptions, Tensor, TensorId,
};
use crate::ops;

pub type Order = Vec<usize>;

/// How an operator depends on the order of dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Not at all, or only in an option that names an axis.
    Elementwise,
    /// Constants have a row for each dimension, in inputs 1 to this one.
    Rows(usize),
    /// A constant names the axes that leave.
    Reduction { keeps: bool },
    /// It gives other dimensions to the same elements.
    Reshape,
    /// It computes along the last dimension, and each row by itself.
    Rowwise,
    /// STRIDED_SLICE: [`Rows`](Self::Rows), and options with a bit for each dimension.
    Strided,
    /// A constant names axes that all activations have: its position, and that of the first of these.
    Along { axes: usize, x: usize },
    /// An option names the axis.
    Gather,
    /// Height and width, which may change places: of integers, whose sums have no sequence.
    Windows,
}

/// Height and width in each other's place.
const SWAPPED: [usize; 4] = [0, 2, 1, 3];

fn kind(operator: &Operator) -> Option<Kind> {
    let OpKind::Builtin(op) = operator.kind else {
        return None;
    };
    Some(match (op, &operator.options) {
        (_, Options::Joined(_) | Options::Tabulated(_) | Options::Chained(_)) => return None,
        (Op::Pad | Op::Padv2 | Op::MirrorPad | Op::Tile, _) => Kind::Rows(1),
        (Op::Slice, _) => Kind::Rows(2),
        (Op::StridedSlice, _) => Kind::Strided,
        (Op::Split, _) => Kind::Along { axes: 0, x: 1 },
        (Op::SplitV, _) => Kind::Along { axes: 2, x: 0 },
        (Op::ReverseV2 | Op::Cumsum, _) => Kind::Along { axes: 1, x: 0 },
        (Op::Gather, _) => Kind::Gather,
        (Op::Conv2d | Op::DepthwiseConv2d | Op::AveragePool2d | Op::MaxPool2d, _) => Kind::Windows,
        (Op::Reshape | Op::ExpandDims | Op::Squeeze, _) => Kind::Reshape,
        (Op::Softmax | Op::LogSoftmax | Op::L2Normalization, _) => Kind::Rowwise,
        (Op::FullyConnected, Options::FullyConnected(o)) if o.keep_num_dims => Kind::Rowwise,
        (
            Op::Mean
            | Op::Sum
            | Op::ReduceMax
            | Op::ReduceMin
            | Op::ReduceProd
            | Op::ReduceAll
            | Op::ReduceAny
            | Op::ArgMax
            | Op::ArgMin,
            options,
        ) => Kind::Reduction {
            keeps: matches!(options, Options::Reducer(o) if o.keep_dims),
        },
        (Op::Concatenation, _) => Kind::Elementwise,
        _ if ops::is_elementwise(&operator.kind) => Kind::Elementwise,
        _ => return None,
    })
}

pub(super) fn is_identity(order: &[usize]) -> bool {
    order.iter().enumerate().all(|(at, from)| at == *from)
}

/// Of a TRANSPOSE that changes nothing else: for each dimension of the output, which one it is of the input.
pub(super) fn transposed(graph: &Graph, operator: &Operator) -> Option<Order> {
    let ([Some(x), Some(order)], [y]) = (&operator.inputs[..], &operator.outputs[..]) else {
        return None;
    };
    let [x, y] = [x, y].map(|id| graph.tensor(*id));
    let is_transpose = operator.kind == OpKind::Builtin(Op::Transpose)
        && operator.options == Options::None
        && x.quantization == y.quantization
        && !x.is_constant()
        && !x.is_variable;
    let order = graph
        .tensor(*order)
        .as_integers()
        .filter(|order| is_transpose && order.len() == x.shape.len())?;
    (order.into_iter())
        .map(|axis| dimension(axis, x.shape.len()))
        .collect()
}

/// The order of one TRANSPOSE for two: the first, and one of what it gives.
pub(super) fn composed(first: &[usize], second: &[usize]) -> Order {
    second.iter().map(|at| first[*at]).collect()
}

pub fn opposite(order: &[usize]) -> Order {
    let mut opposite = vec![0; order.len()];
    for (from, to) in order.iter().enumerate() {
        opposite[*to] = from;
    }
    opposite
}

/// The order that a TRANSPOSE by `own` has between tensors of which others stand for each, by their orders.
pub(super) fn between(x: &[usize], own: &[usize], y: &[usize]) -> Order {
    composed(&composed(x, own), &opposite(y))
}

/// The orders that all activations of an operator have if one has that order. `None` if the operator cannot compute so.
pub(super) fn orders(
    graph: &Graph,
    operator: &Operator,
    known: TensorId,
    order: &Order,
) -> Option<Vec<(TensorId, Order)>> {
    let kind = kind(operator)?;
    let shape = |id: TensorId| &graph.tensor(id).shape;
    if let Kind::Along { x, .. } = kind {
        let x = operator.inputs.get(x).copied().flatten()?;
        let all = operator.outputs.iter().copied().chain([x]);
        return Some(all.map(|id| (id, order.clone())).collect());
    }
    let [y] = operator.outputs[..] else {
        return None;
    };
    let x = operator.inputs.first().copied().flatten()?;
    match kind {
        Kind::Along { .. } => None,
        Kind::Elementwise => {
            let activations = operator.inputs.iter().flatten().copied();
            let activations =
                activations.filter(|id| may_differ(graph.tensor(*id)) && !is_constant(graph, *id));
            let all: Vec<TensorId> = activations.chain([y]).collect();
            let alike = all.iter().all(|id| shape(*id).len() == order.len());
            alike.then(|| all.into_iter().map(|id| (id, order.clone())).collect())
        }
        Kind::Rows(_) => Some(vec![(x, order.clone()), (y, order.clone())]),
        Kind::Strided => {
            // With these, dimensions of both are not the same ones.
            let masks = ["ellipsis_mask", "new_axis_mask", "shrink_axis_mask"];
            let alike = masks.iter().all(|mask| operator.options.integer(mask) == 0);
            let alike = alike && shape(x).len() == shape(y).len();
            alike.then(|| vec![(x, order.clone()), (y, order.clone())])
        }
        Kind::Gather => {
            let indices = operator.inputs.get(1).copied().flatten()?;
            let alike = shape(indices).len() == 1 && operator.options.integer("batch_dims") == 0;
            alike.then(|| vec![(x, order.clone()), (y, order.clone())])
        }
        Kind::Windows => {
            let whole = |id: TensorId| !matches!(graph.tensor(id).dtype, DType::Float32);
            let alike = *order == SWAPPED && whole(x) && whole(y);
            alike.then(|| vec![(x, order.clone()), (y, order.clone())])
        }
        Kind::Rowwise => {
            let last = order.len().checked_sub(1)?;
            let alike = order[last] == last && shape(x).len() == shape(y).len();
            alike.then(|| vec![(x, order.clone()), (y, order.clone())])
        }
        Kind::Reshape => {
            let (from, to) = if known == x { (x, y) } else { (y, x) };
            let other = reshaped(order, shape(from), shape(to))?;
            Some(vec![(from, order.clone()), (to, other)])
        }
        Kind::Reduction { keeps } => {
            // Which of the input's dimensions leave does not follow from the output.
            if known != x && !keeps {
                return None;
            }
            let axes = axes(graph, operator)?;
            let turned: Vec<usize> = axes.iter().map(|axis| order[*axis]).collect();
            // These round with each element, in the order of the elements.
            let rounds = graph.tensor(x).dtype == DType::Float32
                || operator.kind == OpKind::Builtin(Op::ReduceProd);
            if rounds && !turned.is_sorted() {
                return None;
            }
            let mut kept: Vec<usize> = (order.iter().copied())
                .filter(|axis| keeps || !turned.contains(axis))
                .collect();
            let of_output = kept.clone();
            kept.sort_unstable();
            let place = |axis: &usize| kept.binary_search(axis).ok();
            let other: Option<Order> = of_output.iter().map(place).collect();
            Some(vec![(x, order.clone()), (y, other?)])
        }
    }
}

fn is_constant(graph: &Graph, id: TensorId) -> bool {
    graph.tensor(id).is_constant()
}

/// Whether the order of a tensor's dimensions matters.
fn may_differ(tensor: &Tensor) -> bool {
    tensor.elements() != 1
}

/// The axes that a reduction takes away, sorted.
fn axes(graph: &Graph, operator: &Operator) -> Option<Vec<usize>> {
    let x = operator.inputs.first().copied().flatten()?;
    let axes = operator.inputs.get(1).copied().flatten()?;
    let rank = graph.tensor(x).shape.len();
    let axes = graph.tensor(axes).as_integers()?;
    let axes: Option<Vec<usize>> = axes.iter().map(|axis| dimension(*axis, rank)).collect();
    let mut axes = axes?;
    axes.sort_unstable();
    axes.dedup();
    Some(axes)
}

/// The order of dimensions behind a RESHAPE: those that become others together have to lie together before it, too.
pub fn reshaped(order: &[usize], from: &[usize], to: &[usize]) -> Option<Order> {
    let several = |shape: &[usize]| -> Vec<usize> {
        let sizes = shape.iter().enumerate();
        sizes.filter(|(_, n)| **n != 1).map(|(at, _)| at).collect()
    };
    let (from_axes, to_axes) = (several(from), several(to));
    // Where each of the dimensions lies, those of one element left out.
    let mut lying: Vec<usize> = from_axes.iter().map(|at| order[*at]).collect();
    lying.sort_unstable();
    let place = |at: usize| lying.binary_search(&order[at]).ok();
    // Groups of dimensions of as many elements: where the first lies, and what they become.
    let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
    let (mut left, mut right) = (from_axes.into_iter(), to_axes.into_iter());
    while let Some(first) = left.next() {
        let start = place(first)?;
        let (mut last, mut becomes) = (start, vec![right.next()?]);
        let (mut x, mut y) = (from[first], to[becomes[0]]);
        while x != y {
            if x < y {
                let next = left.next()?;
                x = x.checked_mul(from[next])?;
                last += 1;
                if place(next)? != last {
                    return None;
                }
            } else {
                let next = right.next()?;
                y = y.checked_mul(to[next])?;
                becomes.push(next);
            }
        }
        groups.push((start, becomes));
    }
    if right.next().is_some() {
        return None;
    }
    groups.sort_unstable();
    let mut laid: Vec<usize> = groups.into_iter().flat_map(|(_, axes)| axes).collect();
    // Dimensions of one element stay behind those that they are behind.
    for axis in (0..to.len()).filter(|axis| to[*axis] == 1) {
        let before = axis.checked_sub(1);
        let at = laid.iter().position(|other| Some(*other) == before);
        laid.insert(at.map_or(0, |at| at + 1), axis);
    }
    Some(opposite(&laid))
}

/// A tensor with its dimensions in another order; `None` if its elements have none that can be changed.
pub(super) fn turned(tensor: &Tensor, order: &[usize]) -> Option<Tensor> {
    let missing = order.len().checked_sub(tensor.shape.len())?;
    let mut shape = vec![1; order.len()];
    for (at, size) in tensor.shape.iter().enumerate() {
        shape[order[missing + at]] = *size;
    }
    let scales = tensor.quantization.as_ref().map_or(1, |q| q.scale.len());
    let bytes = tensor.dtype.bits() / 8;
    if scales != 1
        || tensor.blocks.is_some()
        || bytes == 0
        || !tensor.dtype.bits().is_multiple_of(8)
    {
        return None;
    }
    let data = tensor.data.as_deref().map(|data| {
        let mut padded = vec![1; missing];
        padded.extend(&tensor.shape);
        moved(data, bytes, &padded, order, &shape)
    });
    Some(Tensor {
        shape,
        shape_signature: None,
        data: data.map(Into::into),
        stored: None,
        ..tensor.clone()
    })
}

/// Elements of a shape in the order of another one.
pub fn moved(data: &[u8], bytes: usize, from: &[usize], order: &[usize], to: &[usize]) -> Vec<u8> {
    // Elements from one index of a dimension to the next.
    let mut steps = vec![0; from.len()];
    let mut step = 1;
    for (at, size) in from.iter().enumerate().rev() {
        steps[at] = step;
        step *= size;
    }
    let of = opposite(order);
    let mut all = Vec::with_capacity(data.len());
    let mut index = vec![0; to.len()];
    for _ in 0..step {
        let at: usize = (index.iter().zip(&of))
            .map(|(i, axis)| i * steps[*axis])
            .sum();
        all.extend_from_slice(data.get(at * bytes..(at + 1) * bytes).unwrap_or_default());
        for axis in (0..to.len()).rev() {
            index[axis] += 1;
            if index[axis] < to[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    all
}

/// An operator that computes with other tensors instead of its own. `orders` has those of its activations.
pub(super) fn operator(
    editing: &mut Editing<'_>,
    position: usize,
    orders: &BTreeMap<TensorId, Order>,
    instead: &BTreeMap<TensorId, TensorId>,
) -> Option<Operator> {
    let mut operator = editing.operator(position).clone();
    let x = match kind(&operator) {
        Some(Kind::Along { x, .. }) => operator.inputs.get(x).copied().flatten()?,
        _ => operator.inputs.first().copied().flatten()?,
    };
    let y = *operator.outputs.first()?;
    let other = |id: TensorId| instead.get(&id).copied().unwrap_or(id);
    let order_of = |editing: &Editing<'_>, id: TensorId| {
        let rank = editing.tensor(id).shape.len();
        orders
            .get(&id)
            .cloned()
            .unwrap_or_else(|| (0..rank).collect())
    };
    if let Some(own) = transposed(editing.graph(), &operator) {
        let [from, to] = [x, y].map(|id| order_of(editing, id));
        let order: Vec<i64> = between(&from, &own, &to)
            .iter()
            .map(|n| *n as i64)
            .collect();
        operator.inputs = vec![
            Some(other(x)),
            Some(integers(editing, &[order.len()], &order)),
        ];
        operator.outputs = vec![other(y)];
        return Some(operator);
    }
    let order = order_of(editing, x);
    match kind(&operator)? {
        Kind::Elementwise => {
            let order = order_of(editing, y);
            if let Options::Concatenation(o) = &mut operator.options {
                o.axis = *order.get(dimension(o.axis.into(), order.len())?)? as i32;
            }
            for id in operator.inputs.iter_mut().flatten() {
                let tensor = editing.tensor(*id);
                let turns = tensor.is_constant() && may_differ(tensor);
                *id = match turns {
                    true => {
                        let tensor = turned(tensor, &order)?;
                        editing.add_tensor(tensor)
                    }
                    false => other(*id),
                };
            }
        }
        Kind::Rows(last) => {
            turn_rows(editing, &mut operator, last, &order)?;
            operator.inputs[0] = Some(other(x));
        }
        Kind::Strided => {
            turn_rows(editing, &mut operator, 3, &order)?;
            turn_masks(&mut operator.options, &order);
            operator.inputs[0] = Some(other(x));
        }
        Kind::Along { axes, x: at } => {
            let named = operator.inputs.get(axes).copied().flatten()?;
            let named = editing.tensor(named);
            let (values, shape) = (named.as_integers()?, named.shape.clone());
            let turned = values.iter().map(|axis| {
                let axis = dimension(*axis, order.len())?;
                Some(*order.get(axis)? as i64)
            });
            let turned: Option<Vec<i64>> = turned.collect();
            operator.inputs[axes] = Some(integers(editing, &shape, &turned?));
            operator.inputs[at] = Some(other(x));
            operator.outputs = operator.outputs.iter().map(|id| other(*id)).collect();
            return Some(operator);
        }
        Kind::Gather => {
            let Options::Listed(options) = &mut operator.options else {
                return None;
            };
            let axis = options.iter_mut().find(|(name, _)| *name == "axis");
            if let Some((_, OptionValue::Integer(axis))) = axis {
                *axis = *order.get(dimension((*axis).into(), order.len())?)? as i32;
            }
            operator.inputs[0] = Some(other(x));
        }
        Kind::Windows => {
            swap_windows(editing, &mut operator)?;
            operator.inputs[0] = Some(other(x));
        }
        Kind::Reduction { .. } => {
            let axes = axes(editing.graph(), &operator)?;
            let mut axes: Vec<i64> = axes.iter().map(|axis| order[*axis] as i64).collect();
            axes.sort_unstable();
            let axes = integers(editing, &[axes.len()], &axes);
            operator.inputs = vec![Some(other(x)), Some(axes)];
        }
        Kind::Reshape => {
            let shape = &editing.tensor(other(y)).shape;
            operator.kind = OpKind::Builtin(Op::Reshape);
            operator.options = Options::Reshape(ReshapeOptions {
                new_shape: shape.iter().map(|size| *size as i32).collect(),
            });
            operator.inputs = vec![Some(other(x))];
        }
        Kind::Rowwise => operator.inputs[0] = Some(other(x)),
    }
    operator.outputs = vec![other(y)];
    Some(operator)
}

/// Turns constants that have a row for each dimension: inputs 1 to the last of them.
fn turn_rows(
    editing: &mut Editing<'_>,
    operator: &mut Operator,
    last: usize,
    order: &[usize],
) -> Option<()> {
    for id in operator.inputs.get_mut(1..=last)?.iter_mut().flatten() {
        let rows = editing.tensor(*id);
        let (values, shape) = (rows.as_integers()?, rows.shape.clone());
        let width = values.len() / order.len().max(1);
        if values.len() != width * order.len() {
            return None;
        }
        let of = opposite(order);
        let rows = of
            .iter()
            .flat_map(|at| &values[at * width..(at + 1) * width]);
        let rows: Vec<i64> = rows.copied().collect();
        *id = integers(editing, &shape, &rows);
    }
    Some(())
}

/// Turns options that have a bit for each dimension.
fn turn_masks(options: &mut Options, order: &[usize]) {
    let Options::Listed(options) = options else {
        return;
    };
    for (name, value) in options {
        if let ("begin_mask" | "end_mask", OptionValue::Integer(mask)) = (*name, value) {
            let bits = order.iter().enumerate();
            let bits = bits.map(|(from, to)| ((*mask >> from) & 1) << to);
            *mask = bits.sum();
        }
    }
}

/// Lets height and width change places in an operator with windows.
fn swap_windows(editing: &mut Editing<'_>, operator: &mut Operator) -> Option<()> {
    fn swap<T>((a, b): (T, T)) -> (T, T) {
        (b, a)
    }
    let border = match &mut operator.options {
        Options::Conv2d(o) => {
            (o.stride, o.dilation) = (swap(o.stride), swap(o.dilation));
            &mut o.border
        }
        Options::DepthwiseConv2d(o) => {
            (o.stride, o.dilation) = (swap(o.stride), swap(o.dilation));
            &mut o.border
        }
        Options::Pool2d(o) => {
            (o.stride, o.filter) = (swap(o.stride), swap(o.filter));
            &mut o.border
        }
        _ => return None,
    };
    *border = Border {
        top: border.left,
        bottom: border.right,
        left: border.top,
        right: border.bottom,
    };
    if let Some(Some(weights)) = operator.inputs.get_mut(1) {
        let to = composed(&editing.tensor(*weights).shape, &SWAPPED);
        *weights = rearranged(editing, *weights, &to, |data, bytes, from| {
            moved(data, bytes, from, &SWAPPED, &to)
        })?;
    }
    Some(())
}

/// Constant weights with their elements in another order. `None` if others read them, too, elements are no whole bytes, or the file has them in
/// another form, which takes less flash.
pub(super) fn rearranged(
    editing: &mut Editing<'_>,
    id: TensorId,
    shape: &[usize],
    arrange: impl FnOnce(&[u8], usize, &[usize]) -> Vec<u8>,
) -> Option<TensorId> {
    let tensor = editing.tensor(id);
    let bits = tensor.dtype.bits();
    if tensor.stored.is_some()
        || tensor.blocks.is_some()
        || bits == 0
        || !bits.is_multiple_of(8)
        || !editing.is_read_once(id)
    {
        return None;
    }
    let data = arrange(tensor.data.as_deref()?, bits / 8, &tensor.shape);
    let tensor = Tensor {
        shape: shape.to_vec(),
        shape_signature: None,
        data: Some(data.into()),
        stored: None,
        ..tensor.clone()
    };
    Some(editing.add_tensor(tensor))
}

/// A constant of integers that a graph does not have yet.
fn integers(editing: &mut Editing<'_>, shape: &[usize], values: &[i64]) -> TensorId {
    let bytes = values
        .iter()
        .flat_map(|value| (*value as i32).to_le_bytes());
    editing.add_tensor(Tensor {
        name: String::new(),
        shape: shape.to_vec(),
        shape_signature: None,
        dtype: DType::Int32,
        quantization: None,
        data: Some(bytes.collect()),
        is_variable: false,
        stored: None,
        blocks: None,
    })
}
