//! Lists that loops fill: converters write the item at a position as what is before it, the item, and what is behind it, all
//! concatenated. Where both ends depend on the position, no size is known. DYNAMIC_UPDATE_SLICE is the same, of known
//! sizes.

use std::collections::HashMap;

use super::Effect;
use super::editing::Editing;
use crate::graph::operands::Operands;
use crate::graph::{BuiltinOperator as Op, Graph, OpKind, Operator, Options, TensorId};

pub(super) fn run(editing: &mut Editing<'_>) {
    let links = Links::of(editing.graph());
    let candidates = 0..editing.graph().operators.len();
    let updates: Vec<Update> = candidates
        .filter_map(|index| Update::at(&links, index))
        .collect();
    for update in updates {
        let mut starts = editing.operator(update.starts).clone();
        starts.inputs[1] = Some(update.zeros);
        let mut operator = editing.operator(update.index).clone();
        operator.kind = OpKind::Builtin(Op::DynamicUpdateSlice);
        operator.inputs = vec![
            Some(update.list),
            Some(update.item),
            starts.outputs.first().copied(),
        ];
        operator.options = Options::None;
        let mut positions = update.replaced;
        positions.sort_unstable();
        let parts = positions.iter().flat_map(|at| editing.graph().parts(*at));
        let parts = parts.collect();
        editing.replace(update.starts, starts, Vec::new());
        editing.replace(update.index, operator, parts);
        editing.say(Effect::Joined, &[update.index]);
        positions.into_iter().for_each(|at| editing.remove(at));
    }
}

/// What an item replaces.
struct Update {
    /// The operator that concatenates.
    index: usize,
    list: TensorId,
    item: TensorId,
    /// The operator that makes the sizes of what is before the item, the first of which is the item's position.
    starts: usize,
    /// What it has to put behind the position to make it a place.
    zeros: TensorId,
    /// Operators that are not needed any more.
    replaced: Vec<usize>,
}

impl Update {
    fn at(links: &Links<'_>, index: usize) -> Option<Self> {
        let all = links.inputs(index, Op::Concatenation)?;
        let &[Some(before), Some(item), Some(behind)] = all else {
            return None;
        };
        let joins_first = |index: usize| match links.graph.operators[index].options {
            Options::Concatenation(options) => options.axis == 0,
            _ => false,
        };
        let first = links.only_use(before)?;
        let &[Some(list), Some(begins), Some(sizes)] = links.inputs(first, Op::Slice)? else {
            return None;
        };
        let last = links.only_use(behind)?;
        let &[Some(same), Some(ends), Some(rest)] = links.inputs(last, Op::Slice)? else {
            return None;
        };
        let starts = links.only_use(sizes)?;
        let &[Some(position), Some(whole)] = links.inputs(starts, Op::Concatenation)? else {
            return None;
        };
        let end = links.only_use(ends)?;
        let &[Some(next), Some(zeros)] = links.inputs(end, Op::Concatenation)? else {
            return None;
        };
        let axes = links.graph.tensor(list).shape.len();
        let others = axes.checked_sub(1)?;
        let is_one = links.graph.tensor(item).shape.first() == Some(&1);
        let right = same == list
            // It would be read later than before, and may be another value by then.
            && !links.graph.tensor(list).is_variable
            && is_one
            && [index, starts, end].into_iter().all(joins_first)
            && links.is_all(begins, 0, axes)
            && links.is_all(whole, -1, others)
            && links.is_all(rest, -1, axes)
            && links.is_all(zeros, 0, others)
            && links.follows(next, position);
        right.then(|| Self {
            index,
            list,
            item,
            starts,
            zeros,
            replaced: vec![first, end, last],
        })
    }
}

/// A graph, with what makes and what reads its tensors.
struct Links<'a> {
    graph: &'a Graph,
    makers: HashMap<TensorId, usize>,
    readers: HashMap<TensorId, usize>,
}

impl<'a> Links<'a> {
    fn of(graph: &'a Graph) -> Self {
        let mut links = Self {
            graph,
            makers: HashMap::new(),
            readers: HashMap::new(),
        };
        for (index, operator) in graph.operators.iter().enumerate() {
            links
                .makers
                .extend(operator.outputs.iter().map(|id| (*id, index)));
            for id in operator.inputs.iter().flatten() {
                *links.readers.entry(*id).or_default() += 1;
            }
        }
        for id in &graph.outputs {
            *links.readers.entry(*id).or_default() += 1;
        }
        links
    }

    /// The inputs of an operator, if it is of this kind.
    fn inputs(&self, index: usize, op: Op) -> Option<&'a [Option<TensorId>]> {
        let operator = &self.graph.operators[index];
        (operator.kind == OpKind::Builtin(op)).then_some(&operator.inputs[..])
    }

    fn maker(&self, id: TensorId) -> Option<&'a Operator> {
        self.makers
            .get(&id)
            .map(|index| &self.graph.operators[*index])
    }

    /// The operator that makes a tensor, if only one other reads it.
    fn only_use(&self, id: TensorId) -> Option<usize> {
        let is_only = self.readers.get(&id) == Some(&1);
        self.makers.get(&id).copied().filter(|_| is_only)
    }

    /// Whether a tensor is so many constants of one value.
    fn is_all(&self, id: TensorId, value: i64, count: usize) -> bool {
        let values = self.graph.tensor(id).as_integers();
        values.is_some_and(|all| all.len() == count && all.iter().all(|v| *v == value))
    }

    /// The number that a list of one number has.
    fn number(&self, id: TensorId) -> TensorId {
        let reshaped = self
            .maker(id)
            .filter(|o| o.kind == OpKind::Builtin(Op::Reshape));
        let number = reshaped.and_then(|o| o.inputs.first().copied().flatten());
        number.unwrap_or(id)
    }

    /// Whether a list of one number has one more than another.
    fn follows(&self, next: TensorId, number: TensorId) -> bool {
        let (next, number) = (self.number(next), self.number(number));
        let Some(sum) = self.maker(next) else {
            return false;
        };
        let operands = Operands::new(self.graph, sum);
        let one = |at: usize| operands.integers(at).is_some_and(|all| all == [1]);
        let is_number = |at: usize| sum.inputs.get(at) == Some(&Some(number));
        let is_single = self.graph.tensor(number).elements() == 1;
        sum.kind == OpKind::Builtin(Op::Add)
            && is_single
            && (is_number(0) && one(1) || is_number(1) && one(0))
    }
}
