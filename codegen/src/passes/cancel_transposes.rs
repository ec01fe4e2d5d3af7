//! TRANSPOSE and its opposite leave where only element-wise operators are between them: those do not care about the order of
//! dimensions. A region begins at TRANSPOSEs of one order, ends at those of the opposite one, and nobody else reads or computes
//! what is in it.

use std::collections::{BTreeMap, BTreeSet};

use super::Effect;
use super::editing::Editing;
use crate::graph::{BuiltinOperator as Op, Graph, OpKind, Operator, Options, Tensor, TensorId};
use crate::ops;

/// Operators of a region at most: each TRANSPOSE looks at its own.
const MOST_OPERATORS: usize = 64;

pub fn run(editing: &mut Editing<'_>) {
    for position in 0..editing.graph().operators.len() {
        if !editing.is_gone(position)
            && let Some(region) = Region::from(editing, position)
        {
            region.turn(editing);
        }
    }
}

/// Dimensions of the input by those of the output, of a TRANSPOSE that changes nothing else.
fn order(graph: &Graph, position: usize) -> Option<Vec<usize>> {
    let operator = &graph.operators[position];
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
        .filter(|_| is_transpose)?;
    let rank = x.shape.len() as i64;
    let order = order.into_iter().map(|axis| {
        let axis = if axis < 0 { axis + rank } else { axis };
        usize::try_from(axis)
            .ok()
            .filter(|axis| *axis < x.shape.len())
    });
    order.collect()
}

fn opposite(order: &[usize]) -> Vec<usize> {
    let mut opposite = vec![0; order.len()];
    for (from, to) in order.iter().enumerate() {
        opposite[*to] = from;
    }
    opposite
}

/// Operators between TRANSPOSEs and their opposites.
struct Region {
    /// That of the TRANSPOSEs before it.
    order: Vec<usize>,
    entries: BTreeSet<usize>,
    exits: BTreeSet<usize>,
    members: BTreeSet<usize>,
    tensors: BTreeSet<TensorId>,
}

impl Region {
    /// The region behind a TRANSPOSE.
    fn from(editing: &Editing<'_>, position: usize) -> Option<Self> {
        let order = order(editing.graph(), position)?;
        let mut region = Self {
            order,
            entries: BTreeSet::new(),
            exits: BTreeSet::new(),
            members: BTreeSet::new(),
            tensors: BTreeSet::new(),
        };
        let mut open = editing.operator(position).outputs.clone();
        while let Some(id) = open.pop() {
            if region.tensors.insert(id) {
                region.add(editing, id, &mut open)?;
            }
        }
        let outputs = region
            .exits
            .iter()
            .map(|exit| &editing.operator(*exit).outputs[0]);
        let outputs = outputs.filter(|y| editing.is_output(**y)).count();
        // What the caller reads is computed in the region, and by one operator.
        let computed = |exit: &usize| region.is_computed(editing, *exit);
        let is_closed = outputs == 0 || outputs == 1 && region.exits.iter().all(computed);
        (is_closed && !region.exits.is_empty()).then_some(region)
    }

    /// Adds what is around a tensor of the region; `None` if that cannot be in it.
    fn add(&mut self, editing: &Editing<'_>, id: TensorId, open: &mut Vec<TensorId>) -> Option<()> {
        if editing.is_output(id) || editing.tensor(id).is_variable {
            return None;
        }
        let producer = editing.producer(id)?;
        if order(editing.graph(), producer).as_ref() == Some(&self.order) {
            self.entries.insert(producer);
        } else {
            self.enter(editing, producer, open)?;
        }
        for reader in editing.readers(id) {
            if order(editing.graph(), reader) == Some(opposite(&self.order)) {
                self.exits.insert(reader);
            } else {
                self.enter(editing, reader, open)?;
            }
        }
        Some(())
    }

    /// Adds an element-wise operator, and opens what it reads and computes.
    fn enter(
        &mut self,
        editing: &Editing<'_>,
        position: usize,
        open: &mut Vec<TensorId>,
    ) -> Option<()> {
        if !self.members.insert(position) {
            return Some(());
        }
        let operator = editing.operator(position);
        let joins = matches!(operator.options, Options::Concatenation(_));
        let [y] = operator.outputs[..] else {
            return None;
        };
        if self.members.len() > MOST_OPERATORS || !(joins || ops::is_elementwise(&operator.kind)) {
            return None;
        }
        open.push(y);
        let shape = &editing.tensor(y).shape;
        for id in operator.inputs.iter().flatten() {
            let x = editing.tensor(*id);
            match x.is_constant() {
                true if joins || !may_turn(x, shape.len()) => return None,
                false if !joins && x.shape != *shape => return None,
                true => {}
                false => open.push(*id),
            }
        }
        (shape.len() == self.order.len()).then_some(())
    }

    /// Whether an operator of the region computes what an exit reads.
    fn is_computed(&self, editing: &Editing<'_>, exit: usize) -> bool {
        let read = editing.operator(exit).inputs[0];
        let producer = read.and_then(|id| editing.producer(id));
        producer.is_some_and(|producer| self.members.contains(&producer))
    }

    /// Lets the region compute in the order of dimensions before it, without the TRANSPOSEs around it.
    fn turn(&self, editing: &mut Editing<'_>) {
        let mut turned: BTreeMap<TensorId, TensorId> = BTreeMap::new();
        for entry in &self.entries {
            let operator = editing.operator(*entry);
            turned.insert(
                operator.outputs[0],
                operator.inputs[0].unwrap_or(operator.outputs[0]),
            );
        }
        for exit in &self.exits {
            let operator = editing.operator(*exit);
            let (x, y) = (operator.inputs[0], operator.outputs[0]);
            if let Some(x) = x.filter(|_| editing.is_output(y)) {
                turned.insert(x, y);
            }
        }
        for id in &self.tensors {
            if !turned.contains_key(id) {
                let tensor = self.turned(editing.tensor(*id));
                turned.insert(*id, editing.add_tensor(tensor));
            }
        }
        let around: Vec<usize> = self.entries.union(&self.exits).copied().collect();
        editing.say(Effect::Removed, &around);
        if !self.members.is_empty() {
            let members: Vec<usize> = self.members.iter().copied().collect();
            editing.say(Effect::Permuted, &members);
        }
        let exits: Vec<(TensorId, TensorId)> = (self.exits.iter())
            .filter_map(|exit| {
                let operator = editing.operator(*exit);
                Some((operator.outputs[0], *turned.get(&operator.inputs[0]?)?))
            })
            .collect();
        around.iter().for_each(|position| editing.remove(*position));
        for position in &self.members {
            let operator = self.member(editing, *position, &mut turned);
            editing.replace(*position, operator, Vec::new());
        }
        for (y, x) in exits.into_iter().filter(|(y, x)| y != x) {
            editing.read_instead(y, x);
        }
    }

    /// An operator of the region, in the other order.
    fn member(
        &self,
        editing: &mut Editing<'_>,
        position: usize,
        turned: &mut BTreeMap<TensorId, TensorId>,
    ) -> Operator {
        let mut operator = editing.operator(position).clone();
        let rank = self.order.len();
        if let Options::Concatenation(o) = &mut operator.options {
            let axis = if o.axis < 0 {
                o.axis + rank as i32
            } else {
                o.axis
            };
            let axis = usize::try_from(axis)
                .ok()
                .and_then(|axis| self.order.get(axis));
            o.axis = axis.map_or(o.axis, |axis| *axis as i32);
        }
        for id in operator.inputs.iter_mut().flatten() {
            if !turned.contains_key(id) && editing.tensor(*id).elements() != 1 {
                let tensor = self.turned(editing.tensor(*id));
                turned.insert(*id, editing.add_tensor(tensor));
            }
            *id = turned.get(id).copied().unwrap_or(*id);
        }
        for id in &mut operator.outputs {
            *id = turned.get(id).copied().unwrap_or(*id);
        }
        operator
    }

    /// A tensor with its dimensions in the order before the region.
    fn turned(&self, tensor: &Tensor) -> Tensor {
        let missing = self.order.len() - tensor.shape.len();
        let mut shape = vec![1; self.order.len()];
        for (dimension, size) in tensor.shape.iter().enumerate() {
            shape[self.order[missing + dimension]] = *size;
        }
        Tensor {
            shape,
            shape_signature: None,
            ..tensor.clone()
        }
    }
}

/// Whether a constant's bytes are the same in any order of dimensions: one at most has a size.
fn may_turn(tensor: &Tensor, rank: usize) -> bool {
    let sizes = tensor.shape.iter().filter(|size| **size != 1).count();
    let scales = tensor.quantization.as_ref().map_or(1, |q| q.scale.len());
    sizes <= 1 && scales == 1 && tensor.shape.len() <= rank
}
