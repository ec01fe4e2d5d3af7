//! The arena that TFLM's interpreter needs for a model, computed from the file.
//!
//! The interpreter allocates in a fixed order, so its arena can be followed step by step: its own
//! structs, each kernel's Init and Prepare (`prepare`), the planning of memory (`lifetimes`,
//! `greedy`), and the tensors that the application sees. Sizes are data (`table`) and hold for one
//! revision of TFLM.

// A diagnostic is large and rare; boxing each would only make the code that fills it in longer.
#![allow(clippy::result_large_err)]

mod account;
pub mod cmsis;
mod embed;
pub mod greedy;
mod lifetimes;
mod load;
mod need;
mod offline;
mod prepare;
mod report;
pub mod riscv;
pub mod site;
pub mod table;
mod target;
mod unknown;
mod variables;

pub use super::kernels::Kernels;
use super::subgraphs::{reached, unknown_types};
pub use embed::Embedded;
pub use need::ArenaNeed;
pub use offline::{OFFLINE_PLAN, Offline};
pub use report::{Arena, Decider, OperatorArena, PlannedBuffer};
pub use target::Target;

use crate::cortex::Simd;
use crate::error::{Diagnostic, Error, Result};
use crate::graph::{DType, Model, Site};
use crate::tflm::accepts;
use lifetimes::{Owner, Scratch};
use load::Load;
use prepare::{Event, Requests};
use table::SizeTable;

/// What the arena is computed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArenaOptions {
    /// Which kernels the firmware is built with.
    pub kernels: Kernels,
    /// Which processor it is built for.
    pub target: Target,
    /// Resource variables that the application makes room for; by default as many as the model
    /// has. TFLM makes none for models without.
    pub resource_variables: Option<usize>,
    /// Size operators of unknown kernels by an assumption, which the result states.
    pub allow_estimate: bool,
}

impl Arena {
    /// Computes the arena of a model.
    ///
    /// # Errors
    /// If it has an operator whose sizes are not known, or one that TFLM would refuse, or if there
    /// are no such kernels for the processor.
    pub fn new(model: &Model, options: &ArenaOptions) -> Result<Self> {
        let interpreter = Interpreter::new(model, options)?;
        let warnings = accepts::verdict(model, options.kernels).warnings()?;
        // TFLM would give each such tensor a place in the arena, and nothing would fill it.
        if let Some(outside) = accepts::outside(model) {
            return Err(Error::from(outside).in_file(&model.file));
        }
        let arena = interpreter.arena().map_err(|e| e.in_file(&model.file))?;
        Ok(Self { warnings, ..arena })
    }
}

/// What one kernel asks the arena for, apart from its tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelMemory {
    /// Buffers that Init and Prepare keep, in bytes on a 32-bit target.
    pub kept: Vec<usize>,
    /// Working memory, in the order the kernel asks for it.
    pub scratch: Vec<usize>,
}

/// What the kernels of one subgraph ask for, by operator.
///
/// # Errors
/// If the subgraph has an operator whose sizes are not known, or one that TFLM would refuse.
pub fn kernel_memory(
    model: &Model,
    subgraph: usize,
    options: &ArenaOptions,
) -> Result<Vec<KernelMemory>> {
    let interpreter = Interpreter::new(model, options)?;
    let Some(graph) = model.graphs.get(subgraph) else {
        return Ok(Vec::new());
    };
    let mut wrong: Vec<Diagnostic> = unknown_types(graph).collect();
    let mut kernels = Vec::new();
    for operator in 0..graph.operators.len() {
        let site = Site::new(graph, operator);
        match interpreter.node(site, subgraph, &mut Vec::new()) {
            Ok(node) => kernels.push(KernelMemory::of(&node)),
            Err(d) => wrong.push(d.at_operator(operator, site.name())),
        }
    }
    let wrong = wrong.into_iter().map(|d| d.in_subgraph(subgraph)).collect();
    match Error::from_many(wrong) {
        Some(error) => Err(error.in_file(&model.file)),
        None => Ok(kernels),
    }
}

impl KernelMemory {
    fn of(node: &Node) -> Self {
        let mut kept: Vec<usize> = (node.data > 0).then_some(node.data).into_iter().collect();
        let mut scratch = Vec::new();
        for event in &node.events {
            match *event {
                Event::Keep(bytes) => kept.push(bytes),
                Event::Scratch(bytes) => scratch.push(bytes),
                Event::Look(_) | Event::Spend(_) => {}
            }
        }
        Self { kept, scratch }
    }
}

struct Interpreter<'a> {
    model: &'a Model,
    options: &'a ArenaOptions,
    table: &'a SizeTable,
}

/// What one operator takes.
struct Node {
    subgraph: usize,
    operator: usize,
    options: table::Struct,
    data: usize,
    /// Whether the kernel runs as well where there was no room for its data.
    dispensable: bool,
    events: Vec<Event>,
    peak: usize,
}

impl<'a> Interpreter<'a> {
    fn new(model: &'a Model, options: &'a ArenaOptions) -> Result<Self> {
        if !options.target.runs(options.kernels) {
            return Err(Diagnostic::new("CMSIS-NN has no kernels for the processor")
                .expected("an Arm Cortex-M")
                .found(options.target)
                .help("use the reference kernels")
                .into());
        }
        let table = match options.target {
            Target::Riscv32 => &riscv::RISCV32,
            _ => &table::ARM,
        };
        Ok(Self {
            model,
            options,
            table,
        })
    }

    fn arena(&self) -> Result<Arena> {
        let core = &self.table.core;
        let mut assumptions = Vec::new();
        let mut nodes = self.nodes(&mut assumptions)?;
        self.check_scratch(&nodes, &mut assumptions)?;
        let scratch: Vec<Scratch> = (nodes.iter())
            .flat_map(|node| lifetimes::scratch_of(self.site(node), node.subgraph, &node.events))
            .collect();
        let offline = Offline::of(self.model)?;
        let alignment = core.alignment;
        let planned = lifetimes::buffers(self.model, &scratch, offline.as_ref(), alignment)?;
        let offsets = greedy::offsets(&planned.buffers);
        let head = greedy::height(&planned.buffers, &offsets);
        let variables = self.options.resource_variables;
        let load = Load {
            interpreter: self,
            variables: variables.unwrap_or_else(|| variables::count(self.model)),
            offline: offline.as_ref(),
            head,
            buffers: planned.buffers.len(),
        };
        let ends = load.run(&mut nodes, None);
        let safe = ends.most().next_multiple_of(alignment);
        let buffers = planned.buffers.iter().zip(&planned.owners).zip(&offsets);
        Ok(Arena {
            model: self.model.file.clone(),
            kernels: self.options.kernels.name(),
            target: self.options.target.name(),
            tflm_revision: self.table.revision,
            min_arena_bytes: load.least(&mut nodes, safe, alignment),
            safe_from_bytes: safe,
            arena_used_bytes: ends.used,
            head_bytes: head,
            tail_bytes: ends.used - head,
            planning_bytes: ends.planning,
            prepare_bytes: ends.prepare,
            decided_by: ends.decider(),
            resource_variables: load.variables,
            offline_plan: offline.is_some(),
            exact: assumptions.is_empty(),
            assumptions,
            warnings: Vec::new(),
            operators: nodes.iter().map(|node| self.operator(node)).collect(),
            buffers: buffers
                .map(|((buffer, owner), offset)| PlannedBuffer {
                    subgraph: match *owner {
                        Owner::Tensor { subgraph, .. } | Owner::Scratch { subgraph, .. } => {
                            subgraph
                        }
                    },
                    tensor: match *owner {
                        Owner::Tensor { tensor, .. } => Some(tensor),
                        Owner::Scratch { .. } => None,
                    },
                    scratch_of: match *owner {
                        Owner::Tensor { .. } => None,
                        Owner::Scratch { operator, .. } => Some(operator),
                    },
                    offset: *offset,
                    bytes: buffer.bytes,
                    first: buffer.first,
                    last: buffer.last,
                })
                .collect(),
        })
    }

    /// Every operator's requests. Finds all operators that cannot be sized, not only the first.
    fn nodes(&self, assumptions: &mut Vec<String>) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        let mut wrong = Vec::new();
        let mut variables = variables::Variables::default();
        for (subgraph, graph) in self.model.graphs.iter().enumerate() {
            wrong.extend(unknown_types(graph).map(|d| d.in_subgraph(subgraph)));
            let handles = variables::handles(graph);
            for operator in 0..graph.operators.len() {
                let site = Site::new(graph, operator);
                match self.node(site, subgraph, assumptions) {
                    Ok(mut node) => {
                        node.events.extend(variables.assign(site, &handles));
                        nodes.push(node);
                    }
                    Err(d) => {
                        wrong.push(d.in_subgraph(subgraph).at_operator(operator, site.name()))
                    }
                }
            }
        }
        match Error::from_many(wrong) {
            Some(error) => Err(error),
            None => Ok(nodes),
        }
    }

    fn node(
        &self,
        site: Site<'_>,
        subgraph: usize,
        assumptions: &mut Vec<String>,
    ) -> Result<Node, Diagnostic> {
        let Some(row) = self.table.row(site.name()) else {
            return unknown::node(site, subgraph, self.table, self.options, assumptions);
        };
        let mut requests = Requests {
            site,
            kernels: self.options.kernels,
            simd: self.options.target.simd(),
            table: self.table,
            data: row.data(self.options.kernels),
            events: Vec::new(),
        };
        prepare::requests(&mut requests, row)?;
        let scratch = |event: &&Event| matches!(event, Event::Scratch(_));
        let most = self.table.core.requests_per_operator;
        if requests.events.iter().filter(scratch).count() > most {
            return Err(site.unfit("fewer working buffers"));
        }
        Ok(Node {
            subgraph,
            operator: site.index,
            options: self.table.options(row),
            data: requests.data,
            // A table for int8, made for float, too, and never looked at then.
            dispensable: site.name() == "ELU" && site.input(0)?.dtype == DType::Float32,
            events: requests.events,
            peak: 0,
        })
    }

    /// TFLM never learns the size of scratch in a subgraph that nothing calls, and plans with
    /// what the memory held before.
    fn check_scratch(&self, nodes: &[Node], assumptions: &mut Vec<String>) -> Result<()> {
        let reached = reached(self.model);
        let scratch = |node: &&Node| {
            let scratch = |event: &Event| matches!(event, Event::Scratch(_));
            !reached[node.subgraph] && node.events.iter().any(scratch)
        };
        let Some(node) = nodes.iter().find(scratch) else {
            return Ok(());
        };
        if self.options.allow_estimate {
            assumptions.push(format!(
                "subgraph {}, which nothing calls, gets the working memory it asks for",
                node.subgraph
            ));
            return Ok(());
        }
        Err(
            Diagnostic::new("an operator that never runs asks TFLM for working memory")
                .expected("working memory in subgraphs that the first one comes to call")
                .found("a subgraph that nothing calls; TFLM plans its buffer with a random size")
                .help(
                    "convert the model with one signature, or use --allow-estimate for the size \
                     with the memory that it asks for",
                )
                .in_subgraph(node.subgraph)
                .at_operator(node.operator, self.site(node).name())
                .into(),
        )
    }

    fn site(&self, node: &Node) -> Site<'_> {
        Site::new(&self.model.graphs[node.subgraph], node.operator)
    }

    fn operator(&self, node: &Node) -> OperatorArena {
        let kept = node.events.iter().filter_map(|event| match event {
            Event::Keep(bytes) => Some(bytes.next_multiple_of(self.table.core.alignment)),
            _ => None,
        });
        let scratch = node.events.iter().filter_map(|event| match event {
            Event::Scratch(bytes) => Some(*bytes),
            _ => None,
        });
        OperatorArena {
            subgraph: node.subgraph,
            index: node.operator,
            name: self.site(node).name().to_owned(),
            options_bytes: node.options.0,
            data_bytes: node.data.next_multiple_of(self.table.core.alignment),
            persistent_bytes: kept.sum(),
            scratch_bytes: scratch.collect(),
            prepare_bytes: node.peak,
        }
    }
}
