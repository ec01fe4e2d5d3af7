//! FULLY_CONNECTED of what lies in another order of dimensions: columns of its weights are in that order, too. Floats are then added in
//! another sequence.

use std::collections::BTreeMap;

use super::editing::Editing;
use super::turning::{composed, moved, opposite, rearranged};
use crate::graph::{
    BuiltinOperator as Op, OpKind, Operator, Options, ReshapeOptions, TensorId, WeightsFormat,
};

/// The most elements of a tensor whose places are followed: its size costs a file nothing.
const MOST_PLACES: usize = 1 << 20;

/// For each element of what stands for a tensor, which one it is of the tensor's; `None` for more of them than a microcontroller has.
pub(super) fn places(shape: &[usize], order: &[usize]) -> Option<Vec<usize>> {
    let count = (shape.iter()).try_fold(1usize, |count, size| count.checked_mul(*size))?;
    let count = u32::try_from(count).ok().filter(|_| count <= MOST_PLACES)?;
    let all: Vec<u8> = (0..count).flat_map(u32::to_le_bytes).collect();
    let standing = composed(shape, &opposite(order));
    let moved = moved(&all, 4, shape, order, &standing);
    let (words, _) = moved.as_chunks::<4>();
    let places = words.iter().map(|word| u32::from_le_bytes(*word) as usize);
    Some(places.collect())
}

/// The FULLY_CONNECTED that read a tensor through an operator: that itself, or all that read what a RESHAPE makes of it. `None` if others
/// read it.
pub(super) fn readers(editing: &Editing<'_>, position: usize, id: TensorId) -> Option<Vec<usize>> {
    let operator = editing.operator(position);
    let [y] = operator.outputs[..] else {
        return None;
    };
    if operator.inputs.first() != Some(&Some(id)) {
        return None;
    }
    if !is_reshape(operator) {
        // In another shape, dimensions that stay would be others.
        let stays = matches!(&operator.options, Options::FullyConnected(o) if o.keep_num_dims);
        return (!stays && is_product(operator, id)).then(|| vec![position]);
    }
    if editing.is_output(y) || editing.tensor(y).is_variable {
        return None;
    }
    let readers: Vec<usize> = editing.readers(y).collect();
    let all = readers
        .iter()
        .all(|at| is_product(editing.operator(*at), y));
    (all && !readers.is_empty()).then_some(readers)
}

fn is_reshape(operator: &Operator) -> bool {
    let reshapes = [Op::Reshape, Op::ExpandDims, Op::Squeeze].map(OpKind::Builtin);
    reshapes.contains(&operator.kind)
}

/// Whether an operator multiplies a tensor by weights.
fn is_product(operator: &Operator, id: TensorId) -> bool {
    let mut others = operator.inputs.iter().skip(1);
    let plain = matches!(
        &operator.options,
        Options::FullyConnected(o) if o.weights_format == WeightsFormat::Default
    );
    operator.kind == OpKind::Builtin(Op::FullyConnected)
        && plain
        && operator.inputs.first() == Some(&Some(id))
        && others.all(|other| *other != Some(id))
}

/// Which of the weights' columns each one is in the other order. `None` if the order does not stay within rows.
pub(super) fn columns(
    editing: &Editing<'_>,
    position: usize,
    places: &[usize],
) -> Option<Vec<usize>> {
    let weights = editing
        .operator(position)
        .inputs
        .get(1)
        .copied()
        .flatten()?;
    let weights = editing.tensor(weights);
    let [_, count] = weights.shape[..] else {
        return None;
    };
    // In another order they would lose the form that the file has them in, which takes less flash.
    if weights.stored.is_some() {
        return None;
    }
    let columns = places.get(..count)?;
    let mut rows = places.chunks(count.max(1)).enumerate();
    let alike = rows.all(|(row, places)| {
        let expected = columns.iter().map(|column| row * count + column);
        places.iter().copied().eq(expected)
    });
    (alike && count > 0).then(|| columns.to_vec())
}

/// An operator at which an order ends, of what stands for the tensor that has it. `flat` has what RESHAPEs make of that.
pub(super) fn operator(
    editing: &mut Editing<'_>,
    position: usize,
    standing: TensorId,
    places: &[usize],
    flat: &mut BTreeMap<TensorId, TensorId>,
) -> Option<Operator> {
    let mut operator = editing.operator(position).clone();
    let x = operator.inputs.first().copied().flatten()?;
    if is_reshape(&operator) {
        let y = *operator.outputs.first()?;
        // Its elements are others than the file's, so that it is another tensor.
        let tensor = editing.tensor(y).clone();
        operator.kind = OpKind::Builtin(Op::Reshape);
        operator.options = Options::Reshape(ReshapeOptions {
            new_shape: tensor.shape.iter().map(|size| *size as i32).collect(),
        });
        let other = editing.add_tensor(tensor);
        flat.insert(y, other);
        operator.inputs = vec![Some(standing)];
        operator.outputs = vec![other];
        return Some(operator);
    }
    let columns = columns(editing, position, places)?;
    let weights = operator.inputs.get(1).copied().flatten()?;
    let shape = editing.tensor(weights).shape.clone();
    let turned = rearranged(editing, weights, &shape, |data, bytes, _| {
        let rows = data.chunks(columns.len() * bytes);
        let turned = rows.flat_map(|row| {
            let columns = columns.iter();
            columns.flat_map(move |at| row.get(at * bytes..(at + 1) * bytes).unwrap_or_default())
        });
        turned.copied().collect()
    })?;
    operator.inputs[0] = Some(flat.get(&x).copied().unwrap_or(standing));
    operator.inputs[1] = Some(turned);
    Some(operator)
}
