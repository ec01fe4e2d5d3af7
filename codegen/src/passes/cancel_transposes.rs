//! TRANSPOSE and its opposite leave where only operators are between them that compute as well in another order of dimensions:
//! element-wise ones, and such whose axes can be named anew. A region begins and ends at TRANSPOSEs, or where the order is the
//! same again, or at weights that take it; nobody else reads or computes what is in it.

use std::collections::{BTreeMap, BTreeSet};

use super::Effect;
use super::editing::Editing;
use super::turned_weights as weights;
use super::turning::{self, Order, between, composed, is_identity, opposite, transposed};
use crate::graph::{Operator, TensorId};
use crate::ops;

/// Operators of a region at most: each TRANSPOSE looks at its own.
const MOST_OPERATORS: usize = 64;

pub fn run(editing: &mut Editing<'_>) {
    for position in 0..editing.graph().operators.len() {
        if !editing.is_gone(position)
            && let Some(own) = order(editing, position)
        {
            let operator = editing.operator(position);
            let ([Some(x), ..], [y]) = (&operator.inputs[..], &operator.outputs[..]) else {
                continue;
            };
            let (x, y) = (*x, *y);
            let _ = turn(editing, y, &own).or_else(|| turn(editing, x, &opposite(&own)));
        }
    }
}

/// Turns the region around a tensor, if there is one that is worth it.
fn turn(editing: &mut Editing<'_>, id: TensorId, order: &Order) -> Option<()> {
    let region = Region::around(editing, id, order)?;
    region.turn(editing)
}

/// The order of a TRANSPOSE.
fn order(editing: &Editing<'_>, position: usize) -> Option<Order> {
    transposed(editing.graph(), editing.operator(position))
}

/// Tensors that others stand for, in another order of dimensions, and all operators around them.
struct Region {
    orders: BTreeMap<TensorId, Order>,
    members: BTreeSet<usize>,
    /// TRANSPOSEs that are none in the other order.
    removed: BTreeSet<usize>,
    /// Operators at which an order ends, with the tensor that has it: FULLY_CONNECTED, whose weights take it, and RESHAPE before such.
    ends: BTreeMap<usize, TensorId>,
}

impl Region {
    fn around(editing: &Editing<'_>, id: TensorId, order: &Order) -> Option<Self> {
        let mut region = Self {
            orders: BTreeMap::new(),
            members: BTreeSet::new(),
            removed: BTreeSet::new(),
            ends: BTreeMap::new(),
        };
        let mut open = Vec::new();
        region.assign(id, order.clone(), &mut open)?;
        while let Some(id) = open.pop() {
            let tensor = editing.tensor(id);
            if editing.is_output(id) || tensor.is_variable || tensor.is_constant() {
                return None;
            }
            let producer = editing.producer(id)?;
            for position in editing.readers(id).chain([producer]) {
                region.enter(editing, position, id, &mut open)?;
            }
        }
        region.is_worth_it(editing).then_some(region)
    }

    /// Says the order of a tensor; `None` if it has another one. What is in its own order is not in the region.
    fn assign(&mut self, id: TensorId, order: Order, open: &mut Vec<TensorId>) -> Option<()> {
        if let Some(known) = self.orders.get(&id) {
            return (*known == order).then_some(());
        }
        if !is_identity(&order) {
            open.push(id);
        }
        self.orders.insert(id, order);
        Some(())
    }

    /// Adds an operator that reads or computes a tensor of the region.
    fn enter(
        &mut self,
        editing: &Editing<'_>,
        position: usize,
        id: TensorId,
        open: &mut Vec<TensorId>,
    ) -> Option<()> {
        self.members.insert(position);
        if self.members.len() > MOST_OPERATORS {
            return None;
        }
        if order(editing, position).is_some() {
            return Some(());
        }
        let known = self.orders.get(&id)?;
        let orders = turning::orders(editing.graph(), editing.operator(position), id, known);
        let Some(orders) = orders else {
            return self.end(editing, position, id);
        };
        if !orders
            .iter()
            .any(|(other, order)| *other == id && order == known)
        {
            return None;
        }
        let mut orders = orders.into_iter();
        orders.try_for_each(|(id, order)| self.assign(id, order, open))
    }

    /// Lets the order of a tensor end at an operator that reads it, if that can be.
    fn end(&mut self, editing: &Editing<'_>, position: usize, id: TensorId) -> Option<()> {
        let order = self.orders.get(&id)?;
        let readers = weights::readers(editing, position, id)?;
        let places = weights::places(&editing.tensor(id).shape, order)?;
        for reader in readers {
            weights::columns(editing, reader, &places)?;
            self.members.insert(reader);
            self.ends.insert(reader, id);
        }
        self.ends.insert(position, id);
        Some(())
    }

    /// The order that a TRANSPOSE of the region has in it.
    fn own(&self, editing: &Editing<'_>, position: usize) -> Option<Order> {
        let own = order(editing, position)?;
        let operator = editing.operator(position);
        let same = || (0..own.len()).collect();
        let of = |id: &TensorId| self.orders.get(id).cloned().unwrap_or_else(same);
        let (x, y) = (of(&operator.inputs[0]?), of(&operator.outputs[0]));
        Some(between(&x, &own, &y))
    }

    /// Whether TRANSPOSEs leave, and others do not move what they did not move before.
    fn is_worth_it(&mut self, editing: &Editing<'_>) -> bool {
        let (mut before, mut after) = (0, 0);
        for position in &self.members {
            let Some(own) = self.own(editing, *position) else {
                continue;
            };
            let operator = editing.operator(*position);
            let y = editing.tensor(operator.outputs[0]);
            if ops::moves_elements(editing.graph(), *position) {
                before += y.bytes();
            }
            if is_identity(&own) {
                self.removed.insert(*position);
            } else if moves(&self.standing(editing, operator.outputs[0]), &own) {
                after += y.bytes();
            }
        }
        !self.removed.is_empty() && after <= before
    }

    /// The shape of what stands for a tensor.
    fn standing(&self, editing: &Editing<'_>, id: TensorId) -> Vec<usize> {
        let shape = &editing.tensor(id).shape;
        match self.orders.get(&id) {
            Some(order) => composed(shape, &opposite(order)),
            None => shape.clone(),
        }
    }

    /// Outputs of the caller's that TRANSPOSEs which leave give, by the tensors for which they stand. `None` if one is no
    /// operator's that stays.
    fn outputs(&self, editing: &Editing<'_>) -> Option<BTreeMap<TensorId, TensorId>> {
        let mut outputs = BTreeMap::new();
        for position in &self.removed {
            let operator = editing.operator(*position);
            let (x, y) = (operator.inputs[0]?, operator.outputs[0]);
            if !self.is_in(y) && editing.is_output(y) {
                let producer = editing.producer(x).filter(|at| !self.removed.contains(at));
                if !self.is_in(x) || producer.is_none() || outputs.insert(x, y).is_some() {
                    return None;
                }
            }
        }
        Some(outputs)
    }

    /// What stands for each tensor of the region.
    fn instead(&self, editing: &mut Editing<'_>) -> Option<BTreeMap<TensorId, TensorId>> {
        let mut instead = self.outputs(editing)?;
        let entries = self.removed.iter().map(|position| {
            let operator = editing.operator(*position);
            Some((operator.outputs[0], operator.inputs[0]?))
        });
        let entries: Option<Vec<(TensorId, TensorId)>> = entries.collect();
        let mut entries = entries?;
        entries.retain(|(y, _)| self.is_in(*y));
        let of_entry: BTreeSet<TensorId> = entries.iter().map(|(y, _)| *y).collect();
        for (id, order) in &self.orders {
            if self.is_in(*id) && !instead.contains_key(id) && !of_entry.contains(id) {
                let tensor = turning::turned(editing.tensor(*id), order)?;
                let other = editing.add_tensor(tensor);
                instead.insert(*id, other);
            }
        }
        // In the order in which they run: one may read what another one gives.
        for (y, x) in entries {
            let other = instead.get(&x).copied().unwrap_or(x);
            instead.insert(y, other);
        }
        Some(instead)
    }

    fn is_in(&self, id: TensorId) -> bool {
        self.orders
            .get(&id)
            .is_some_and(|order| !is_identity(order))
    }

    /// Lets the region compute in the other order. `None`, and nothing changes, if kernels do not.
    fn turn(&self, editing: &mut Editing<'_>) -> Option<()> {
        let instead = self.instead(editing)?;
        let mut operators: Vec<(usize, Operator)> = Vec::new();
        let mut flat = BTreeMap::new();
        for position in self.members.difference(&self.removed) {
            let operator = match self.ends.get(position) {
                Some(id) => {
                    let places = weights::places(&editing.tensor(*id).shape, self.orders.get(id)?)?;
                    weights::operator(editing, *position, *instead.get(id)?, &places, &mut flat)?
                }
                None => turning::operator(editing, *position, &self.orders, &instead)?,
            };
            if !ops::is_taken(editing.graph(), *position, &operator) {
                return None;
            }
            operators.push((*position, operator));
        }
        let removed: Vec<usize> = self.removed.iter().copied().collect();
        editing.say(Effect::Removed, &removed);
        let members: Vec<usize> = operators.iter().map(|(position, _)| *position).collect();
        if !members.is_empty() {
            editing.say(Effect::Permuted, &members);
        }
        let mut exits = Vec::new();
        for position in removed {
            let operator = editing.operator(position);
            let (x, y) = (operator.inputs[0]?, operator.outputs[0]);
            if !self.is_in(y) {
                exits.push((y, instead.get(&x).copied().unwrap_or(x)));
            }
            editing.remove(position);
        }
        for (position, operator) in operators {
            editing.replace(position, operator, Vec::new());
        }
        // The last first: what stands for its output may be an earlier one's, whose readers then read something else, too.
        for (y, x) in exits.into_iter().rev().filter(|(y, x)| y != x) {
            editing.read_instead(y, x);
        }
        Some(())
    }
}

/// Whether a TRANSPOSE to a shape by an order moves elements.
fn moves(shape: &[usize], order: &[usize]) -> bool {
    let several = shape.iter().zip(order).filter(|(size, _)| **size != 1);
    !several.map(|(_, from)| from).is_sorted()
}
