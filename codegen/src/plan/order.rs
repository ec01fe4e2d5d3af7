//! Choosing the order of operators that keeps the fewest bytes live.
//!
//! What is live after some operators have run depends on which have run and not on their
//! order, so the search walks over sets of operators, always on from the set reached with the
//! lowest peak so far. The first complete set it takes up has the lowest peak there is. An
//! operator that is ready, stays within the peak reached so far, or that every order comes to,
//! and frees at least what it adds can run at once: running it later cannot be better. One that only adds (it reads
//! nothing but constants, as DEQUANTIZE of weights does) can wait for its first reader. Where
//! sets are too many even so, heuristics take over. The file's order stays unless another is
//! lower.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::memory::OpMemory;
use super::values::{Group, Values};
use crate::graph::{DType, Graph};
use crate::sorted;

/// Work that one search may spend, in operators looked at: every set costs a look at each of
/// the graph's operators. Counted and not timed, so that every host finds the same order; about
/// two seconds of a build without optimisation, which is how procedural macros are compiled.
const MOST_WORK: usize = 6_000_000;

/// Sets of operators that one search over a graph of `operators` may look at.
pub fn most_sets(operators: usize) -> usize {
    (MOST_WORK / operators.max(1)).clamp(64, 200_000)
}

/// What all searches for one order may spend together, in operators and words looked at, and for
/// how many operators; of larger graphs less, as each look costs more. It ends searches that would
/// grow with the square of a graph's size, where the best order so far or the file's has to do.
const MOST_LOOKS: u64 = 256_000_000;
const SMALL: u64 = 1000;

/// Sets kept per number of operators when the exact search gives up.
const BEAM: usize = 48;

/// An order of operators, and whether no order keeps fewer bytes live.
pub struct Order {
    pub operators: Vec<usize>,
    pub optimal: bool,
}

/// Finds the order of operators with the lowest peak of live bytes, sizes rounded up to
/// `alignment`.
pub fn choose(
    graph: &Graph,
    values: &Values,
    memory: &[OpMemory],
    alignment: usize,
    in_place: bool,
    most_sets: usize,
) -> Order {
    let search = Search::new(graph, values, memory, alignment, in_place);
    let n = graph.operators.len();
    let file: Vec<usize> = (0..n).collect();
    let file_peak = search.peak(&file);
    if file_peak <= search.least() {
        return Order {
            operators: file,
            optimal: true,
        };
    }
    match search.walk(file_peak, First::LowestPeak, most_sets) {
        Walk::Found(operators) => Order {
            operators,
            optimal: true,
        },
        Walk::Nothing => Order {
            operators: file,
            optimal: true,
        },
        Walk::TooFar => search.descend(file, file_peak, most_sets),
    }
}

/// A set of operators.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Done(Box<[u64]>);

impl Done {
    fn has(&self, op: usize) -> bool {
        self.0[op / 64] >> (op % 64) & 1 == 1
    }

    fn add(&mut self, op: usize) {
        self.0[op / 64] |= 1 << (op % 64);
    }
}

/// Which set a walk goes on from.
#[derive(Clone, Copy)]
enum First {
    LowestPeak,
    FullestSet,
}

/// What a walk over sets came to.
enum Walk {
    Found(Vec<usize>),
    /// There is no such order.
    Nothing,
    /// The sets became too many.
    TooFar,
}

/// A set of operators that have run, and how it was reached.
struct Node {
    done: Done,
    count: usize,
    /// Bytes live after these operators.
    live: u64,
    /// The most bytes live up to here.
    peak: u64,
    /// The node before, and the operators that ran since.
    from: Option<(usize, Vec<usize>)>,
}

struct Search<'a> {
    graph: &'a Graph,
    values: &'a Values,
    memory: &'a [OpMemory],
    in_place: bool,
    /// Per group, in bytes rounded up to the alignment.
    sizes: Vec<u64>,
    scratch: Vec<u64>,
    /// Per operator: those that must have run before.
    needs: Vec<Vec<usize>>,
    /// Per operator: whether it runs right before the first operator that needs it.
    lazy: Vec<bool>,
    /// What is left of [`MOST_LOOKS`].
    looks: Cell<u64>,
}

impl<'a> Search<'a> {
    fn new(
        graph: &'a Graph,
        values: &'a Values,
        memory: &'a [OpMemory],
        alignment: usize,
        in_place: bool,
    ) -> Self {
        let up = |bytes: usize| (bytes.div_ceil(alignment) * alignment) as u64;
        let operators = graph.operators.len() as u64;
        let needs = dependencies(graph);
        let mut needed = vec![false; needs.len()];
        for &op in needs.iter().flatten() {
            needed[op] = true;
        }
        let adds_only = |op: usize| {
            let inputs = &graph.operators[op].inputs;
            needs[op].is_empty()
                && memory[op].scratch.is_empty()
                && inputs.iter().flatten().all(|&id| values.group(id).is_none())
                && !keeps_state(graph, op)
                && needed[op]
                // An output that nobody reads would be room taken for this step only.
                && values.touches[op].iter().all(|&g| {
                    let group = &values.groups[g];
                    group.output || group.touched_by.len() > 1
                })
        };
        let lazy = (0..graph.operators.len()).map(adds_only).collect();
        Self {
            graph,
            values,
            memory,
            in_place,
            sizes: values.groups.iter().map(|g| up(g.bytes)).collect(),
            scratch: memory
                .iter()
                .map(|m| m.scratch.iter().map(|&b| up(b)).sum())
                .collect(),
            needs,
            lazy,
            looks: Cell::new(MOST_LOOKS / SMALL.max(operators) * SMALL),
        }
    }

    fn spend(&self, looks: usize) {
        self.looks
            .set(self.looks.get().saturating_sub(looks as u64));
    }

    fn is_over(&self) -> bool {
        self.looks.get() == 0
    }

    fn start(&self) -> Node {
        // Inputs that no operator reads are live only while the caller fills them in.
        let sum = |keep: &dyn Fn(&Group) -> bool| -> u64 {
            let groups = self.values.groups.iter().zip(&self.sizes);
            groups.filter(|(g, _)| keep(g)).map(|(_, size)| size).sum()
        };
        Node {
            done: Done(vec![0; self.graph.operators.len().div_ceil(64)].into()),
            count: 0,
            live: sum(&|g| g.input && (!g.touched_by.is_empty() || g.output)),
            peak: sum(&|g| g.input).max(sum(&|g| g.output)),
            from: None,
        }
    }

    /// The start, with the peak that every order comes to: what stays within it does not count.
    fn least_start(&self) -> Node {
        Node {
            peak: self.least(),
            ..self.start()
        }
    }

    /// Bytes live while `op` runs where `live` are before, and afterwards. `left` gives how many of
    /// the operators that touch a group have not run; `op` is one of them.
    fn run(&self, live: u64, op: usize, left: impl Fn(usize) -> usize) -> (u64, u64) {
        let (mut during, mut after) = (live + self.scratch[op], live);
        let last = |group: usize| left(group) == 1;
        for &g in &self.values.touches[op] {
            let group = &self.values.groups[g];
            let exists = group.input || left(g) < group.touched_by.len();
            if !exists {
                during += self.sizes[g];
                after += self.sizes[g];
            }
            if last(g) && !group.output {
                after -= self.sizes[g];
            }
        }
        if self.in_place {
            let pairs = self.values.in_place(self.graph, op, &self.memory[op], last);
            for (output, _) in pairs {
                let id = self.graph.operators[op].outputs[output];
                during -= self.values.group(id).map_or(0, |g| self.sizes[g]);
            }
        }
        (during, after)
    }

    /// The node after `op`, and after the lazy operators it was waiting for.
    fn next(&self, node: &Node, at: usize, op: usize) -> Node {
        let mut next = Node {
            done: node.done.clone(),
            count: node.count,
            live: node.live,
            peak: node.peak,
            from: None,
        };
        let waiting = self.needs[op]
            .iter()
            .copied()
            .filter(|&o| !node.done.has(o));
        let ran: Vec<usize> = waiting.chain([op]).collect();
        self.spend(next.done.0.len());
        for &op in &ran {
            let (during, live) = self.run(next.live, op, |group| {
                let by = &self.values.groups[group].touched_by;
                self.spend(by.len());
                by.iter().filter(|&&o| !next.done.has(o)).count()
            });
            next.done.add(op);
            next.count += 1;
            next.live = live;
            next.peak = next.peak.max(during);
        }
        next.from = Some((at, ran));
        next
    }

    /// Peak of a whole order.
    fn peak(&self, order: &[usize]) -> u64 {
        let groups = self.values.groups.iter();
        let mut left: Vec<usize> = groups.map(|g| g.touched_by.len()).collect();
        let Node { live, peak, .. } = self.start();
        let (mut live, mut peak) = (live, peak);
        for &op in order {
            let (during, after) = self.run(live, op, |group| left[group]);
            peak = peak.max(during);
            live = after;
            for &group in &self.values.touches[op] {
                left[group] -= 1;
            }
        }
        peak
    }

    /// Bytes that every order needs: at the ends, and for the largest operator alone.
    fn least(&self) -> u64 {
        let alone = |op: usize| -> u64 {
            let touched: u64 = self.values.touches[op].iter().map(|&g| self.sizes[g]).sum();
            let saved: u64 = if self.in_place {
                let outputs = self.graph.operators[op].outputs.iter().enumerate();
                outputs
                    .filter(|(at, _)| !self.memory[op].output(*at).in_place().is_empty())
                    .filter_map(|(_, &id)| self.values.group(id))
                    .map(|g| self.sizes[g])
                    .sum()
            } else {
                0
            };
            (touched + self.scratch[op]).saturating_sub(saved)
        };
        let operators = (0..self.graph.operators.len())
            .map(alone)
            .max()
            .unwrap_or(0);
        self.start().peak.max(operators)
    }

    /// The nodes after the operators that may run after `node`: one alone if running it now cannot hurt.
    fn successors(&self, node: &Node, at: usize) -> Vec<Node> {
        self.spend(self.needs.len());
        let ready = (0..self.needs.len())
            .filter(|&op| !node.done.has(op) && !self.lazy[op])
            .filter(|&op| {
                self.needs[op]
                    .iter()
                    .all(|&o| node.done.has(o) || self.lazy[o])
            });
        let mut successors = Vec::new();
        for op in ready {
            let next = self.next(node, at, op);
            if self.is_over() || (next.peak <= node.peak && next.live <= node.live) {
                return vec![next];
            }
            successors.push(next);
        }
        successors
    }

    /// An order with a peak below `limit`. Taking sets up by their peak, it is the best one;
    /// taking them up by their size, it is one that is found soon.
    fn walk(&self, limit: u64, first: First, most_sets: usize) -> Walk {
        let mut nodes = vec![self.least_start()];
        let mut lowest: HashMap<Done, u64> = HashMap::new();
        let key = |node: &Node, at: usize| {
            let (missing, live) = (self.needs.len() - node.count, node.live);
            Reverse(match first {
                First::LowestPeak => (node.peak, missing as u64, at),
                First::FullestSet => (missing as u64, live, at),
            })
        };
        let mut queue = BinaryHeap::from([key(&nodes[0], 0)]);
        while let Some(Reverse((_, _, at))) = queue.pop() {
            if nodes[at].count == self.needs.len() {
                return Walk::Found(path(&nodes, at));
            }
            if lowest
                .get(&nodes[at].done)
                .is_some_and(|&p| p < nodes[at].peak)
            {
                continue;
            }
            for next in self.successors(&nodes[at], at) {
                if self.is_over() {
                    return Walk::TooFar;
                }
                if next.peak >= limit || lowest.get(&next.done).is_some_and(|&p| p <= next.peak) {
                    continue;
                }
                if nodes.len() >= most_sets {
                    return Walk::TooFar;
                }
                lowest.insert(next.done.clone(), next.peak);
                queue.push(key(&next, nodes.len()));
                nodes.push(next);
            }
        }
        Walk::Nothing
    }

    /// A low order where sets are too many to prove it the lowest: the beam's, and then what
    /// short walks find by halving the range between it and the least possible.
    fn descend(&self, file: Vec<usize>, file_peak: u64, most_sets: usize) -> Order {
        let mut best = self.beam(file_peak).unwrap_or(file);
        let mut low = self.least();
        let mut high = self.peak(&best);
        let mut refuted = low;
        while low < high {
            let limit = low + (high - low).div_ceil(2);
            match self.walk(limit, First::FullestSet, most_sets / 16) {
                Walk::Found(order) => {
                    high = self.peak(&order);
                    best = order;
                }
                Walk::Nothing => {
                    // No order has a peak below the limit.
                    refuted = refuted.max(limit);
                    low = limit;
                }
                Walk::TooFar => low = limit,
            }
        }
        Order {
            operators: best,
            optimal: high <= refuted,
        }
    }

    /// An order with a peak below `limit`, if following the best sets leads to one.
    fn beam(&self, limit: u64) -> Option<Vec<usize>> {
        let mut nodes = vec![self.least_start()];
        let mut front = vec![0];
        for _ in self.lazy.iter().filter(|&&lazy| !lazy) {
            let mut found: Vec<Node> = Vec::new();
            let mut seen: HashMap<Done, usize> = HashMap::new();
            for &at in &front {
                for next in self.successors(&nodes[at], at) {
                    if self.is_over() {
                        return None;
                    }
                    if next.peak >= limit {
                        continue;
                    }
                    match seen.get(&next.done) {
                        Some(&same) if found[same].peak <= next.peak => {}
                        Some(&same) => found[same] = next,
                        None => {
                            seen.insert(next.done.clone(), found.len());
                            found.push(next);
                        }
                    }
                }
            }
            sorted::by_key(&mut found, |node| (node.peak, node.live));
            found.truncate(BEAM);
            front = (nodes.len()..nodes.len() + found.len()).collect();
            nodes.extend(found);
        }
        front.first().map(|&at| path(&nodes, at))
    }
}

/// The operators that lead to a node.
fn path(nodes: &[Node], mut at: usize) -> Vec<usize> {
    let mut order = Vec::with_capacity(nodes[at].count);
    while let Some((before, ran)) = &nodes[at].from {
        order.extend(ran.iter().rev());
        at = *before;
    }
    order.reverse();
    order
}

/// Per operator: the producers of its inputs, and the last operator before it that keeps
/// state, if it does itself.
pub fn dependencies(graph: &Graph) -> Vec<Vec<usize>> {
    let mut producer: Vec<Option<usize>> = vec![None; graph.tensors.len()];
    let mut stateful = None;
    let mut needs = Vec::with_capacity(graph.operators.len());
    for (index, op) in graph.operators.iter().enumerate() {
        let mut before: Vec<usize> = op
            .inputs
            .iter()
            .flatten()
            .filter_map(|id| producer[id.index()])
            .collect();
        if keeps_state(graph, index) {
            before.extend(stateful.replace(index));
        }
        for id in &op.outputs {
            // A tensor with several writers keeps them in the file's order.
            before.extend(producer[id.index()].replace(index));
        }
        before.sort_unstable();
        before.dedup();
        needs.push(before);
    }
    needs
}

/// Whether operators run in the file's order or not at all: each needs the one before.
pub fn is_only(graph: &Graph) -> bool {
    let needs = dependencies(graph).into_iter().enumerate().skip(1);
    needs
        .into_iter()
        .all(|(op, needs)| needs.contains(&(op - 1)))
}

/// Whether an operator reads or writes something beside its tensors, so that it must not
/// change places with another that does.
fn keeps_state(graph: &Graph, index: usize) -> bool {
    let op = &graph.operators[index];
    op.kind.has_effects()
        || op.inputs.iter().flatten().chain(&op.outputs).any(|&id| {
            let tensor = graph.tensor(id);
            tensor.is_variable || matches!(tensor.dtype, DType::Resource | DType::Variant)
        })
}
