//! castiron's plan for an unmodified interpreter.

use std::sync::Arc;

use super::{Arena, ArenaOptions, Offline};
use crate::error::Result;
use crate::graph::{DType, Graph, Model};
use crate::plan::{Budget, OpMemory, Plan, PlanOptions};

/// What an offline plan is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// The plan.
    pub plan: Offline,
    /// The arena that the interpreter needs without it and with it.
    pub arenas: Option<(Arena, Arena)>,
}

impl Embedded {
    /// Plans the tensors of the first subgraph for TFLM's interpreter.
    ///
    /// It runs operators in the file's order, and keeps every input and output of one apart. What
    /// it plans itself, working memory above all, it fits around this plan; for the kernels of
    /// `options` the plan leaves room for that. Without sizes for an operator there is no such
    /// room, and no arena to compare.
    ///
    /// # Errors
    /// If the sizes overflow.
    pub fn new(model: &Model, options: &ArenaOptions, budget: &Budget) -> Result<Self> {
        let mut model = model.clone();
        model.metadata.retain(|m| m.name != super::OFFLINE_PLAN);
        let without = Arena::new(&model, options).ok();
        let Some(graph) = model.graphs.first() else {
            let plan = Offline::new(Vec::new());
            return Ok(Self { plan, arenas: None });
        };
        // The first subgraph's operators come first, and in their order.
        let memory = |_: &Graph, operator: usize| OpMemory {
            by_rows: false,
            outputs: Vec::new(),
            scratch: (without.as_ref())
                .map(|arena| arena.operators[operator].scratch_bytes.clone())
                .unwrap_or_default(),
            kept: Vec::new(),
        };
        let plan_options = PlanOptions {
            alias: false,
            in_place: false,
            reorder: false,
            budget: *budget,
            ..PlanOptions::default()
        };
        let seen = as_interpreter(graph);
        let plan = Plan::new(&seen, memory, &plan_options)?;
        let total: usize = model.graphs.iter().map(|g| g.tensors.len()).sum();
        let mut offsets: Vec<Option<usize>> = (0..graph.tensors.len())
            .map(|index| {
                let id = u32::try_from(index).ok().map(crate::graph::TensorId)?;
                plan.region(id).filter(|region| region.bytes > 0)
            })
            .map(|region| region.map(|region| region.offset))
            .collect();
        offsets.resize(total, None);
        let plan = Offline::new(offsets);
        model.metadata.push(crate::graph::Metadata {
            name: super::OFFLINE_PLAN.to_owned(),
            data: plan.to_bytes(),
        });
        let with = Arena::new(&model, options).ok();
        Ok(Self {
            plan,
            arenas: without.zip(with),
        })
    }
}

/// The graph with the memory that TFLM gives its tensors: none of the head to variables and
/// constants, a byte to each element of packed types.
fn as_interpreter(graph: &Graph) -> Graph {
    let mut graph = graph.clone();
    for tensor in &mut graph.tensors {
        if tensor.is_variable {
            tensor.is_variable = false;
            tensor.data = Some(Arc::from([]));
        }
        if tensor.dtype == DType::Int4 && !tensor.is_constant() {
            tensor.dtype = DType::Int8;
        }
    }
    let constant: Vec<bool> = graph.tensors.iter().map(|t| t.is_constant()).collect();
    graph.outputs.retain(|id| !constant[id.index()]);
    graph
}
