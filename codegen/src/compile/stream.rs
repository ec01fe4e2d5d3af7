//! Which operators run row by row.
//!
//! A chain is operators that can run so, each of which reads what others of it write, or all of them the same image. It is cut into operators that
//! run by themselves and streams, of which nobody else reads what lies within. First comes the least peak that any cut of any chain allows, then, of the cuts that stay below it, the one that moves the fewest bytes
//! in line buffers. Where a bound is lower than that, some operators of streams run [patch by patch](patches). Estimates say so; whether the model's peak is lower in the end, the planner says.

use std::collections::{HashMap, HashSet};

use super::patches::tries;
use crate::graph::{Graph, Patched, TensorId};
use crate::ops::stream::{Lines, Overwritten, Rowwise, stream, units};
use crate::plan::{OpMemory, OutputMemory, PlanOptions};

/// Operators of a stream at most. More lower no peak that is seen in models, and a search takes as long as their square.
const MOST_OPERATORS: usize = 16;
/// Rows that a search follows through its streams at most. Large networks have a quarter of it; a file of many operators and hardly any
/// bytes could have any number.
const MOST_TURNS: usize = 1 << 22;
/// The largest alignment that is of use; the plan says what is wrong with one.
const MOST_ALIGNED: usize = 1 << 16;

/// How chains of a graph can be cut.
pub(super) struct Cuts<'a> {
    search: Search<'a>,
    chains: Vec<Vec<Link>>,
    /// What each chain's parts cost.
    costs: Vec<Vec<Vec<Ways>>>,
    /// What operators outside of chains take.
    floor: usize,
    /// The least peak that any cut allows, as far as estimates say.
    pub(super) least: usize,
}

impl<'a> Cuts<'a> {
    /// `None` if nothing can run row by row, nor what reads an input that is to come `by_rows`, or there are too many rows to follow.
    pub(super) fn of(
        graph: &'a Graph,
        memory: &'a [OpMemory],
        by_rows: Option<TensorId>,
        options: &'a PlanOptions,
    ) -> Option<Self> {
        let live = Live::new(graph, by_rows, options)?;
        let chains = chains(graph);
        if chains.is_empty() || turns(&chains) > MOST_TURNS {
            return None;
        }
        let mut in_chain = vec![false; graph.operators.len()];
        for stage in chains.iter().flatten() {
            in_chain[stage.position] = true;
        }
        let search = Search {
            graph,
            memory,
            live,
            by_rows,
            options,
        };
        let others = (0..graph.operators.len()).filter(|position| !in_chain[*position]);
        let floor = others
            .map(|position| search.apart(position))
            .max()
            .unwrap_or(0);
        // Where no operator needs as much as one outside of all chains, there is nothing to gain.
        let is_high = |chain: &Vec<Link>| {
            let mut peaks = chain.iter().map(|link| search.apart(link.position));
            peaks.any(|peak| peak > floor) || chain.iter().any(|link| search.takes_rows(link))
        };
        let chains: Vec<Vec<Link>> = chains.into_iter().filter(is_high).collect();
        let costs: Vec<Vec<Vec<Ways>>> = chains.iter().map(|chain| search.costs(chain)).collect();
        let least = least(&costs, floor);
        // Where the input is to come by rows, and no stream can take it.
        (least < usize::MAX).then_some(Self {
            search,
            chains,
            costs,
            floor,
            least,
        })
    }

    /// The same where streams that take more than a bound may compute rows patch by patch.
    pub(super) fn patched(&self, bound: usize) -> Self {
        let tries = tries(turns(&self.chains));
        let chains = self.chains.iter().zip(&self.costs);
        let costs = chains.map(|(chain, costs)| {
            let of_start = |(start, costs): (usize, &Vec<Ways>)| {
                let of_length = |(at, ways): (usize, &Ways)| {
                    let links = &chain[start..start + at + 1];
                    let mut ways = ways.clone();
                    let streams = ways.iter().find(|cost| cost.is_stream);
                    let patched =
                        streams.and_then(|cost| self.search.patched(links, cost, bound, tries));
                    ways.extend(patched);
                    ways
                };
                costs.iter().enumerate().map(of_length).collect()
            };
            costs.iter().enumerate().map(of_start).collect()
        });
        let costs: Vec<Vec<Vec<Ways>>> = costs.collect();
        Self {
            search: self.search.clone(),
            chains: self.chains.clone(),
            floor: self.floor,
            least: least(&costs, self.floor),
            costs,
        }
    }

    /// The graph with streams by the cut that computes the fewest products again and then moves the fewest bytes, of those below a bound, or below
    /// the least peak if that is higher, and the positions that each of its operators had. `None` if all operators then run by themselves. Those of streams
    /// compute single rows at a turn, or, below another bound, several; `None` if none then does.
    pub(super) fn below(
        &self,
        bound: usize,
        several: Option<usize>,
    ) -> Option<(Graph, Vec<Vec<usize>>)> {
        let bound = bound.max(self.least);
        let mut groups: Vec<Group> = Vec::new();
        for (chain, costs) in self.chains.iter().zip(&self.costs) {
            for (start, cost) in cheapest(costs, bound) {
                let links = &chain[start..start + cost.operators];
                let several = several.filter(|_| cost.patched.is_empty());
                let at_once = match several {
                    Some(bound) => self.search.at_once(links, bound),
                    None => vec![1; links.len()],
                };
                groups.push(Group {
                    positions: links.iter().map(|link| link.position).collect(),
                    patched: cost.patched.clone(),
                    at_once,
                });
            }
        }
        let are_single = |group: &Group| group.at_once.iter().all(|count| *count == 1);
        match several.is_some() && groups.iter().all(are_single) || groups.is_empty() {
            true => None,
            false => replaced(self.search.graph, &groups, self.search.by_rows),
        }
    }
}

/// Rows that a search follows through the parts of chains.
fn turns(chains: &[Vec<Link>]) -> usize {
    let parts = MOST_OPERATORS * (MOST_OPERATORS + 1) / 2;
    let turns = chains.iter().flatten();
    let turns = turns.map(|link| link.rowwise.given() * parts);
    turns.fold(0, usize::saturating_add)
}

/// The least peak of all chains.
fn least(costs: &[Vec<Vec<Ways>>], floor: usize) -> usize {
    let peaks = costs.iter().map(|costs| least_peak(costs));
    peaks.fold(floor, usize::max)
}

/// Operators that become a stream.
struct Group {
    positions: Vec<usize>,
    patched: Vec<Patched>,
    at_once: Vec<usize>,
}

/// An operator of a chain.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) position: usize,
    pub(super) rowwise: Rowwise,
}

/// Chains, as long as they are.
fn chains(graph: &Graph) -> Vec<Vec<Link>> {
    // By tensor: the chain that writes it, or whose first operator reads it.
    let mut of_tensor: HashMap<TensorId, usize> = HashMap::new();
    let mut chains: Vec<Vec<Link>> = Vec::new();
    for (position, operator) in graph.operators.iter().enumerate() {
        let Some(rowwise) = Rowwise::of(graph, operator) else {
            continue;
        };
        let mut before = rowwise.inputs.iter().map(|input| of_tensor.get(input));
        let first = before.next().flatten().copied();
        let at = match first.filter(|first| before.all(|other| other == Some(first))) {
            Some(chain) => chain,
            None => {
                chains.push(Vec::new());
                let at = chains.len() - 1;
                let first = rowwise.inputs.first().copied();
                first.map(|first| of_tensor.entry(first).or_insert(at));
                at
            }
        };
        of_tensor.insert(rowwise.output, at);
        chains[at].push(Link { position, rowwise });
    }
    chains
}

/// Where tensors are live, in the file's order.
#[derive(Clone)]
struct Live {
    /// Bytes of each tensor, rounded up; 0 for those without a place.
    bytes: Vec<usize>,
    reads: Vec<usize>,
    last: Vec<usize>,
    first: Vec<Option<usize>>,
    /// Bytes of all tensors live at an operator.
    at: Vec<usize>,
}

impl Live {
    /// `None` for an alignment that no plan has.
    fn new(graph: &Graph, by_rows: Option<TensorId>, options: &PlanOptions) -> Option<Self> {
        let alignment = options.alignment;
        if !alignment.is_power_of_two() || alignment > MOST_ALIGNED {
            return None;
        }
        let count = graph.tensors.len();
        let end = graph.operators.len();
        let bytes =
            graph
                .tensors
                .iter()
                .map(|tensor| match tensor.is_constant() || tensor.is_variable {
                    true => 0,
                    false => tensor.bytes().next_multiple_of(alignment),
                });
        let (mut reads, mut last, mut first) = (vec![0; count], vec![0; count], vec![None; count]);
        for id in &graph.inputs {
            first[id.index()] = Some(0);
        }
        for (position, operator) in graph.operators.iter().enumerate() {
            for id in &operator.outputs {
                first[id.index()].get_or_insert(position);
                last[id.index()] = last[id.index()].max(position);
            }
            for id in operator.inputs.iter().flatten() {
                reads[id.index()] += 1;
                last[id.index()] = position;
            }
        }
        for id in &graph.outputs {
            reads[id.index()] += 1;
            last[id.index()] = end;
        }
        let mut bytes: Vec<usize> = bytes.collect();
        let held = [
            (options.buffers.holds_inputs(), &graph.inputs),
            (options.buffers.holds_outputs(), &graph.outputs),
        ];
        let held = held.iter().filter(|(are_held, _)| *are_held);
        let held = held.flat_map(|(_, ids)| ids.iter().copied());
        for id in held.chain(by_rows) {
            bytes[id.index()] = 0;
        }
        let mut steps = vec![0isize; end + 2];
        for tensor in 0..count {
            if let Some(first) = first[tensor] {
                let bytes = isize::try_from(bytes[tensor]).ok()?;
                steps[first] = steps[first].checked_add(bytes)?;
                let end = &mut steps[last[tensor] + 1];
                *end = end.checked_sub(bytes)?;
            }
        }
        let mut sum = 0isize;
        let at = steps.into_iter().map(|step| {
            sum = sum.checked_add(step)?;
            Some(sum.max(0) as usize)
        });
        Some(Self {
            at: at.collect::<Option<_>>()?,
            bytes,
            reads,
            last,
            first,
        })
    }

    /// Whether nobody needs a tensor behind an operator.
    fn dies(&self, id: TensorId, position: usize) -> bool {
        self.last[id.index()] <= position
    }

    /// Whether a tensor is live at an operator.
    fn is_live(&self, id: TensorId, position: usize) -> bool {
        self.first[id.index()].is_some_and(|first| first <= position)
            && position <= self.last[id.index()]
    }

    /// Bytes live at an operator beside some tensors.
    fn beside(&self, position: usize, own: impl Iterator<Item = TensorId>) -> usize {
        let own: usize = own
            .filter(|id| self.is_live(*id, position))
            .map(|id| self.bytes[id.index()])
            .sum();
        self.at[position].saturating_sub(own)
    }
}

/// What operators of a chain cost, alone or as one stream.
#[derive(Debug, Clone)]
pub(super) struct Cost {
    pub(super) peak: usize,
    /// What of it no patch saves: what it reads and writes, and what is live beside it.
    pub(super) ends: usize,
    /// Multiply-accumulates that compute what was there before.
    pub(super) again: u64,
    /// Bytes that are moved.
    moved: usize,
    operators: usize,
    is_stream: bool,
    /// Those that compute rows patch by patch.
    pub(super) patched: Vec<Patched>,
}

#[derive(Clone)]
pub(super) struct Search<'a> {
    pub(super) graph: &'a Graph,
    memory: &'a [OpMemory],
    live: Live,
    by_rows: Option<TensorId>,
    options: &'a PlanOptions,
}

impl Search<'_> {
    /// Whether an operator reads an input that comes by rows.
    fn takes_rows(&self, link: &Link) -> bool {
        let input = |input: TensorId| link.rowwise.inputs.contains(&input);
        self.by_rows.is_some_and(input)
    }

    /// The peak of an operator by itself.
    fn apart(&self, position: usize) -> usize {
        let operator = &self.graph.operators[position];
        let memory = &self.memory[position];
        let bytes = |id: TensorId| self.live.bytes[id.index()];
        let at = |input: usize| operator.inputs.get(input).copied().flatten();
        let dies = |id: &TensorId| self.live.dies(*id, position);
        let mut saved = 0;
        for (output, id) in operator.outputs.iter().enumerate() {
            let written = bytes(*id);
            let shared = match memory.output(output) {
                OutputMemory::Alias(input) if self.options.alias => at(*input).map(bytes),
                OutputMemory::InPlace(inputs) if self.options.in_place => {
                    let mut inputs = inputs.iter().filter_map(|input| at(*input));
                    inputs
                        .find(|id| dies(id) && bytes(*id) == written)
                        .map(bytes)
                }
                OutputMemory::Overlap {
                    input,
                    distance,
                    step,
                } if self.options.in_place && self.options.overlap => {
                    // Both begin at multiples of the alignment.
                    let alignment = self.options.alignment;
                    let fits = alignment.is_multiple_of(*step)
                        || distance.is_multiple_of(alignment)
                        || *distance == 0 && at(*input).map(bytes) == Some(written);
                    let distance = distance.next_multiple_of(alignment);
                    let input = at(*input).filter(|id| fits && dies(id)).map(bytes);
                    let input = input.filter(|read| (*read).min(written) > 0);
                    input.map(|read| (read + written).saturating_sub(written.max(read + distance)))
                }
                _ => None,
            };
            saved += shared.unwrap_or(0);
        }
        let scratch: usize = memory.scratch.iter().sum();
        (self.live.at[position] + scratch).saturating_sub(saved)
    }

    /// The peak of a stream, and what it moves; `None` if the operators cannot be one. Some may compute rows patch by patch.
    pub(super) fn together(&self, links: &[Link], patched: &[Patched]) -> Option<Cost> {
        let (first, last) = (links.first()?, links.last()?);
        let (input, output) = (*first.rowwise.inputs.first()?, last.rowwise.output);
        let own: HashSet<TensorId> = (links.iter())
            .flat_map(|link| {
                link.rowwise
                    .inputs
                    .iter()
                    .copied()
                    .chain([link.rowwise.output])
            })
            .collect();
        // Nobody else reads what lies between them.
        let reads_within = |id: TensorId| {
            let inputs = links
                .iter()
                .flat_map(|link| &self.graph.operators[link.position].inputs);
            inputs.filter(|input| **input == Some(id)).count()
        };
        let mut between = links[..links.len() - 1].iter().map(|l| l.rowwise.output);
        if !between.all(|id| reads_within(id) == self.live.reads[id.index()]) {
            return None;
        }
        // Rows come once, for all who read them.
        let by_rows = self.takes_rows(first);
        let mut others = links.iter().skip(1);
        if match by_rows {
            true => {
                self.by_rows != Some(input) || reads_within(input) != self.live.reads[input.index()]
            }
            false => others.any(|link| self.takes_rows(link)),
        } {
            return None;
        }
        let stages: Vec<Rowwise> = links.iter().map(|link| link.rowwise.clone()).collect();
        let units = units(&stages, patched)?;
        let rowwise: Vec<Rowwise> = units.iter().map(|unit| unit.rowwise.clone()).collect();
        let working = units.iter().map(|unit| {
            let links = links[unit.operators.clone()].iter();
            let own = links.map(|link| self.memory[link.position].scratch.iter().sum::<usize>());
            own.max().unwrap_or(0) + unit.patches_bytes()
        });
        let working: Vec<usize> = working.collect();
        let overwritten = units.iter().map(|unit| match unit.patches_bytes() {
            0 => {
                let link = &links[unit.operators.start];
                let inputs = &self.graph.operators[link.position].inputs;
                let (own, memory) = (&link.rowwise, &self.memory[link.position]);
                own.overwritten(self.graph, memory, inputs, &own.inputs, own.made)
            }
            _ => Vec::new(),
        });
        let overwritten: Vec<Vec<Overwritten>> = overwritten.collect();
        let lines = Lines::new(&rowwise, &working, &overwritten, by_rows)?;
        let bytes = |id: TensorId| self.live.bytes[id.index()];
        let beside = links
            .iter()
            .map(|link| self.live.beside(link.position, own.iter().copied()));
        let may_overlap = self.options.in_place
            && self.options.overlap
            && self.live.dies(input, last.position)
            && bytes(input).min(bytes(output)) > 0;
        let ends = match may_overlap {
            _ if by_rows => bytes(output),
            true => (bytes(input) + lines.distance).max(bytes(output)),
            false => bytes(input) + bytes(output),
        };
        let again = units.iter().map(|unit| self.again(links, unit));
        let ends = beside.max().unwrap_or(0) + ends;
        Some(Cost {
            peak: ends + lines.bytes,
            ends,
            again: again.fold(0, u64::saturating_add),
            moved: lines.moved,
            operators: links.len(),
            is_stream: true,
            patched: patched.to_vec(),
        })
    }

    /// By the first link of a part and by its length, from 1: what it costs in each way.
    fn costs(&self, chain: &[Link]) -> Vec<Vec<Ways>> {
        let of_start = |start: usize| {
            let most = MOST_OPERATORS.min(chain.len() - start);
            let of_length = |length: usize| {
                let links = &chain[start..start + length];
                let may_be_alone = length == 1 && !self.takes_rows(&links[0]);
                let alone = may_be_alone.then(|| Cost {
                    peak: self.apart(links[0].position),
                    ends: 0,
                    again: 0,
                    moved: 0,
                    operators: 1,
                    is_stream: false,
                    patched: Vec::new(),
                });
                alone.into_iter().chain(self.together(links, &[])).collect()
            };
            (1..=most).map(of_length).collect()
        };
        (0..chain.len()).map(of_start).collect()
    }
}

/// An operator by itself, and streams.
type Ways = Vec<Cost>;

/// The least peak of any cut of a chain.
fn least_peak(costs: &[Vec<Ways>]) -> usize {
    let mut best = vec![usize::MAX; costs.len() + 1];
    best[costs.len()] = 0;
    for start in (0..costs.len()).rev() {
        let peaks = costs[start].iter().flatten().map(|cost| {
            let behind = best[start + cost.operators];
            cost.peak.max(behind)
        });
        best[start] = peaks.min().unwrap_or(usize::MAX);
    }
    best[0]
}

/// The streams of the cut that computes the fewest products again and moves the fewest bytes, of those with peaks up to a bound: where each begins.
fn cheapest(costs: &[Vec<Ways>], bound: usize) -> Vec<(usize, &Cost)> {
    // Products, bytes, operators of the first part, whether it is a stream, and what it costs.
    type Best<'a> = (u64, usize, usize, bool, Option<&'a Cost>);
    let worst: Best<'_> = (u64::MAX, usize::MAX, 1, false, None);
    let mut best = vec![worst; costs.len() + 1];
    best[costs.len()] = (0, 0, 0, false, None);
    for start in (0..costs.len()).rev() {
        let within = costs[start].iter().flatten();
        let sums = within.filter(|cost| cost.peak <= bound).map(|cost| {
            let (again, moved, ..) = best[start + cost.operators];
            let again = cost.again.saturating_add(again);
            let moved = cost.moved.saturating_add(moved);
            (again, moved, cost.operators, cost.is_stream, Some(cost))
        });
        let least = sums.min_by_key(|(again, moved, operators, is_stream, _)| {
            (*again, *moved, *operators, *is_stream)
        });
        best[start] = least.unwrap_or(worst);
    }
    let mut streams = Vec::new();
    let mut start = 0;
    while start < costs.len() {
        let (_, _, operators, is_stream, cost) = best[start];
        if let (true, Some(cost)) = (is_stream, cost) {
            streams.push((start, cost));
        }
        start += operators;
    }
    streams
}

/// The graph with each group as one operator, at the place of its last. What reads an input that comes `by_rows` is in one of them.
fn replaced(
    graph: &Graph,
    groups: &[Group],
    by_rows: Option<TensorId>,
) -> Option<(Graph, Vec<Vec<usize>>)> {
    let mut of_last: HashMap<usize, &Group> = HashMap::new();
    let mut is_gone = vec![false; graph.operators.len()];
    for group in groups {
        of_last.insert(*group.positions.last()?, group);
        for position in &group.positions {
            is_gone[*position] = true;
        }
    }
    let mut result = Graph {
        operators: Vec::new(),
        ..graph.clone()
    };
    let mut from = Vec::new();
    for (position, operator) in graph.operators.iter().enumerate() {
        if let Some(group) = of_last.get(&position) {
            let positions = &group.positions;
            let first = graph.operators[*positions.first()?].inputs.iter().flatten();
            let takes_rows = first.into_iter().any(|input| by_rows == Some(*input));
            let stream = stream(graph, positions, takes_rows, &group.patched, &group.at_once)?;
            result.operators.push(stream);
            from.push(positions.clone());
        } else if !is_gone[position] {
            let mut operator = operator.clone();
            operator.origin = graph.parts(position);
            result.operators.push(operator);
            from.push(vec![position]);
        }
    }
    Some((result, from))
}
