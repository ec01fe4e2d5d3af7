//! Where the subgraphs of a model lie together.
//!
//! Each subgraph has a plan of its own. One that a single operator calls lies in that operator's
//! working memory, so that it never meets what is live at the call, and branches of one IF share
//! theirs. One that several call lies behind all of that, and so does what lasts from run to run.

use std::collections::HashMap;

use super::memory::{self, Planned, bytes};
use super::variables::Variables;
use crate::error::Result;
use crate::graph::{Graph, Model, Options, TensorId, callees_first};
use crate::plan::Budget;
use crate::tflm::arena::KernelMemory;

/// The largest alignment that data of any size needs.
const ALIGNMENT: usize = 16;

/// The memory of all subgraphs that run.
pub(super) struct Layout {
    /// Plans by the subgraphs' index.
    pub(super) graphs: HashMap<usize, Planned>,
    /// Offsets of the variables.
    pub(super) variables: Vec<usize>,
    /// Offsets of what says whether a CALL_ONCE has run, by subgraph and operator.
    pub(super) flags: HashMap<(usize, usize), usize>,
    /// Bytes of all of it.
    pub(super) bytes: usize,
}

/// Plans subgraph 0 and all that it comes to call.
pub(super) fn layout(
    model: &Model,
    kernels: &HashMap<usize, Vec<KernelMemory>>,
    variables: &Variables,
    budget: &Budget,
) -> Result<Layout> {
    let order = callees_first(0, |index| model.graphs[index].callees().collect());
    let mut sites: HashMap<usize, usize> = HashMap::new();
    for &index in &order {
        for number in 0..model.graphs[index].operators.len() {
            for callee in callees(&model.graphs[index], number) {
                *sites.entry(callee).or_default() += 1;
            }
        }
    }
    let is_inside = |callee: &usize| sites.get(callee) == Some(&1);
    let mut graphs: HashMap<usize, Planned> = HashMap::new();
    for &index in &order {
        let graph = &model.graphs[index];
        let inner = |number: usize| {
            let inside = callees(graph, number).into_iter().filter(is_inside);
            let inside = inside.map(|callee| graphs[&callee].bytes());
            inside.max().filter(|bytes| *bytes > 0)
        };
        let lasting = match index {
            0 => Vec::new(),
            _ => lasting(graph),
        };
        let planned = memory::plan(graph, &kernels[&index], lasting, inner, budget);
        let planned = planned.map_err(|e| e.in_subgraph(index))?;
        graphs.insert(index, planned);
    }
    let mut layout = Layout {
        bytes: graphs[&0].bytes(),
        graphs,
        variables: Vec::new(),
        flags: HashMap::new(),
    };
    for &index in order.iter().rev() {
        if index != 0 && !is_inside(&index) {
            let base = layout.more(layout.graphs[&index].bytes(), ALIGNMENT);
            layout.move_to(index, base);
        }
        for number in 0..model.graphs[index].operators.len() {
            for callee in callees(&model.graphs[index], number) {
                if is_inside(&callee) {
                    let base = layout.graphs[&index].inner(number);
                    layout.move_to(callee, base);
                }
            }
        }
    }
    layout.keep(model, &order, variables);
    Ok(layout)
}

impl Layout {
    fn more(&mut self, bytes: usize, alignment: usize) -> usize {
        let start = self.bytes.next_multiple_of(alignment);
        self.bytes = start + bytes;
        start
    }

    fn move_to(&mut self, graph: usize, base: usize) {
        if let Some(planned) = self.graphs.get_mut(&graph) {
            planned.base = base;
        }
    }

    /// Gives a place to what lasts from run to run.
    fn keep(&mut self, model: &Model, order: &[usize], variables: &Variables) {
        for value in &variables.values {
            let size = value.as_ref().map_or(0, bytes);
            let offset = self.more(size, alignment_of(size));
            self.variables.push(offset);
        }
        for &index in order {
            let ids = self.graphs[&index].lasting();
            for id in ids {
                let size = bytes(model.graphs[index].tensor(id));
                let offset = self.more(size, alignment_of(size));
                if let Some(planned) = self.graphs.get_mut(&index) {
                    planned.put(id, offset);
                }
            }
        }
        for &index in order {
            for (number, operator) in model.graphs[index].operators.iter().enumerate() {
                if matches!(operator.options, Options::CallOnce(_)) {
                    let offset = self.more(1, 1);
                    self.flags.insert((index, number), offset);
                }
            }
        }
    }
}

fn alignment_of(bytes: usize) -> usize {
    bytes.next_power_of_two().min(ALIGNMENT)
}

/// Tensors that keep their value from run to run. Those of subgraph 0 its plan keeps apart.
fn lasting(graph: &Graph) -> Vec<TensorId> {
    let ids = (0_u32..).zip(&graph.tensors);
    let kept = ids.filter(|(_, tensor)| tensor.is_variable);
    kept.map(|(id, _)| TensorId(id)).collect()
}

/// The subgraphs that an operator calls, each once.
fn callees(graph: &Graph, operator: usize) -> Vec<usize> {
    let mut callees: Vec<usize> = graph.operators[operator].options.callees().collect();
    callees.dedup();
    callees
}
