//! A plan for one way of sharing bytes, before it is written down.

use super::alloc::{Allocation, allocate, allocate_overlapping};
use super::lifetime::{Lifetimes, Reuse};
use super::memory::OpMemory;
use super::order;
use super::values::{Sharing, Values};
use super::{Budget, Plan, PlanOptions};
use crate::error::{Diagnostic, Result};
use crate::graph::Graph;

/// The part of the budget that a packing with overlaps may spend: one in this many. Places that the first tries do not find are seldom worth
/// a long search.
const OVERLAP_SHARE: u64 = 8;

pub(super) struct Attempt {
    values: Values,
    order: Vec<usize>,
    order_optimal: bool,
    lifetimes: Lifetimes,
    allocation: Allocation,
}

impl Attempt {
    pub(super) fn new(
        graph: &Graph,
        memory: &[OpMemory],
        sharing: Sharing,
        options: &PlanOptions,
    ) -> Result<Self> {
        let values = Values::new(graph, memory, sharing, options.buffers);

        let file: Vec<usize> = (0..graph.operators.len()).collect();
        let (chosen, order_optimal) = chosen_order(graph, &values, memory, options);

        let packing = Packing {
            graph,
            values: &values,
            memory,
            options,
        };
        let overlapping = packing.overlapping(&chosen);
        let apart = packing.apart(&chosen, &file, overlapping.as_ref());
        // Whatever overlaps has to be lower than what does without.
        let Some(packed) = lowest(apart.into_iter().chain(overlapping)) else {
            return Err(Diagnostic::fault("no plan was attempted").into());
        };
        // Orders are compared without overlaps.
        let is_compared = packed.lifetimes.overlaps.is_empty() || order::is_only(graph);
        Ok(Self {
            order: packed.order.to_vec(),
            order_optimal: order_optimal && packed.order == chosen && is_compared,
            lifetimes: packed.lifetimes,
            allocation: packed.allocation,
            values,
        })
    }

    pub(super) fn peak_bytes(&self) -> usize {
        self.allocation.peak_bytes
    }

    pub(super) fn plan(self, graph: &Graph, options: &PlanOptions) -> Plan {
        Plan::assemble(
            graph,
            &self.values,
            self.order,
            self.order_optimal,
            &self.lifetimes,
            &self.allocation,
            options,
        )
    }
}

/// An order of operators that keeps few bytes live, and whether none keeps fewer.
pub(super) fn chosen_order(
    graph: &Graph,
    values: &Values,
    memory: &[OpMemory],
    options: &PlanOptions,
) -> (Vec<usize>, bool) {
    if !options.reorder {
        let file = (0..graph.operators.len()).collect();
        return (file, graph.operators.len() <= 1);
    }
    let order = order::choose(
        graph,
        values,
        memory,
        options.alignment,
        options.in_place,
        order::most_sets(graph.operators.len()),
    );
    (order.operators, order.optimal)
}

/// Lifetimes under an order, with offsets.
struct Packed<'o> {
    order: &'o [usize],
    lifetimes: Lifetimes,
    allocation: Allocation,
}

/// The first of those with the lowest peak.
fn lowest<'o>(all: impl IntoIterator<Item = Packed<'o>>) -> Option<Packed<'o>> {
    all.into_iter().min_by_key(|p| p.allocation.peak_bytes)
}

/// What lifetimes and offsets are found for.
struct Packing<'a> {
    graph: &'a Graph,
    values: &'a Values,
    memory: &'a [OpMemory],
    options: &'a PlanOptions,
}

impl Packing<'_> {
    fn lifetimes(&self, order: &[usize], reuse: Reuse) -> Lifetimes {
        Lifetimes::new(
            self.graph,
            self.values,
            self.memory,
            order,
            self.options.alignment,
            reuse,
        )
    }

    /// The best packing in which outputs may overlap inputs, if any may.
    fn overlapping<'o>(&self, order: &'o [usize]) -> Option<Packed<'o>> {
        let options = self.options;
        let budget = Budget {
            steps: options.budget.steps / OVERLAP_SHARE,
            ..options.budget
        };
        let may_overlap = options.in_place && options.overlap;
        let ways = [Reuse::WholeOrSome, Reuse::Some].into_iter();
        lowest(ways.filter(|_| may_overlap).filter_map(|reuse| {
            let lifetimes = self.lifetimes(order, reuse);
            let (buffers, overlaps) = (&lifetimes.buffers, &lifetimes.overlaps);
            if overlaps.is_empty() {
                return None;
            }
            let allocation = allocate_overlapping(buffers, overlaps, options.alignment, &budget);
            Some(Packed {
                order,
                lifetimes,
                allocation,
            })
        }))
    }

    /// The best packing without overlaps; how good it is matters only where it can be as low as one with them.
    fn apart<'o>(
        &self,
        chosen: &'o [usize],
        file: &'o [usize],
        overlapping: Option<&Packed<'_>>,
    ) -> Option<Packed<'o>> {
        let options = self.options;
        let whole = match options.in_place {
            true => Reuse::Whole,
            false => Reuse::Nothing,
        };
        // Fewer live bytes nearly always pack into fewer bytes, but longer lifetimes pack
        // worse; where the plan misses its bound, less ambitious lifetimes get a try.
        let mut attempts = vec![(chosen, whole)];
        if options.in_place {
            attempts.push((chosen, Reuse::Nothing));
        }
        if chosen != file {
            attempts.push((file, whole));
        }
        let mut best: Option<Packed<'o>> = None;
        for (order, reuse) in attempts {
            let is_optimal = |p: &Packed<'_>| {
                let Allocation {
                    peak_bytes,
                    lower_bound_bytes,
                    ..
                } = p.allocation;
                peak_bytes == lower_bound_bytes
            };
            if best.as_ref().is_some_and(is_optimal) {
                break;
            }
            let lifetimes = self.lifetimes(order, reuse);
            let pack = |budget| allocate(&lifetimes.buffers, options.alignment, budget);
            // Of the bound, which needs no search, it shows whether a search is of use.
            let allocation = match overlapping {
                Some(overlapping) => {
                    let quick = pack(&Budget {
                        steps: 0,
                        time: None,
                    });
                    match quick.lower_bound_bytes > overlapping.allocation.peak_bytes {
                        true => quick,
                        false => pack(&options.budget),
                    }
                }
                None => pack(&options.budget),
            };
            let packed = Packed {
                order,
                lifetimes,
                allocation,
            };
            best = lowest(best.into_iter().chain([packed]));
        }
        best
    }
}
