//! Where the subgraphs of a model lie together, and what lasts from run to run.
//!
//! Each subgraph has a plan of its own. One that a single operator calls lies in that operator's
//! working memory, so that it never meets what is live at the call, and branches of one IF share
//! theirs. One that several operators call lies behind all of that. Entry points overlay each other.
//! What lasts has memory that nothing overlays.

use std::collections::{HashMap, HashSet};

use super::{OpMemory, Plan, PlanOptions, Region};
use crate::error::{Diagnostic, Result};
use crate::graph::{Graph, TensorId};

/// The largest alignment that data of any size needs.
const ALIGNMENT: usize = 16;

/// A subgraph to lay out.
#[derive(Debug)]
pub struct Unit<'a> {
    /// Its index in the file.
    pub index: usize,
    /// The subgraph.
    pub graph: &'a Graph,
    /// What each of its operators does with memory.
    pub memory: Vec<OpMemory>,
}

/// Something that lasts from run to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kept {
    /// A resource variable, by its number.
    Variable(usize),
    /// A tensor of a subgraph that is a variable.
    Tensor(usize, TensorId),
    /// What an operator keeps beside its tensors, by subgraph, operator and position among such.
    Operator(usize, usize, usize),
    /// Whether a subgraph that CALL_ONCE runs has run: one byte for all operators that run it.
    Once(usize),
    /// How far a subgraph is whose input comes row by row.
    Rows(usize),
    /// Whether variables that do not start at zeros have their first value: one byte.
    Ready,
}

/// The memory of all subgraphs that run.
#[derive(Debug)]
pub struct Layout {
    graphs: HashMap<usize, Placed>,
    kept: HashMap<Kept, Region>,
    /// Bytes of the arena, which every run may overwrite.
    pub arena_bytes: usize,
    /// Bytes of what lasts from run to run.
    pub state_bytes: usize,
}

/// A subgraph's plan, and where in the arena it begins.
#[derive(Debug)]
pub struct Placed {
    /// Its plan. An operator that calls subgraphs has their memory as its last working buffer.
    pub plan: Plan,
    /// Bytes from the start of the arena.
    pub base: usize,
    /// Of operators that call subgraphs inside their working memory: how many buffers are their own.
    callers: HashMap<usize, usize>,
}

impl Layout {
    /// Lays out subgraphs, each of which comes after those that it calls. `roots` are entry points;
    /// `variables` gives the bytes of each resource variable, and `ready` whether [`Kept::Ready`] is needed.
    ///
    /// # Errors
    /// If the sizes together overflow `usize`.
    pub fn new(
        units: &[Unit<'_>],
        roots: &[usize],
        variables: &[usize],
        ready: bool,
        options: &PlanOptions,
    ) -> Result<Self> {
        let mut sites: HashMap<usize, usize> = roots.iter().map(|root| (*root, 2)).collect();
        for callee in units.iter().flat_map(|unit| all_callees(unit.graph)) {
            *sites.entry(callee).or_default() += 1;
        }
        let is_inside = |callee: &usize| sites.get(callee) == Some(&1);
        let mut graphs: HashMap<usize, Placed> = HashMap::new();
        for unit in units {
            let inner = |operator: usize| {
                let inside = callees(unit.graph, operator).into_iter().filter(is_inside);
                let inside = inside.filter_map(|callee| Some(graphs.get(&callee)?.plan.peak_bytes));
                inside.max().filter(|bytes| *bytes > 0)
            };
            let placed =
                Placed::new(unit, inner, options).map_err(|e| e.in_subgraph(unit.index))?;
            graphs.insert(unit.index, placed);
        }
        let bytes_of = |root: &usize| graphs.get(root).map_or(0, |placed| placed.plan.peak_bytes);
        let mut layout = Self {
            arena_bytes: roots.iter().map(bytes_of).max().unwrap_or(0),
            state_bytes: 0,
            graphs,
            kept: HashMap::new(),
        };
        let called: HashSet<usize> = (units.iter())
            .flat_map(|unit| all_callees(unit.graph))
            .collect();
        for unit in units.iter().rev() {
            let overlaid = roots.contains(&unit.index) && !called.contains(&unit.index);
            if !overlaid && !is_inside(&unit.index) {
                layout.move_behind(unit.index)?;
            }
            for operator in 0..unit.graph.operators.len() {
                for callee in callees(unit.graph, operator).into_iter().filter(is_inside) {
                    let base = layout.graphs.get(&unit.index).map(|p| p.inner(operator));
                    if let (Some(base), Some(placed)) = (base, layout.graphs.get_mut(&callee)) {
                        placed.base = base;
                    }
                }
            }
        }
        layout.keep_all(units, variables, ready)?;
        Ok(layout)
    }

    /// A subgraph's plan; `None` if it is none of those that were laid out.
    pub fn graph(&self, index: usize) -> Option<&Placed> {
        self.graphs.get(&index)
    }

    /// The place of something that lasts, within the state.
    pub fn kept(&self, kept: Kept) -> Option<Region> {
        self.kept.get(&kept).copied()
    }

    fn move_behind(&mut self, index: usize) -> Result<()> {
        if let Some(placed) = self.graphs.get_mut(&index) {
            placed.base = self.arena_bytes.next_multiple_of(ALIGNMENT);
            let end = placed.base.checked_add(placed.plan.peak_bytes);
            self.arena_bytes = end
                .filter(|end| *end <= usize::MAX / 2)
                .ok_or_else(too_large)?;
        }
        Ok(())
    }

    /// Gives a place to all that lasts.
    fn keep_all(&mut self, units: &[Unit<'_>], variables: &[usize], ready: bool) -> Result<()> {
        for (number, bytes) in variables.iter().enumerate() {
            self.keep(Kept::Variable(number), *bytes)?;
        }
        for unit in units {
            for (id, tensor) in (0..).zip(&unit.graph.tensors) {
                if tensor.is_variable && !tensor.is_constant() {
                    self.keep(Kept::Tensor(unit.index, TensorId(id)), tensor.bytes())?;
                }
            }
        }
        let of_operators = units.iter().flat_map(|unit| &unit.memory);
        for (kept, bytes) in of_operators.flat_map(|memory| &memory.kept) {
            if !self.kept.contains_key(kept) {
                self.keep(*kept, *bytes)?;
            }
        }
        match ready {
            true => self.keep(Kept::Ready, 1),
            false => Ok(()),
        }
    }

    fn keep(&mut self, kept: Kept, bytes: usize) -> Result<()> {
        let alignment = bytes.next_power_of_two().min(ALIGNMENT);
        let offset = match bytes {
            // Whatever its elements are, nothing is aligned at the start.
            0 => 0,
            _ => self.state_bytes.next_multiple_of(alignment),
        };
        let end = offset.checked_add(bytes);
        let end = end.map(|end| end.max(self.state_bytes));
        self.state_bytes = end
            .filter(|end| *end <= usize::MAX / 2)
            .ok_or_else(too_large)?;
        self.kept.insert(kept, Region { offset, bytes });
        Ok(())
    }
}

impl Placed {
    fn new(
        unit: &Unit<'_>,
        inner: impl Fn(usize) -> Option<usize>,
        options: &PlanOptions,
    ) -> Result<Self> {
        let mut callers = HashMap::new();
        let mut memory = unit.memory.clone();
        for (operator, memory) in memory.iter_mut().enumerate() {
            if let Some(bytes) = inner(operator) {
                callers.insert(operator, memory.scratch.len());
                memory.scratch.push(bytes);
            }
        }
        Ok(Self {
            plan: Plan::new(unit.graph, |_, operator| memory[operator].clone(), options)?,
            base: 0,
            callers,
        })
    }

    /// Where a tensor lies in the arena.
    pub fn region(&self, id: TensorId) -> Option<Region> {
        self.plan.region(id).map(|region| self.moved(region))
    }

    /// An operator's own working buffers.
    pub fn scratch(&self, operator: usize) -> impl Iterator<Item = Region> {
        let regions = &self.plan.operators[operator].scratch;
        let own = self.callers.get(&operator).copied();
        let own = own.unwrap_or(regions.len());
        regions.iter().take(own).map(|region| self.moved(*region))
    }

    /// A region of the plan, where it is in the arena.
    pub fn moved(&self, region: Region) -> Region {
        Region {
            offset: self.base + region.offset,
            ..region
        }
    }

    /// Where the subgraphs begin that an operator calls.
    fn inner(&self, operator: usize) -> usize {
        let regions = &self.plan.operators[operator].scratch;
        let region = self
            .callers
            .get(&operator)
            .and_then(|own| regions.get(*own));
        self.base + region.map_or(0, |region| region.offset)
    }
}

/// The subgraphs that an operator calls, each once.
fn callees(graph: &Graph, operator: usize) -> Vec<usize> {
    let mut callees: Vec<usize> = graph.operators[operator].options.callees().collect();
    callees.dedup();
    callees
}

fn all_callees(graph: &Graph) -> impl Iterator<Item = usize> {
    (0..graph.operators.len()).flat_map(|operator| callees(graph, operator))
}

fn too_large() -> Diagnostic {
    Diagnostic::new("the model's subgraphs together need more memory than can be addressed")
}
