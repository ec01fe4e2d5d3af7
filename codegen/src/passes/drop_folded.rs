//! Operators whose outputs are all constant leave: they were computed at build time.

use super::editing::Editing;

pub(super) fn run(editing: &mut Editing<'_>) {
    for position in 0..editing.graph().operators.len() {
        let outputs = &editing.operator(position).outputs;
        let is_done = outputs.iter().all(|id| editing.tensor(*id).is_constant());
        if !outputs.is_empty() && is_done {
            editing.remove(position);
        }
    }
}
