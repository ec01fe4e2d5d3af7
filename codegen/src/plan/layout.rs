//! Where the subgraphs of a model lie together, and what lasts from run to run.
//!
//! Each subgraph has a plan of its own. One that a single operator calls lies in that operator's
//! working memory, so that it never meets what is live at the call, and branches of one IF share
//! theirs. One that several operators call lies behind all of that. Entry points overlay each other.
//! What lasts has memory that nothing overlays.
//!
//! Of an arena in several memories, runs of entry points are spread over all of them. What is behind these lies in one memory each, and so does
//! all that lasts: in the fastest that has room.

use std::collections::{HashMap, HashSet};

use super::buffers::{Buffers, Held, held};
use super::memories::starts;
use super::{OpMemory, Plan, PlanOptions, Region, TargetMemory};
use crate::error::{Diagnostic, Result};
use crate::graph::{Graph, TensorId};
use crate::sorted;

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
    /// How many operations each of its operators has, where the arena lies in several memories.
    pub work: Vec<u64>,
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
    /// The memories that both lie in, in the user's order; none where the arena is one.
    pub parts: Vec<Part>,
    /// Buffers that the caller hands over, behind the arena.
    pub held: Vec<Held>,
}

/// What of the arena and of the state lies in one memory. Parts are one behind the other in the arena.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The memory.
    pub ram: TargetMemory,
    /// Where it begins in the arena.
    pub offset: usize,
    /// Bytes of the arena.
    pub arena_bytes: usize,
    /// Bytes of the state: all of it, or none.
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
    /// `variables` gives the bytes of each resource variable, and `ready` whether [`Kept::Ready`] is needed. Arena and state lie in `rams`, where
    /// there are any.
    ///
    /// # Errors
    /// If the sizes together overflow `usize`, or do not fit the memories.
    pub fn new(
        units: &[Unit<'_>],
        roots: &[usize],
        variables: &[usize],
        ready: bool,
        rams: &[TargetMemory],
        options: &PlanOptions,
    ) -> Result<Self> {
        let calls = Calls::new(units, roots);
        let state = State::new(units, variables, ready)?;
        let (entered, called): (Vec<&Unit<'_>>, Vec<&Unit<'_>>) =
            (units.iter()).partition(|unit| calls.is_overlaid(unit.index));
        let mut graphs = HashMap::new();
        // Whoever runs a subgraph copies its inputs and outputs.
        let apart = PlanOptions {
            buffers: Buffers::Model,
            ..*options
        };
        calls.plan(&called, &mut graphs, (&[], &[]), &apart)?;
        let behind: Vec<usize> = (called.iter().rev().map(|unit| unit.index))
            .filter(|index| !calls.is_inside(index))
            .collect();
        let peak = |graphs: &HashMap<usize, Placed>, index: &usize| {
            graphs.get(index).map_or(0, |placed| placed.plan.peak_bytes)
        };
        let mut behind_runs: Vec<usize> = behind.iter().map(|i| peak(&graphs, i)).collect();
        let whole = rams.is_empty();
        if !whole {
            behind_runs.push(state.bytes);
        }

        let nothing = vec![0; rams.len()];
        calls.plan(&entered, &mut graphs, (rams, &nothing), options)?;
        let used = |graphs: &HashMap<usize, Placed>| match whole {
            true => vec![roots.iter().map(|i| peak(graphs, i)).max().unwrap_or(0)],
            false => used_of(&entered, graphs, rams.len()),
        };
        let shares = Shares::new(rams, used(&graphs));
        let (shares, places) = match shares.with(&behind_runs, None) {
            Some(found) => found,
            None if whole => return Err(too_large().into()),
            // What runs leave is too little for what is behind them: that finds its place first.
            None => {
                let first = Shares::new(rams, nothing).with(&behind_runs, None);
                let (first, places) = first.ok_or_else(|| too_small(&behind_runs, rams))?;
                calls.plan(&entered, &mut graphs, (rams, &first.used), options)?;
                let shares = Shares::new(rams, used(&graphs));
                let found = shares.with(&behind_runs, Some(&places));
                found.ok_or_else(|| Diagnostic::fault("a memory has less room than was kept"))?
            }
        };

        let state_at = places.get(behind.len()).map(|place| place.0);
        let arena = shares.used.iter().enumerate().map(|(ram, used)| {
            // What lasts is no part of the arena.
            match places.get(behind.len()) {
                Some((at, offset)) if *at == ram => *offset,
                _ => *used,
            }
        });
        let arena: Vec<usize> = arena.collect();
        let (starts, end) = starts(arena.iter().copied());
        let mut layout = Self {
            arena_bytes: match whole {
                true => shares.used[0],
                false => end,
            },
            state_bytes: state.bytes,
            kept: state.kept,
            parts: Vec::new(),
            held: Vec::new(),
            graphs,
        };
        let entries = units.iter().filter(|unit| roots.contains(&unit.index));
        let entries: Vec<_> = entries
            .map(|unit| (unit.index, unit.graph, calls.is_overlaid(unit.index)))
            .collect();
        let behind_all = (layout.arena_bytes, options.alignment.max(ALIGNMENT));
        layout.held = held(&entries, options.buffers, behind_all).ok_or_else(too_large)?;
        for (ram, at) in rams.iter().zip(0..) {
            layout.parts.push(Part {
                ram: ram.clone(),
                offset: starts[at],
                arena_bytes: arena[at],
                state_bytes: match state_at {
                    Some(ram) if ram == at => state.bytes,
                    _ => 0,
                },
            });
        }
        let of_entered = entered.iter().map(|unit| unit.index);
        for index in of_entered {
            if let Some(placed) = layout.graphs.get_mut(&index) {
                placed.plan.move_memories(&layout.parts);
            }
        }
        for (index, (ram, offset)) in behind.iter().zip(&places) {
            if let Some(placed) = layout.graphs.get_mut(index) {
                placed.base = starts[*ram] + offset;
            }
        }
        // Callers come behind those that they call.
        for unit in units.iter().rev() {
            for operator in 0..unit.graph.operators.len() {
                let callees = callees(unit.graph, operator).into_iter();
                for callee in callees.filter(|callee| calls.is_inside(callee)) {
                    let base = layout.graphs.get(&unit.index).map(|p| p.inner(operator));
                    if let (Some(base), Some(placed)) = (base, layout.graphs.get_mut(&callee)) {
                        placed.base = base;
                    }
                }
            }
        }
        Ok(layout)
    }

    /// A subgraph's plan; `None` if it is none of those that were laid out.
    pub fn graph(&self, index: usize) -> Option<&Placed> {
        self.graphs.get(&index)
    }

    /// One of the caller's buffers, by the subgraph and its number.
    pub fn held(&self, graph: usize, number: usize) -> Option<&Held> {
        let mut held = self.held.iter();
        held.find(|held| held.graph == graph && held.number == number)
    }

    /// The place of something that lasts, within the state.
    pub fn kept(&self, kept: Kept) -> Option<Region> {
        self.kept.get(&kept).copied()
    }
}

/// Who is called, and by how many.
struct Calls {
    /// Operators that call a subgraph; more than one for an entry point.
    sites: HashMap<usize, usize>,
    /// Entry points that nobody calls.
    overlaid: HashSet<usize>,
}

impl Calls {
    fn new(units: &[Unit<'_>], roots: &[usize]) -> Self {
        let mut sites: HashMap<usize, usize> = roots.iter().map(|root| (*root, 2)).collect();
        let mut overlaid: HashSet<usize> = roots.iter().copied().collect();
        for callee in units.iter().flat_map(|unit| all_callees(unit.graph)) {
            *sites.entry(callee).or_default() += 1;
            overlaid.remove(&callee);
        }
        Self { sites, overlaid }
    }

    /// Whether a subgraph lies in the working memory of the operator that calls it.
    fn is_inside(&self, index: &usize) -> bool {
        self.sites.get(index) == Some(&1)
    }

    /// Whether a subgraph lies over others.
    fn is_overlaid(&self, index: usize) -> bool {
        self.overlaid.contains(&index)
    }

    /// Plans subgraphs, each after those that it calls, in memories of which so much is held for others.
    fn plan(
        &self,
        units: &[&Unit<'_>],
        graphs: &mut HashMap<usize, Placed>,
        rams: (&[TargetMemory], &[usize]),
        options: &PlanOptions,
    ) -> Result<()> {
        for unit in units {
            let inner = |operator: usize| {
                let callees = callees(unit.graph, operator).into_iter();
                let inside = callees.filter(|callee| self.is_inside(callee));
                let inside = inside.filter_map(|callee| Some(graphs.get(&callee)?.plan.peak_bytes));
                inside.max().filter(|bytes| *bytes > 0)
            };
            let placed = Placed::new(unit, inner, rams, options);
            let placed = placed.map_err(|e| e.in_subgraph(unit.index))?;
            graphs.insert(unit.index, placed);
        }
        Ok(())
    }
}

/// How much of each memory is taken. Of an arena that is one, it is one without an end.
struct Shares {
    capacity: Vec<usize>,
    used: Vec<usize>,
    /// From the fastest on.
    order: Vec<usize>,
}

impl Shares {
    fn new(rams: &[TargetMemory], used: Vec<usize>) -> Self {
        let mut order: Vec<usize> = (0..used.len()).collect();
        sorted::positions_by_key(&mut order, |at| rams.get(at).map(|ram| ram.speed));
        let capacity = |at: usize| rams.get(at).map_or(usize::MAX / 2, |ram| ram.bytes);
        Self {
            capacity: (0..used.len()).map(capacity).collect(),
            used,
            order,
        }
    }

    /// With runs of so many bytes behind the rest, each in the fastest memory that has room or in the one that was found for it, and where these
    /// lie; `None` if there is no room.
    fn with(
        mut self,
        runs: &[usize],
        found: Option<&[(usize, usize)]>,
    ) -> Option<(Self, Vec<(usize, usize)>)> {
        let mut places = Vec::new();
        for (run, bytes) in runs.iter().enumerate() {
            let found = found.and_then(|found| found.get(run));
            let mut order = self
                .order
                .iter()
                .filter(|at| found.is_none_or(|f| f.0 == **at));
            let place = order.find_map(|at| {
                let offset = match bytes {
                    0 => self.used[*at],
                    _ => self.used[*at].checked_next_multiple_of(ALIGNMENT)?,
                };
                let end = offset.checked_add(*bytes)?;
                (end <= self.capacity[*at]).then_some((*at, offset))
            })?;
            self.used[place.0] = place.1 + bytes;
            places.push(place);
        }
        Some((self, places))
    }
}

/// What entry points take of each memory.
fn used_of(units: &[&Unit<'_>], graphs: &HashMap<usize, Placed>, rams: usize) -> Vec<usize> {
    let mut used = vec![0; rams];
    for placed in units.iter().filter_map(|unit| graphs.get(&unit.index)) {
        for (used, memory) in used.iter_mut().zip(&placed.plan.memories) {
            *used = memory.bytes.max(*used);
        }
    }
    used
}

/// The memory of what lasts.
struct State {
    kept: HashMap<Kept, Region>,
    bytes: usize,
}

impl State {
    /// Gives a place to all that lasts.
    fn new(units: &[Unit<'_>], variables: &[usize], ready: bool) -> Result<Self> {
        let mut state = Self {
            kept: HashMap::new(),
            bytes: 0,
        };
        for (number, bytes) in variables.iter().enumerate() {
            state.keep(Kept::Variable(number), *bytes)?;
        }
        for unit in units {
            for (id, tensor) in (0..).zip(&unit.graph.tensors) {
                if tensor.is_variable && !tensor.is_constant() {
                    state.keep(Kept::Tensor(unit.index, TensorId(id)), tensor.bytes())?;
                }
            }
        }
        let of_operators = units.iter().flat_map(|unit| &unit.memory);
        for (kept, bytes) in of_operators.flat_map(|memory| &memory.kept) {
            if !state.kept.contains_key(kept) {
                state.keep(*kept, *bytes)?;
            }
        }
        if ready {
            state.keep(Kept::Ready, 1)?;
        }
        Ok(state)
    }

    fn keep(&mut self, kept: Kept, bytes: usize) -> Result<()> {
        let alignment = bytes.next_power_of_two().min(ALIGNMENT);
        let offset = match bytes {
            // Whatever its elements are, nothing is aligned at the start.
            0 => 0,
            _ => self.bytes.next_multiple_of(alignment),
        };
        let end = offset.checked_add(bytes);
        let end = end.map(|end| end.max(self.bytes));
        self.bytes = end
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
        (rams, held): (&[TargetMemory], &[usize]),
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
        let plan = match rams.is_empty() {
            true => Plan::new(unit.graph, |_, operator| memory[operator].clone(), options)?,
            false => Plan::in_memories(unit.graph, &memory, &unit.work, rams, held, options)?,
        };
        Ok(Self {
            plan,
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

fn too_small(runs: &[usize], rams: &[TargetMemory]) -> Diagnostic {
    let rooms = rams
        .iter()
        .map(|ram| format!("{} bytes of {}", ram.bytes, ram.name));
    let bytes = runs.iter().copied().max().unwrap_or(0);
    Diagnostic::new(
        "what lasts from run to run, or what subgraphs share, fits none of the memories",
    )
    .expected(format_args!(
        "at most {}",
        rooms.collect::<Vec<_>>().join(", ")
    ))
    .found(format_args!("{bytes} bytes that have to lie in one memory"))
}
