//! Reductions of rows take in what element-wise operators before them make, where nobody else reads that: the squares of a variance
//! are never in memory. Elements are taken in one after the other, as before, so that floats are the same to the bit.

use super::Effect;
use super::editing::Editing;
use super::join_elementwise::{LEAST_ELEMENTS, joined};
use crate::graph::TensorId;
use crate::ops;

pub(super) fn run(editing: &mut Editing<'_>) {
    for position in 0..editing.graph().operators.len() {
        let _ = join(editing, position);
    }
}

fn join(editing: &mut Editing<'_>, position: usize) -> Option<()> {
    let operator = editing.operator(position);
    let x = operator.inputs.first().copied().flatten()?;
    if editing.is_gone(position)
        || !ops::is_reduction(&operator.kind)
        || editing.tensor(x).elements() < LEAST_ELEMENTS
    {
        return None;
    }
    let (producer, chained) = joined(editing, x, position)?;
    // What the operators could overwrite would be there beside the result: the arena could grow.
    let elements = editing.tensor(x).elements();
    let stays = |id: &TensorId| {
        let tensor = editing.tensor(*id);
        tensor.is_constant()
            || tensor.elements() < elements
            || editing.is_output(*id)
            || editing.readers(*id).any(|reader| reader > position)
    };
    if !chained.inputs.iter().flatten().all(stays) {
        return None;
    }
    editing.say(Effect::Joined, &[producer, position]);
    let parts = editing.graph().parts(producer);
    editing.remove(producer);
    editing.replace(position, chained, parts);
    Some(())
}
