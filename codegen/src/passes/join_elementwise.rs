//! Consecutive element-wise operators become one loop over memory, where nobody else reads what is between them: what is left
//! of layer normalisation behind its means, and scales and offsets of attention. Every step rounds as it did.

use super::Effect;
use super::editing::Editing;
use crate::graph::{Operator, Options, TensorId};
use crate::ops;

/// Operators that become one, at most.
const MOST_JOINED: usize = 6;
/// Elements from which on a loop of its own is worth its code.
pub(super) const LEAST_ELEMENTS: usize = 64;

pub(super) fn run(editing: &mut Editing<'_>) {
    for position in 0..editing.graph().operators.len() {
        let _ = join(editing, position);
    }
}

fn join(editing: &mut Editing<'_>, position: usize) -> Option<()> {
    let operator = editing.operator(position);
    let [y] = operator.outputs[..] else {
        return None;
    };
    if editing.is_gone(position)
        || !ops::is_elementwise(&operator.kind)
        || editing.tensor(y).elements() < LEAST_ELEMENTS
    {
        return None;
    }
    let mut inputs = operator.inputs.iter().flatten().copied();
    let (producer, chained) = inputs.find_map(|id| joined(editing, id, position))?;
    editing.say(Effect::Joined, &[producer, position]);
    let parts = editing.graph().parts(producer);
    editing.remove(producer);
    editing.replace(position, chained, parts);
    Some(())
}

/// The operator that computes an input of the one at a position, and one for both.
pub(super) fn joined(
    editing: &Editing<'_>,
    id: TensorId,
    position: usize,
) -> Option<(usize, Operator)> {
    let producer = editing.producer(id)?;
    let before = editing.operator(producer);
    // What is read later than before would be kept for longer.
    let is_next = (producer + 1..position).all(|between| editing.is_gone(between));
    if !is_next
        || !editing.is_read_once(id)
        || before.outputs.len() != 1
        || !ops::is_elementwise(&before.kind)
    {
        return None;
    }
    let mut all = match &before.options {
        Options::Chained(all) => all.clone(),
        _ => vec![before.clone()],
    };
    all.push(editing.operator(position).clone());
    let is_few = all.len() <= MOST_JOINED;
    let chained = ops::chain(editing.graph(), position, all).filter(|_| is_few)?;
    Some((producer, chained))
}
