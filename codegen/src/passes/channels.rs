//! What is known of a graph's channels, and which of them stay.
//!
//! Values go forwards: what a channel may be follows from what those before it may be. Readers go backwards: a channel matters if one that
//! is computed of it does. Channels that operators handle together stay together. Each is one walk over the graph, so what this takes
//! is linear in it.

use std::collections::HashMap;
use std::ops;

use super::editing::Editing;
use crate::evaluate;
use crate::graph::{DType, Graph, Operator, Tensor, TensorId};
use crate::ops::channels::{self, Channels, Range};
use crate::ops::{choose, is_taken};
use crate::program::Purpose;

/// Far more channels than all tensors of firmware have.
const MOST_CHANNELS: usize = 1 << 20;
/// Elements of a tensor that is computed to see what becomes of constants.
const MOST_ELEMENTS: usize = 1 << 20;
/// Kernels take so many channels at once, and some take nothing else.
const BLOCK: usize = 4;
/// A scale for each channel stays more than one: FULLY_CONNECTED rounds one scale for all otherwise.
const LEAST: usize = 2;
/// Walks over all tensors in which blocks are filled. One tensor's may cut into another one's; what is left then is only slower.
const ROUNDS: usize = 4;

/// The channels of all tensors that operators pass on, each with a place of its own.
pub(super) struct Flow {
    /// By position of the operator; `None` where each channel may depend on all.
    pub(super) rules: Vec<Option<Channels>>,
    places: HashMap<TensorId, ops::Range<usize>>,
    /// By place: its values.
    ranges: Vec<Range>,
    /// By position of the operator and output channel: a sum that gives one of its values.
    sums: Vec<Vec<i64>>,
    /// By place: whether what is there is read by anyone to whom it matters.
    read: Vec<bool>,
    /// By place: another one that stays or leaves with it, itself for the first of them.
    with: Vec<usize>,
    /// By place, of the first of those that stay or leave together: whether they stay.
    stays: Vec<bool>,
}

impl Flow {
    /// `None` if no channels can leave.
    pub(super) fn of(editing: &Editing<'_>) -> Option<Self> {
        let graph = editing.graph();
        let rules = (0..graph.operators.len()).map(|at| channels::channels(graph, at));
        let mut rules: Vec<Option<Channels>> = rules.collect();
        // Without a product, all channels are the caller's.
        let is_product = |rule: &Option<Channels>| matches!(rule, Some(Channels::Weighted(_)));
        if !rules.iter().any(is_product) {
            return None;
        }
        for (position, rule) in rules.iter_mut().enumerate() {
            // What no kernel takes is to be refused as it is.
            let operator = &graph.operators[position];
            if !is_product(rule) && rule.is_some() && !is_taken(graph, position, operator) {
                *rule = None;
            }
        }
        let mut flow = Self {
            sums: vec![Vec::new(); rules.len()],
            rules,
            places: HashMap::new(),
            ranges: Vec::new(),
            read: Vec::new(),
            with: Vec::new(),
            stays: Vec::new(),
        };
        flow.place(graph)?;
        flow.foresee(graph);
        flow.trace_back(graph);
        flow.join(graph);
        flow.decide(editing);
        flow.fill();
        let leaves = (0..flow.with.len()).any(|place| !flow.stays_at(place));
        leaves.then_some(flow)
    }

    /// Gives a place to the channels of tensors that operators with rules read and write.
    fn place(&mut self, graph: &Graph) -> Option<()> {
        for (operator, rule) in graph.operators.iter().zip(&self.rules) {
            if rule.is_none() {
                continue;
            }
            for id in operator.inputs.iter().flatten().chain(&operator.outputs) {
                let tensor = graph.tensor(*id);
                if tensor.is_constant() || self.places.contains_key(id) {
                    continue;
                }
                let from = self.ranges.len();
                let to = from + channels::count(tensor);
                if to > MOST_CHANNELS {
                    return None;
                }
                self.places.insert(*id, from..to);
                self.ranges.resize(to, Range::of_type(tensor));
            }
        }
        self.read = vec![false; self.ranges.len()];
        self.stays = self.read.clone();
        self.with = (0..self.ranges.len()).collect();
        Some(())
    }

    /// The places of a tensor's channels; none where nothing is known of them.
    fn places(&self, id: TensorId) -> ops::Range<usize> {
        self.places.get(&id).cloned().unwrap_or(0..0)
    }

    /// Places of channels of inputs, and of those of the output that are computed of them alone. None of products.
    fn passed_on(&self, operator: &Operator, rule: &Channels) -> Vec<(usize, usize)> {
        let y = self.places(operator.outputs[0]);
        let inputs = operator.inputs.iter().flatten().map(|id| self.places(*id));
        let mut pairs = Vec::new();
        match rule {
            Channels::Each(carried) => {
                let inputs = inputs.take(*carried);
                pairs.extend(inputs.flat_map(|x| x.zip(y.clone())));
            }
            Channels::Concatenated => pairs.extend(inputs.flatten().zip(y)),
            Channels::Reshaped => {
                let x = inputs.take(1).next().unwrap_or(0..0);
                if !x.is_empty() && !y.is_empty() {
                    let most = x.len().max(y.len());
                    pairs.extend((0..most).map(|i| (x.start + i % x.len(), y.start + i % y.len())));
                }
            }
            Channels::Weighted(_) => {}
        }
        pairs
    }

    /// Walks forwards: what values there may be.
    fn foresee(&mut self, graph: &Graph) {
        for (position, operator) in graph.operators.iter().enumerate() {
            let Some(rule) = &self.rules[position] else {
                continue;
            };
            let y = self.places(operator.outputs[0]);
            match rule {
                Channels::Weighted(weighted) => {
                    let x = operator.inputs[0].map_or(0..0, |id| self.places(id));
                    let foreseen = weighted.foresee(&self.ranges[x]);
                    self.sums[position] = foreseen.iter().map(|f| f.sum).collect();
                    for (place, foreseen) in y.zip(foreseen) {
                        self.ranges[place] = foreseen.range;
                    }
                }
                Channels::Each(carried) => {
                    let constants = self.computed(graph, operator, *carried);
                    for (place, value) in y.zip(constants.unwrap_or_default()) {
                        if let Some(value) = value {
                            self.ranges[place] = Range::of(value);
                        }
                    }
                }
                Channels::Reshaped | Channels::Concatenated => {
                    let mut ranges: Vec<Option<Range>> = vec![None; y.len()];
                    for (x, place) in self.passed_on(operator, rule) {
                        let all = &mut ranges[place - y.start];
                        *all = Some(all.map_or(self.ranges[x], |a| a.or(self.ranges[x])));
                    }
                    for (place, range) in y.zip(ranges) {
                        self.ranges[place] = range.unwrap_or(self.ranges[place]);
                    }
                }
            }
        }
    }

    /// What channels of an operator's output are wherever those of its inputs are constant: its kernels compute it.
    fn computed(
        &self,
        graph: &Graph,
        operator: &Operator,
        carried: usize,
    ) -> Option<Vec<Option<i32>>> {
        let y = graph.tensor(operator.outputs[0]);
        let count = channels::count(y);
        let carries = || operator.inputs.iter().take(carried).flatten();
        let carries: Vec<TensorId> = carries()
            .copied()
            .filter(|id| !graph.tensor(*id).is_constant())
            .collect();
        let known: Vec<bool> = (0..count)
            .map(|channel| {
                let range = |id: &TensorId| self.ranges.get(self.places(*id).start + channel);
                let is_known = |id| range(id).is_some_and(|r| r.constant().is_some());
                carries.iter().all(is_known)
            })
            .collect();
        let elements = carries.iter().map(|id| graph.tensor(*id).elements());
        let most = elements.chain([y.elements()]).max()?;
        if !known.contains(&true) || most > MOST_ELEMENTS {
            return None;
        }
        // The operator alone, with its tensors in the order in which it names them.
        let mut tensors: Vec<Tensor> = Vec::new();
        let mut add = |tensor: Tensor| {
            tensors.push(tensor);
            TensorId(tensors.len() as u32 - 1)
        };
        let mut alone = operator.clone();
        for input in alone.inputs.iter_mut().flatten() {
            let mut tensor = graph.tensor(*input).clone();
            if !tensor.is_constant() {
                let values = self.ranges[self.places(*input)].iter();
                let values: Vec<i32> = values.map(|r| r.constant().unwrap_or(0)).collect();
                tensor.data = Some(repeated(&tensor, &values)?.into());
            }
            *input = add(tensor);
        }
        alone.outputs = vec![add(y.clone())];
        let output = alone.outputs[0];
        let graph = Graph {
            name: String::new(),
            tensors,
            operators: vec![alone],
            inputs: Vec::new(),
            outputs: vec![output],
        };
        let (choice, verdict) = choose(&graph, 0, Purpose::Folding);
        verdict.ok()?;
        let bytes = evaluate::evaluate(&graph, &choice, output).ok()?;
        let values = integers(y.dtype, &bytes)?;
        let of_channel = |channel: usize| {
            let mut all = values.iter().skip(channel).step_by(count).copied();
            let first = all.next().filter(|_| known[channel])?;
            all.all(|value| value == first).then_some(first)
        };
        Some((0..count).map(of_channel).collect())
    }

    /// Walks backwards: what is read of what matters.
    fn trace_back(&mut self, graph: &Graph) {
        for id in &graph.outputs {
            let places = self.places(*id);
            self.read[places].fill(true);
        }
        for (position, operator) in graph.operators.iter().enumerate().rev() {
            match &self.rules[position] {
                None => {
                    for id in operator.inputs.iter().flatten() {
                        let places = self.places(*id);
                        self.read[places].fill(true);
                    }
                }
                Some(Channels::Weighted(weighted)) => {
                    let x = operator.inputs[0].map_or(0..0, |id| self.places(id));
                    let y = self.places(operator.outputs[0]);
                    let is_computed = |channel: usize| self.is_computed(y.start + channel);
                    let reads = weighted.reads(&self.ranges[x.clone()], &is_computed);
                    for (place, reads) in x.zip(reads) {
                        self.read[place] |= reads;
                    }
                }
                Some(rule) => {
                    for (x, y) in self.passed_on(operator, rule) {
                        self.read[x] |= self.is_computed(y);
                    }
                }
            }
        }
    }

    /// Whether a channel has to be computed of others: it is read, and there is more than one value. A constant one that stays has
    /// its value even so.
    fn is_computed(&self, place: usize) -> bool {
        self.read[place] && self.ranges[place].constant().is_none()
    }

    /// Finds the channels that stay or leave together.
    fn join(&mut self, graph: &Graph) {
        for (position, operator) in graph.operators.iter().enumerate() {
            let Some(rule) = &self.rules[position] else {
                continue;
            };
            let mut pairs = self.passed_on(operator, rule);
            if let Channels::Weighted(weighted) = rule
                && let (Some(multiplier), Some(x)) = (weighted.multiplier(), operator.inputs[0])
            {
                let (x, y) = (self.places(x), self.places(operator.outputs[0]));
                pairs.extend(y.enumerate().map(|(i, y)| (x.start + i / multiplier, y)));
            }
            for (a, b) in pairs {
                let (a, b) = (self.first(a), self.first(b));
                self.with[a.max(b)] = a.min(b);
            }
        }
    }

    /// The first of the channels that stay or leave together.
    fn first(&mut self, mut place: usize) -> usize {
        while self.with[place] != place {
            // Halves the way for those who come after.
            self.with[place] = self.with[self.with[place]];
            place = self.with[place];
        }
        place
    }

    /// Lets stay what is read, and what others see or pass on as they please.
    fn decide(&mut self, editing: &Editing<'_>) {
        let graph = editing.graph();
        let mut pinned: Vec<TensorId> = graph.inputs.clone();
        pinned.extend(&graph.outputs);
        for (operator, rule) in graph.operators.iter().zip(&self.rules) {
            let tensors = operator.inputs.iter().flatten().chain(&operator.outputs);
            let own = tensors.filter(|id| rule.is_none() || graph.tensor(**id).is_variable);
            pinned.extend(own);
        }
        let nobodys = self
            .places
            .keys()
            .filter(|id| editing.producer(**id).is_none());
        pinned.extend(nobodys);
        for id in pinned {
            for place in self.places(id) {
                let first = self.first(place);
                self.stays[first] = true;
            }
        }
        for place in 0..self.read.len() {
            let first = self.first(place);
            self.stays[first] |= self.read[place];
        }
        // From here on, every place says its first.
        for place in 0..self.with.len() {
            self.with[place] = self.first(place);
        }
    }

    fn stays_at(&self, place: usize) -> bool {
        self.stays[self.with[place]]
    }

    /// Lets stay more channels where kernels are slower without.
    fn fill(&mut self) {
        let mut tensors: Vec<ops::Range<usize>> = self.places.values().cloned().collect();
        crate::sorted::by_key(&mut tensors, |places| places.start);
        for _ in 0..ROUNDS {
            let mut changed = false;
            for places in &tensors {
                let stay = places.clone().filter(|p| self.stays_at(*p)).count();
                let wanted = match places.len().is_multiple_of(BLOCK) {
                    true => stay.next_multiple_of(BLOCK).max(BLOCK),
                    false => stay.max(LEAST.min(places.len())),
                };
                let mut lacking = wanted - stay;
                for place in places.clone() {
                    if lacking > 0 && !self.stays_at(place) {
                        self.stays[self.with[place]] = true;
                        let now = places.clone().filter(|p| self.stays_at(*p)).count();
                        lacking = wanted.saturating_sub(now);
                        changed = true;
                    }
                }
            }
            if !changed {
                break;
            }
        }
    }

    /// Which channels of a tensor stay; `None` where all do.
    pub(super) fn staying(&self, id: TensorId) -> Option<Vec<bool>> {
        let staying: Vec<bool> = self.places(id).map(|place| self.stays_at(place)).collect();
        staying.contains(&false).then_some(staying)
    }

    /// What values channels of a tensor may have.
    pub(super) fn ranges(&self, id: TensorId) -> &[Range] {
        &self.ranges[self.places(id)]
    }

    /// Of an output channel of a product that nobody needs to have computed, a sum that will do: it gives a value that the channel may
    /// have, so that all that was foreseen of it stays right.
    pub(super) fn instead(&self, position: usize, output: TensorId, channel: usize) -> Option<i64> {
        let place = self.places(output).start + channel;
        let sum = self.sums[position].get(channel).copied();
        sum.filter(|_| !self.is_computed(place))
    }
}

/// A tensor's bytes with the same values in all of its rows.
fn repeated(tensor: &Tensor, values: &[i32]) -> Option<Vec<u8>> {
    let values = values.iter().cycle().take(tensor.elements());
    Some(match tensor.dtype {
        DType::Int8 => values.map(|v| *v as u8).collect(),
        DType::Int16 => values.flat_map(|v| (*v as i16).to_le_bytes()).collect(),
        _ => return None,
    })
}

/// Elements of integers that products compute.
fn integers(dtype: DType, bytes: &[u8]) -> Option<Vec<i32>> {
    Some(match dtype {
        DType::Int8 => bytes.iter().map(|b| i32::from(*b as i8)).collect(),
        DType::Int16 => {
            let (pairs, _) = bytes.as_chunks::<2>();
            pairs
                .iter()
                .map(|b| i16::from_le_bytes(*b).into())
                .collect()
        }
        _ => return None,
    })
}
