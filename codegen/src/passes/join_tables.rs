//! Consecutive functions of bytes become one, where nobody else reads what is between them: each is a table, and so is what the
//! second gives for the results of the first.

use super::Effect;
use super::editing::Editing;
use crate::graph::Options;
use crate::ops;

pub(super) fn run(editing: &mut Editing<'_>) {
    for position in 0..editing.graph().operators.len() {
        join(editing, position);
    }
}

fn join(editing: &mut Editing<'_>, position: usize) -> Option<()> {
    let (between, second) = ops::table(editing.graph(), position)?;
    let producer = editing.producer(between);
    let producer = producer.filter(|_| editing.is_read_once(between))?;
    let (x, first) = ops::table(editing.graph(), producer)?;
    if editing.tensor(x).is_constant() {
        return None;
    }
    let mut joined = editing.operator(position).clone();
    joined.inputs = vec![Some(x)];
    let of = |byte: i8| second[usize::from(byte.cast_unsigned())];
    joined.options = Options::Tabulated(Box::new(first.map(of)));
    editing.say(Effect::Joined, &[producer, position]);
    let parts = editing.graph().parts(producer);
    editing.remove(producer);
    editing.replace(position, joined, parts);
    Some(())
}
