//! Consecutive movements become one, where nobody else reads what is between them: TRANSPOSE after SLICE is one copy, and
//! TRANSPOSE after its opposite is none.

use super::Effect;
use super::editing::Editing;
use crate::graph::{Operator, Options, TensorId};
use crate::ops;

/// Operators that become one, at most.
const MOST_JOINED: usize = 8;

pub fn run(editing: &mut Editing<'_>) {
    for index in 0..editing.graph().operators.len() {
        if !editing.is_gone(index) {
            operator(editing, index);
        }
    }
}

/// Movements that end in a tensor.
struct Chain {
    /// The tensor that the first of them reads.
    source: TensorId,
    /// Their positions.
    positions: Vec<usize>,
    /// Whether any of them moves an element.
    moved: bool,
}

fn operator(editing: &mut Editing<'_>, index: usize) {
    // What keeps all elements where they are is no copy anyway.
    if !ops::moves_elements(editing.graph(), index) {
        return;
    }
    let inputs = editing.operator(index).inputs.iter().flatten();
    let chain = inputs
        .copied()
        .find_map(|id| chain(editing, id))
        .filter(|chain| chain.moved && is_worth_it(editing, chain, index));
    if let Some(chain) = chain {
        join(editing, index, &chain);
    }
}

/// The movements that nobody but an operator that reads a tensor needs.
fn chain(editing: &Editing<'_>, mut id: TensorId) -> Option<Chain> {
    let mut chain = Chain {
        source: id,
        positions: Vec::new(),
        moved: false,
    };
    while chain.positions.len() < MOST_JOINED
        && editing.is_read_once(id)
        && let Some(producer) = editing.producer(id)
        && let Some(source) = ops::moved_input(editing.graph(), producer)
        && !editing.tensor(source).is_constant()
    {
        chain.positions.insert(0, producer);
        chain.source = source;
        chain.moved |= ops::moves_elements(editing.graph(), producer);
        id = source;
    }
    (!chain.positions.is_empty()).then_some(chain)
}

/// What is read later than before is kept for longer: not more than what is saved.
fn is_worth_it(editing: &Editing<'_>, chain: &Chain, index: usize) -> bool {
    let first = chain.positions.first().copied().unwrap_or(index);
    let mut between = (first..index)
        .filter(|position| !chain.positions.contains(position) && !editing.is_gone(*position));
    let last = chain.positions.last().map(|p| editing.operator(*p));
    let saved = last.and_then(|o| o.outputs.first());
    let bytes = |id: TensorId| editing.tensor(id).bytes();
    between.next().is_none() || saved.is_some_and(|saved| bytes(chain.source) <= bytes(*saved))
}

fn join(editing: &mut Editing<'_>, index: usize, chain: &Chain) {
    let mut before: Vec<Operator> = Vec::new();
    let mut parts = Vec::new();
    for position in &chain.positions {
        let operator = editing.operator(*position);
        match &operator.options {
            Options::Joined(all) => before.extend(all.iter().cloned()),
            _ => before.push(operator.clone()),
        }
        parts.extend(editing.graph().parts(*position));
    }
    if before.len() >= MOST_JOINED {
        return;
    }
    let Some(joined) = ops::join(editing.graph(), index, before, chain.source) else {
        return;
    };
    let positions: Vec<usize> = chain.positions.iter().copied().chain([index]).collect();
    editing.say(Effect::Joined, &positions);
    editing.replace(index, joined, parts);
    for position in &chain.positions {
        editing.remove(*position);
    }
}
