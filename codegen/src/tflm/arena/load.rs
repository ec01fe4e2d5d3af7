//! The interpreter's allocations from its construction to the end of `AllocateTensors()`.

use super::account::{Account, tensor_bytes};
use super::offline::Offline;
use super::report::Decider;
use super::table::INT_ARRAY;
use super::{Interpreter, Node, site};

/// Operators that are loaded at most to find the least arena.
const MOST_LOADING: usize = 1 << 22;

/// A model to load, and what is known of it beforehand.
pub(super) struct Load<'a> {
    pub(super) interpreter: &'a Interpreter<'a>,
    /// Resource variables to make room for.
    pub(super) variables: usize,
    pub(super) offline: Option<&'a Offline>,
    /// Bytes of planned buffers, and their number.
    pub(super) head: usize,
    pub(super) buffers: usize,
}

/// The most bytes in use at once, by stage.
pub(super) struct Ends {
    /// In the end.
    pub(super) used: usize,
    /// While memory is planned.
    pub(super) planning: usize,
    /// While operators are prepared.
    pub(super) prepare: usize,
}

impl Ends {
    pub(super) fn most(&self) -> usize {
        self.used.max(self.planning).max(self.prepare)
    }

    pub(super) fn decider(&self) -> Decider {
        match self.most() {
            most if self.used == most => Decider::Used,
            most if self.planning == most => Decider::Planning,
            _ => Decider::Prepare,
        }
    }
}

impl Load<'_> {
    /// Loads the model into an arena of `size` bytes; by default one with room for everything.
    pub(super) fn run(&self, nodes: &mut [Node], size: Option<usize>) -> Ends {
        let core = &self.interpreter.table.core;
        let mut account = Account::new(core);
        self.keep_structs(&mut account);
        for node in &*nodes {
            let (bytes, alignment) = node.options;
            account.keep(bytes, alignment);
        }
        for node in nodes.iter().filter(|node| node.data > 0) {
            let tail = account.tail;
            account.keep_aligned(node.data);
            let ends = account.tail + account.request_table();
            if node.dispensable && size.is_some_and(|size| ends > size) {
                account.tail = tail;
            }
        }
        account.note(account.request_table());
        for node in &mut *nodes {
            let graph = &self.interpreter.model.graphs[node.subgraph];
            node.peak = account.prepare(graph, &node.events);
        }
        if account.requests > 0 {
            account.keep(core.scratch_handle * account.requests, 4);
        }
        self.keep_variables(&mut account);
        let planning = self.planning(&account);
        let prepare = account.peak;
        self.keep_ports(&mut account);
        Ends {
            used: self.head + account.tail,
            planning,
            prepare,
        }
    }

    /// The least arena that works. It can be less than one with room for everything, where a
    /// kernel does not notice that there was none for its data. For a model with thousands of such
    /// kernels it is not looked for.
    pub(super) fn least(&self, nodes: &mut [Node], safe: usize, step: usize) -> usize {
        // With the padding before each.
        let spare: usize = (nodes.iter().filter(|node| node.dispensable))
            .map(|node| node.data.next_multiple_of(step) + step)
            .sum();
        // Loading is the model's operators once, for every step between the two.
        if nodes.len().saturating_mul(spare / step) > MOST_LOADING {
            return safe;
        }
        let mut size = safe.saturating_sub(spare).next_multiple_of(step);
        while size < safe && self.run(nodes, Some(size)).most() > size {
            size += step;
        }
        // What operators are told to need is for an arena with room for everything.
        self.run(nodes, None);
        size
    }

    /// The interpreter's own structs.
    fn keep_structs(&self, account: &mut Account<'_>) {
        let core = &self.interpreter.table.core;
        for (bytes, alignment) in [
            core.arena_allocator,
            core.memory_planner,
            core.micro_allocator,
        ] {
            account.keep(bytes, alignment);
        }
        if self.variables > 0 {
            account.keep_aligned(core.resource_variables);
            account.keep_aligned(core.resource_variable * self.variables);
        }
        account.keep(core.options_allocator.0, core.options_allocator.1);
        let graphs = &self.interpreter.model.graphs;
        account.keep(core.subgraph.0 * graphs.len(), core.subgraph.1);
        for graph in graphs {
            account.keep(core.eval_tensor * graph.tensors.len(), 4);
        }
        for graph in graphs {
            account.keep(core.node * graph.operators.len(), 4);
        }
    }

    /// Tensors that keep their value from run to run.
    fn keep_variables(&self, account: &mut Account<'_>) {
        for graph in &self.interpreter.model.graphs {
            for (index, tensor) in graph.tensors.iter().enumerate() {
                // TFLM looks the offset up by the tensor's number in its own subgraph.
                let fixed = self.offline.and_then(|plan| plan.offset(index));
                if tensor.is_variable && fixed.is_none() {
                    account.keep_aligned(site::bytes(tensor).unwrap_or(0));
                }
            }
        }
    }

    /// The model's inputs and outputs as the application sees them.
    fn keep_ports(&self, account: &mut Account<'_>) {
        let core = &self.interpreter.table.core;
        let Some(graph) = self.interpreter.model.graphs.first() else {
            return;
        };
        for ports in [&graph.inputs, &graph.outputs] {
            account.keep_aligned(core.pointer * ports.len());
            for id in ports {
                account.keep(tensor_bytes(core, graph.tensor(*id)), INT_ARRAY);
            }
        }
    }

    /// Both ends while memory is planned.
    fn planning(&self, account: &Account<'_>) -> usize {
        let core = &self.interpreter.table.core;
        let tensors: usize = self
            .interpreter
            .model
            .graphs
            .iter()
            .map(|g| g.tensors.len())
            .sum();
        let start = account.request_table()
            + core.subgraph_offset * self.interpreter.model.graphs.len()
            + core.allocation_info * (tensors + account.requests);
        start.next_multiple_of(core.alignment)
            + core.planner_buffer * self.buffers
            + account.tail.next_multiple_of(core.alignment)
    }
}
