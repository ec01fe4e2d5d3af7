//! Operators whose results nobody reads leave, and so do those that only they read.

use super::Effect;
use super::editing::Editing;

pub(super) fn run(editing: &mut Editing<'_>) {
    let mut dead = Vec::new();
    for position in (0..editing.graph().operators.len()).rev() {
        let operator = editing.operator(position);
        let is_read = |id| editing.is_output(id) || editing.readers(id).next().is_some();
        // What is kept from run to run may be read in the next one.
        let keeps = operator
            .inputs
            .iter()
            .flatten()
            .any(|id| editing.tensor(*id).is_variable);
        if !operator.kind.has_effects()
            && !keeps
            && !operator.outputs.is_empty()
            && !operator.outputs.iter().any(|id| is_read(*id))
        {
            dead.push(position);
            editing.remove(position);
        }
    }
    if !dead.is_empty() {
        editing.say(Effect::Removed, &dead);
    }
}
