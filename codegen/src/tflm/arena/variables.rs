//! Resource variables: values that operators of different subgraphs share by name.

use std::collections::{HashMap, HashSet};

use super::prepare::Event;
use super::site::bytes;
use crate::graph::{Graph, Model, Options, Site, TensorId, VarHandleOptions};

/// The variables that already have memory.
#[derive(Default)]
pub(super) struct Variables<'a> {
    allocated: HashSet<&'a VarHandleOptions>,
}

impl<'a> Variables<'a> {
    /// What an assignment keeps: the variable's value, the first time that one is prepared in a
    /// subgraph that also makes the handle.
    pub(super) fn assign(&mut self, site: Site<'a>, handles: &Handles<'a>) -> Option<Event> {
        let operator = site.operator;
        if operator.kind.name() != "ASSIGN_VARIABLE" {
            return None;
        }
        let variable = *handles.get(&site.optional_input_id(0)?)?;
        if !self.allocated.insert(variable) {
            return None;
        }
        let value = site.graph.tensor(site.optional_input_id(1)?);
        Some(Event::Keep(bytes(value)?))
    }
}

/// Number of variables that the model names.
pub(super) fn count(model: &Model) -> usize {
    let operators = model.graphs.iter().flat_map(|graph| &graph.operators);
    let names = operators.filter_map(|operator| match &operator.options {
        Options::VarHandle(variable) => Some(variable),
        _ => None,
    });
    names.collect::<HashSet<_>>().len()
}

/// Tensors that are handles, and of which variable. Such a tensor has its value from Prepare on
/// and takes no place in the plan.
pub(super) type Handles<'a> = HashMap<TensorId, &'a VarHandleOptions>;

/// The handles of a graph.
pub(super) fn handles(graph: &Graph) -> Handles<'_> {
    let mut handles = Handles::new();
    for operator in &graph.operators {
        if let Options::VarHandle(variable) = &operator.options {
            for id in &operator.outputs {
                handles.entry(*id).or_insert(variable);
            }
        }
    }
    handles
}
