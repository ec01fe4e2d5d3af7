//! An arena in several memories: which run of bytes lies in which.
//!
//! The memories of a plan lie one behind the other in one range of addresses, so that whatever follows the plan sees one arena, as of
//! any model: only who gives a memory its place has to know where one ends. A run lies in one memory, and runs share bytes only within
//! one. Memories are filled from the fastest on, with the runs that are touched most for each byte and step that they take.

use std::cmp::Reverse;
use std::fmt;

#[cfg(feature = "text")]
use serde::Serialize;

use super::alloc::{Allocation, Buffer, Overlap, allocate_overlapping};
use super::attempt::chosen_order;
use super::layout::Part;
use super::lifetime::{Lifetimes, Reuse};
use super::memory::OpMemory;
use super::values::{Sharing, Values};
use super::{Budget, Plan, PlanOptions, PlannedMemory, Region};
use crate::error::{Diagnostic, Result};
use crate::graph::{Graph, TensorId};
use crate::sorted;

/// The largest alignment that data needs: where memories begin.
const ALIGNMENT: usize = 16;
/// The part of the budget that packing one memory may spend: one in this many.
const SHARE: u64 = 64;
/// How often one run is taken out of a memory that is too small, before all that do not fit are.
const ROUNDS: usize = 16;

/// A memory that a target has, of which a model may have so much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetMemory {
    /// What the user calls it: a word in Rust and in C.
    pub name: String,
    /// How much of it the model may take.
    pub bytes: usize,
    /// How fast it is.
    pub speed: Speed,
    /// What a model has there.
    pub kind: MemoryKind,
    /// The linker section that puts data there, where whoever knows the memory knows that, too.
    pub section: Option<String>,
}

/// What of a model a memory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MemoryKind {
    /// Arena and state.
    #[default]
    Ram,
    /// Weights and other constants, which whoever programs or starts the target puts there.
    Rom,
}

/// How fast a memory is, compared with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[cfg_attr(feature = "text", derive(Serialize), serde(rename_all = "snake_case"))]
pub enum Speed {
    /// Tightly coupled to the processor.
    Fast,
    /// As most memory.
    #[default]
    Normal,
    /// Outside of the chip.
    Slow,
}

impl Speed {
    /// The name, as users write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Normal => "normal",
            Self::Slow => "slow",
        }
    }

    /// What touching a byte costs, to compare plans.
    fn cost(self) -> u64 {
        match self {
            Self::Fast => 1,
            Self::Normal => 2,
            Self::Slow => 8,
        }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Plan {
    /// As [`Plan::new`], for an arena in several memories. `work` says how many operations each operator has, `held` how much of each memory is not
    /// for it.
    ///
    /// # Errors
    /// As of [`Plan::new`], or if the runs do not fit the memories.
    pub(super) fn in_memories(
        graph: &Graph,
        memory: &[OpMemory],
        work: &[u64],
        rams: &[TargetMemory],
        held: &[usize],
        options: &PlanOptions,
    ) -> Result<Self> {
        super::check(graph, memory, options.alignment)?;
        let problem = Problem {
            graph,
            memory,
            work,
            options,
        };
        let sharings = super::sharings(memory, options);
        let free = rams.iter().zip(held).map(|(ram, held)| TargetMemory {
            bytes: ram.bytes.saturating_sub(held.next_multiple_of(ALIGNMENT)),
            ..ram.clone()
        });
        let mut free: Vec<TargetMemory> = free.collect();
        if let Some(plan) = problem.best(&sharings, &free, Goal::Touches) {
            return Ok(plan);
        }
        // What the largest would have to have.
        let largest = (0..rams.len()).max_by_key(|ram| rams[*ram].bytes);
        let largest = largest.unwrap_or(0);
        for ram in free.iter_mut().skip(largest).take(1) {
            ram.bytes = usize::MAX / 2;
        }
        let plan = problem.best(&sharings, &free, Goal::BytesOf(largest));
        let plan = plan.ok_or_else(|| Diagnostic::fault("no plan was attempted"))?;
        Err(too_small(&plan, rams, (largest, held)).into())
    }

    /// The memory that a region lies in.
    #[must_use]
    pub fn memory_of(&self, region: Region) -> Option<&PlannedMemory> {
        let holds = |memory: &&PlannedMemory| {
            let end = memory.offset + memory.bytes;
            (memory.offset..end).contains(&region.offset)
        };
        self.memories.iter().find(holds)
    }

    /// Lets memories begin where those of all plans of a model do, with whatever lies in them.
    pub(super) fn move_memories(&mut self, parts: &[Part]) {
        let memories = self.memories.clone();
        let moved = |offset: &mut usize| {
            let mut at = memories.iter().zip(parts);
            let found = at.find(|(m, _)| (m.offset..m.offset + m.bytes).contains(offset));
            if let Some((memory, part)) = found {
                *offset = *offset - memory.offset + part.offset;
            }
        };
        for tensor in &mut self.tensors {
            if let super::Location::Arena { offset, .. } = &mut tensor.location {
                moved(offset);
            }
        }
        let scratch = self.operators.iter_mut().flat_map(|op| &mut op.scratch);
        scratch.for_each(|region| moved(&mut region.offset));
        self.buffers.iter_mut().for_each(|b| moved(&mut b.offset));
        self.output_copies
            .iter_mut()
            .for_each(|c| moved(&mut c.offset));
        for (memory, part) in self.memories.iter_mut().zip(parts) {
            memory.offset = part.offset;
            memory.capacity_bytes = part.ram.bytes;
        }
    }
}

/// Where memories begin that take so many bytes, one behind the other, and where the last ends.
pub(super) fn starts(bytes: impl IntoIterator<Item = usize>) -> (Vec<usize>, usize) {
    let mut end = 0;
    let starts = bytes.into_iter().map(|bytes| {
        let start = end;
        end = (start + bytes).next_multiple_of(ALIGNMENT);
        start
    });
    (starts.collect(), end)
}

/// The runs that do not fit, by a plan for which one of the memories has all the bytes that it wants.
fn too_small(
    plan: &Plan,
    rams: &[TargetMemory],
    (enlarged, held): (usize, &[usize]),
) -> Diagnostic {
    let list = rams
        .iter()
        .map(|r| format!("{} bytes of {}", r.bytes, r.name));
    let wanted = plan.memories.get(enlarged).map_or(0, |memory| memory.bytes);
    let held = held
        .get(enlarged)
        .map_or(0, |held| held.next_multiple_of(ALIGNMENT));
    let wanted = wanted + held;
    let name = rams.get(enlarged).map_or("", |ram| &*ram.name);
    let problem = Diagnostic::new("the arena does not fit the memories")
        .expected(format_args!("at most {}", list.collect::<Vec<_>>().join(", ")))
        .found(format_args!(
            "with {wanted} bytes of {name} it would fit, the least that castiron finds"
        ))
        .help("let the model have more of a memory, add a memory, or make the tensors of this operator smaller; `castiron plan` draws them");
    // The largest run where that memory ends tells most.
    let Some(memory) = plan.memories.get(enlarged) else {
        return problem;
    };
    let end = memory.offset + memory.bytes;
    let highest = plan.buffers.iter().filter(|buffer| {
        let buffer_end = (buffer.offset + buffer.bytes).next_multiple_of(plan.alignment.max(1));
        buffer.bytes > 0 && buffer.offset >= memory.offset && buffer_end == end
    });
    let Some(run) = highest.max_by_key(|buffer| buffer.bytes) else {
        return problem;
    };
    let named = run.tensors.first().and_then(|t| plan.tensors.get(*t));
    let problem = match named {
        Some(tensor) => problem.at_tensor(tensor.index, &tensor.name),
        None => problem,
    };
    // Inputs are there before the first operator runs.
    let at = plan.positions.get(run.first.saturating_sub(1));
    match at.and_then(|at| plan.operators.get(*at)) {
        Some(operator) => problem.at_operator(operator.index, &operator.name),
        None => problem,
    }
}

/// Whose runs of bytes are to lie in memories.
struct Problem<'a> {
    graph: &'a Graph,
    memory: &'a [OpMemory],
    work: &'a [u64],
    options: &'a PlanOptions,
}

impl Problem<'_> {
    /// The best plan of those that fit.
    fn best(&self, sharings: &[Sharing], rams: &[TargetMemory], goal: Goal) -> Option<Plan> {
        let mut best: Option<(u64, Plan)> = None;
        for sharing in sharings {
            let values = Values::new(self.graph, self.memory, *sharing, self.options.buffers);
            let (chosen, _) = chosen_order(self.graph, &values, self.memory, self.options);
            for reuse in self.reuses() {
                let lifetimes = Lifetimes::new(
                    self.graph,
                    &values,
                    self.memory,
                    &chosen,
                    self.options.alignment,
                    *reuse,
                );
                let runs = Runs {
                    buffers: &lifetimes.buffers,
                    overlaps: &lifetimes.overlaps,
                    touches: self.touches(&values, &lifetimes),
                    rams,
                    goal,
                    alignment: self.options.alignment,
                    budget: &self.options.budget,
                };
                let Some(assigned) = runs.assigned() else {
                    continue;
                };
                let (cost, allocation) = (assigned.cost, runs.allocation(&assigned));
                if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                    let order = chosen.clone();
                    let is_only = order.len() <= 1;
                    let mut plan = Plan::assemble(
                        self.graph,
                        &values,
                        order,
                        is_only,
                        &lifetimes,
                        &allocation,
                        self.options,
                    );
                    plan.memories = assigned.memories(rams);
                    best = Some((cost, plan));
                }
            }
        }
        best.map(|(_, plan)| plan)
    }

    fn reuses(&self) -> &'static [Reuse] {
        match (self.options.in_place, self.options.overlap) {
            (false, _) => &[Reuse::Nothing],
            (true, false) => &[Reuse::Whole, Reuse::Nothing],
            (true, true) => &[
                Reuse::WholeOrSome,
                Reuse::Some,
                Reuse::Whole,
                Reuse::Nothing,
            ],
        }
    }

    /// How often the bytes of each buffer are read or written in a run, roughly: an operator's operations go to its working memory or, if it
    /// has none, to its inputs. All else is touched once.
    fn touches(&self, values: &Values, lifetimes: &Lifetimes) -> Vec<u64> {
        let mut touches = vec![0u64; lifetimes.buffers.len()];
        let mut touch = |buffer: usize, times: u64| {
            let all = times.max(lifetimes.buffers[buffer].bytes as u64);
            touches[buffer] = touches[buffer].saturating_add(all);
        };
        let buffer_of = |id: TensorId| values.group(id).map(|group| lifetimes.group[group]);
        for (index, operator) in self.graph.operators.iter().enumerate() {
            let work = self.work.get(index).copied().unwrap_or(0);
            let scratch = &lifetimes.scratch[index];
            let of_inputs = match scratch.is_empty() {
                true => work,
                false => 0,
            };
            scratch.iter().for_each(|buffer| touch(*buffer, work));
            let inputs = operator.inputs.iter().flatten();
            let inputs = inputs.filter_map(|id| buffer_of(*id));
            inputs.for_each(|buffer| touch(buffer, of_inputs));
            let outputs = operator.outputs.iter().filter_map(|id| buffer_of(*id));
            outputs.for_each(|buffer| touch(buffer, 0));
        }
        touches
    }
}

/// Runs of bytes, and the memories that they are to lie in.
struct Runs<'a> {
    buffers: &'a [Buffer],
    overlaps: &'a [Overlap],
    touches: Vec<u64>,
    rams: &'a [TargetMemory],
    goal: Goal,
    alignment: usize,
    budget: &'a Budget,
}

/// What makes a plan better than another.
#[derive(Clone, Copy)]
enum Goal {
    /// That what is touched often lies in fast memories.
    Touches,
    /// That it takes few bytes of a memory.
    BytesOf(usize),
}

/// Where each run lies: its memory, and its offset there.
struct Assigned {
    places: Vec<(usize, usize)>,
    /// Bytes that each memory needs.
    used: Vec<usize>,
    cost: u64,
}

impl Assigned {
    fn memories(&self, rams: &[TargetMemory]) -> Vec<PlannedMemory> {
        let (starts, _) = starts(self.used.iter().copied());
        let memories = rams.iter().zip(starts).zip(&self.used);
        let memories = memories.map(|((ram, offset), bytes)| PlannedMemory {
            name: ram.name.clone(),
            speed: ram.speed,
            capacity_bytes: ram.bytes,
            offset,
            bytes: *bytes,
        });
        memories.collect()
    }
}

/// Runs that share a memory, with offsets.
struct Packed {
    runs: Vec<usize>,
    offsets: Vec<usize>,
    peak: usize,
}

impl Runs<'_> {
    /// What is touched most goes to the fastest memory; where that does not fit, what is largest finds its place first.
    fn assigned(&self) -> Option<Assigned> {
        let span = |run: &Buffer| (run.last + 1).saturating_sub(run.first).max(1);
        let mut most_touched: Vec<usize> = (0..self.buffers.len()).collect();
        sorted::positions_by_key(&mut most_touched, |at| {
            let run = &self.buffers[at];
            let taken = (run.bytes.max(1) as u128).saturating_mul(span(run) as u128);
            Reverse((u128::from(self.touches[at]) << 32) / taken)
        });
        let mut largest: Vec<usize> = (0..self.buffers.len()).collect();
        sorted::positions_by_key(&mut largest, |at| {
            let run = &self.buffers[at];
            Reverse((run.bytes, span(run)))
        });
        let mut fastest: Vec<usize> = (0..self.rams.len()).collect();
        sorted::positions_by_key(&mut fastest, |ram| self.rams[ram].speed);
        let mut roomiest: Vec<usize> = (0..self.rams.len()).collect();
        sorted::positions_by_key(&mut roomiest, |ram| Reverse(self.rams[ram].bytes));
        let ways = [
            (&most_touched, &fastest),
            (&largest, &fastest),
            (&largest, &roomiest),
        ];
        let mut found = ways
            .iter()
            .filter_map(|(runs, rams)| self.filled(runs, rams));
        match self.goal {
            Goal::Touches => found.next(),
            Goal::BytesOf(_) => found.min_by_key(|assigned| assigned.cost),
        }
    }

    /// Fills one memory after the other with what comes first of the rest; `None` if something is left.
    fn filled(&self, runs: &[usize], rams: &[usize]) -> Option<Assigned> {
        let mut places = vec![(0, 0); self.buffers.len()];
        let mut used = vec![0; self.rams.len()];
        let mut cost = 0u64;
        let is_any = |run: &&usize| self.buffers[**run].bytes > 0;
        let mut left: Vec<usize> = runs.iter().filter(is_any).copied().collect();
        for ram in rams {
            let unit = self.alignment.max(ALIGNMENT);
            let packed = self.as_many(&left, self.rams[*ram].bytes / unit * unit);
            for (run, offset) in packed.runs.iter().zip(packed.offsets) {
                places[*run] = (*ram, offset);
                let of_run = self.touches[*run].saturating_mul(self.rams[*ram].speed.cost());
                cost = cost.saturating_add(of_run);
            }
            used[*ram] = packed.peak;
            let mut taken = vec![false; self.buffers.len()];
            packed.runs.iter().for_each(|run| taken[*run] = true);
            left.retain(|run| !taken[*run]);
        }
        if let Goal::BytesOf(ram) = self.goal {
            cost = used[ram] as u64;
        }
        left.is_empty().then_some(Assigned { places, used, cost })
    }

    /// As many of the first runs as fit.
    fn as_many(&self, runs: &[usize], room: usize) -> Packed {
        let all = self.packed(runs.to_vec(), room);
        if all.peak <= room {
            return all;
        }
        let steps = self.buffers.iter().map(|run| run.last + 1).max();
        let mut live = vec![0usize; steps.unwrap_or(0)];
        let mut chosen: Vec<usize> = Vec::new();
        for at in runs {
            let run = &self.buffers[*at];
            let bytes = run.bytes.next_multiple_of(self.alignment);
            let Some(steps) = live.get_mut(run.first..=run.last) else {
                continue;
            };
            if steps.iter().all(|live| live.saturating_add(bytes) <= room) {
                steps.iter_mut().for_each(|live| *live += bytes);
                chosen.push(*at);
            }
        }
        for _ in 0..ROUNDS {
            let packed = self.packed(chosen, room);
            let outside = |at: &usize| {
                let end = packed.offsets[*at] + self.buffers[packed.runs[*at]].bytes;
                end > room
            };
            let Some(last) = (0..packed.runs.len()).rev().find(outside) else {
                return packed;
            };
            chosen = packed.runs;
            chosen.remove(last);
        }
        let packed = self.packed(chosen, room);
        let within = packed.runs.iter().zip(&packed.offsets);
        let within = within.filter(|(run, offset)| *offset + self.buffers[**run].bytes <= room);
        let (runs, offsets): (Vec<usize>, Vec<usize>) = within.unzip();
        let ends = runs.iter().zip(&offsets);
        let peak = ends.map(|(run, offset)| offset + self.buffers[*run].bytes);
        let peak = peak.max().unwrap_or(0).next_multiple_of(self.alignment);
        Packed {
            peak: peak.min(room),
            runs,
            offsets,
        }
    }

    /// Offsets of runs in a memory, as low as a short search finds where it has to be lower.
    fn packed(&self, runs: Vec<usize>, room: usize) -> Packed {
        let buffers: Vec<Buffer> = runs.iter().map(|run| self.buffers[*run]).collect();
        let mut position = vec![usize::MAX; self.buffers.len()];
        for (at, run) in runs.iter().enumerate() {
            position[*run] = at;
        }
        let within = self.overlaps.iter().filter_map(|overlap| {
            let [input, output] = [overlap.input, overlap.output].map(|run| position[run]);
            (input.max(output) < usize::MAX).then_some(Overlap {
                input,
                output,
                ..*overlap
            })
        });
        let overlaps: Vec<Overlap> = within.collect();
        let pack = |steps| {
            let budget = Budget {
                steps,
                ..*self.budget
            };
            allocate_overlapping(&buffers, &overlaps, self.alignment, &budget)
        };
        let mut allocation = pack(0);
        if allocation.lower_bound_bytes <= room && allocation.peak_bytes > room {
            allocation = pack(self.budget.steps / SHARE);
        }
        Packed {
            runs,
            offsets: allocation.offsets,
            peak: allocation.peak_bytes,
        }
    }

    /// The same as offsets in one range of addresses.
    fn allocation(&self, assigned: &Assigned) -> Allocation {
        let (starts, end) = starts(assigned.used.iter().copied());
        let places = assigned.places.iter().zip(self.buffers);
        let offsets = places.map(|((ram, offset), run)| match run.bytes {
            0 => 0,
            _ => starts[*ram] + offset,
        });
        let none = Budget {
            steps: 0,
            time: None,
        };
        let lower_bound_bytes =
            allocate_overlapping(self.buffers, self.overlaps, self.alignment, &none)
                .lower_bound_bytes;
        Allocation {
            offsets: offsets.collect(),
            peak_bytes: end,
            lower_bound_bytes,
            optimal: end == lower_bound_bytes,
        }
    }
}
