//! Holds what the firmware computed against what it should have.

use std::collections::{BTreeMap, BTreeSet};

use castiron_codegen::graph::{DType, Graph};

use super::outcome::{Against, Compared, Difference, Outcome, Seen, count};
use super::trace::{Counts, Event, Trace};
use super::{Case, Settings};

/// Compares the traces of all cases.
pub(super) fn judge(
    graph: &Graph,
    cases: &[Case],
    found: &[Trace],
    expected: &[Trace],
    settings: &Settings,
) -> Outcome {
    let seen = |event: &Event| Seen::of_operator(graph, event.operator, event.output);
    // A run that ends early shows the first operators alone.
    let longest = expected.iter().max_by_key(|trace| trace.operators.len());
    let of_operators = longest.map_or(&[][..], |trace| &trace.operators);
    let mut operators: Vec<Compared> = (of_operators.iter())
        .map(|event| Compared::new(seen(event)))
        .collect();
    let of_model = || (0..graph.outputs.len()).map(|i| Compared::new(Seen::output(graph, i)));
    let mut outputs: Vec<Compared> = of_model().collect();
    let mut references: Vec<Compared> = of_model().collect();
    let mut unseen: BTreeSet<usize> = match settings.traced() {
        true => (0..graph.operators.len()).collect(),
        false => BTreeSet::new(),
    };
    let mut instructions = None;
    let mut counters = BTreeMap::new();
    let mut judge = Judge {
        tolerance: settings.tolerance,
        first: None,
    };

    for (index, ((case, found), expected)) in cases.iter().zip(found).zip(expected).enumerate() {
        for (compared, expected) in operators.iter_mut().zip(&expected.operators) {
            let place = |e: &Event| (e.operator, e.output);
            let same = |e: &&Event| place(e) == place(expected);
            let Some(found) = found.operators.iter().find(same) else {
                continue;
            };
            unseen.remove(&expected.operator);
            compared.measured(found.instructions);
            count(&mut compared.counters, &found.counts, index == 0);
            let id = graph.operators[expected.operator].outputs[expected.output];
            let values = Values {
                dtype: graph.tensor(id).dtype,
                got: &found.bytes,
                expected: &expected.bytes,
            };
            judge.compare(compared, case, Against::Castiron, values);
        }
        for (position, id) in graph.outputs.iter().enumerate() {
            let bytes = |trace: &'_ Trace| trace.outputs.get(&position).cloned();
            let ended_early = [found, expected].map(bytes) == [None, None];
            let got = bytes(found).unwrap_or_default();
            let computed = bytes(expected).unwrap_or_default();
            let values = |expected| Values {
                dtype: graph.tensor(*id).dtype,
                got: &got,
                expected,
            };
            if !ended_early {
                let compared = &mut outputs[position];
                judge.compare(compared, case, Against::Castiron, values(&computed));
            }
            if let Some(Some(reference)) = case.outputs.get(position) {
                let compared = &mut references[position];
                judge.compare(compared, case, Against::Reference, values(reference));
            }
        }
        instructions = instructions.max(found.instructions.or_else(|| total(found)));
        count(&mut counters, &total_counts(found), index == 0);
    }

    let compared = |list: Vec<Compared>| -> Vec<Compared> {
        list.into_iter().filter(|c| c.tally.cases > 0).collect()
    };
    Outcome {
        on: settings.on.name(),
        engine: settings.engine.name(),
        cases: cases.len(),
        agree: judge.first.is_none(),
        first: judge.first,
        outputs: compared(outputs),
        references: compared(references),
        operators: compared(operators),
        unseen: unseen.into_iter().collect(),
        instructions,
        counters,
        firmware: None,
        tolerance: settings.tolerance,
    }
}

/// Instructions of all operators.
fn total(trace: &Trace) -> Option<u64> {
    let counts = trace.operators.iter().filter_map(|e| e.instructions);
    counts.fold(None, |sum, n| Some(sum.unwrap_or(0) + n))
}

/// Counts of the whole run, or of all operators.
fn total_counts(trace: &Trace) -> Counts {
    std::array::from_fn(|counter| {
        let counts = trace.operators.iter().filter_map(|e| e.counts[counter]);
        let sum = counts.fold(None, |sum, n| Some(sum.unwrap_or(0) + n));
        trace.counts[counter].or(sum)
    })
}

struct Judge {
    tolerance: f64,
    first: Option<Difference>,
}

struct Values<'a> {
    dtype: DType,
    got: &'a [u8],
    expected: &'a [u8],
}

impl Judge {
    fn compare(&mut self, compared: &mut Compared, case: &Case, against: Against, v: Values<'_>) {
        let mismatch = (compared.tally).add(v.dtype, v.got, v.expected, self.tolerance);
        if let (Some(mismatch), None) = (mismatch, &self.first) {
            self.first = Some(compared.difference(&case.name, against, mismatch));
        }
    }
}
