//! What was chosen for the operators of subgraphs, and how their memory is laid out.

use std::borrow::Cow;
use std::collections::HashMap;

use super::limits::MOST_STEPS;
use super::options::{CompileOptions, Input, Streams};
use super::stream::Cuts;
use super::{room, rows};
use crate::error::{Diagnostic, Result};
use crate::graph::variables::Variables;
use crate::graph::{DType, Graph, Model, Options, Site, Tensor, TensorId, callees_first};
use crate::ops;
use crate::passes::{self, Change, Effect, Pass};
use crate::plan::{Buffers, Layout, OpMemory, Plan, PlanOptions, Unit};
use crate::program::{Choice, Choosing, Purpose, element};
use crate::work;

/// What was chosen for all subgraphs that run.
pub(super) struct Choices<'a> {
    /// Each behind those that it runs itself.
    pub(super) chosen: Vec<Chosen<'a>>,
    pub(super) variables: Variables,
    /// What is wrong with the use of variables.
    pub(super) wrong: Vec<Diagnostic>,
}

impl<'a> Choices<'a> {
    pub(super) fn new(model: &'a Model, roots: &[usize], options: &CompileOptions) -> Self {
        let order = callees_first(roots, |index| model.graphs[index].callees().collect());
        let mut reached = order.clone();
        reached.sort_unstable();
        let (variables, wrong) = Variables::of(model, &reached);
        let chosen = order.iter();
        let chosen = chosen
            .map(|index| Chosen::new(model, *index, &variables, roots.contains(index), options));
        Self {
            chosen: chosen.collect(),
            variables,
            wrong,
        }
    }
}

pub(super) fn lay_out(
    chosen: &[Chosen<'_>],
    roots: &[usize],
    variables: &Variables,
    ready: bool,
    options: &CompileOptions,
) -> Result<Layout> {
    let rams = options.rams();
    let units: Vec<Unit<'_>> = (chosen.iter())
        .map(|chosen| Unit {
            index: chosen.index,
            graph: &chosen.graph,
            memory: chosen.choices.iter().map(|c| c.memory.clone()).collect(),
            work: match rams.is_empty() {
                true => Vec::new(),
                false => operations(&chosen.graph),
            },
        })
        .collect();
    let values = variables.values.iter();
    let bytes = values.map(|value| value.as_ref().map_or(0, Tensor::bytes));
    let bytes: Vec<usize> = bytes.collect();
    Layout::new(&units, roots, &bytes, ready, &rams, &options.plan)
}

/// How many operations each operator has; a stream has those of its stages.
pub(super) fn operations(graph: &Graph) -> Vec<u64> {
    let total = |site: &Site<'_>| work::at(site).map_or(0, |work| work.total());
    let operations = (0..graph.operators.len()).map(|index| {
        let site = Site::new(graph, index);
        match site.options() {
            Options::Streamed(stream) => {
                let stages = stream.operators.iter();
                let stages = stages.map(|operator| total(&Site { operator, ..site }));
                stages.fold(0, u64::saturating_add)
            }
            _ => total(&site),
        }
    });
    operations.collect()
}

/// What was chosen for a graph, as far as it goes.
#[derive(Clone)]
pub(super) struct Chosen<'a> {
    /// Its index in the file.
    pub(super) index: usize,
    /// The graph after all passes.
    pub(super) graph: Cow<'a, Graph>,
    /// What passes did.
    pub(super) changes: Vec<Change>,
    /// By operator.
    pub(super) choices: Vec<Choice>,
    /// Actions of all choices, those that are left out among them.
    pub(super) actions: usize,
    /// Of every operator that cannot be compiled, in the file's order, then of inputs and outputs.
    pub(super) problems: Vec<Diagnostic>,
    /// Why the input does not come row by row, where it is to.
    pub(super) without_rows: Option<Diagnostic>,
    /// Bytes that a kernel may work in, where there is a slower one that needs less.
    pub(super) room: usize,
}

impl<'a> Chosen<'a> {
    pub(super) fn new(
        model: &'a Model,
        index: usize,
        variables: &Variables,
        is_entry: bool,
        options: &CompileOptions,
    ) -> Self {
        let buffers = match is_entry {
            true => options.plan.buffers,
            false => Buffers::Model,
        };
        let plan = PlanOptions {
            buffers,
            ..options.plan
        };
        let options = &CompileOptions {
            plan,
            ..options.clone()
        };
        let purpose = |room| Purpose::Firmware {
            model,
            subgraph: index,
            variables,
            target: options.target,
            custom: &options.custom,
            room,
        };
        let by_rows = is_entry && options.input == Input::Rows;
        let mut passed = passes::run(&model.graphs[index], options.without);
        if by_rows {
            rows::reshape_input(passed.graph.to_mut());
        }
        let roomy = Self::whole(index, passed, is_entry, purpose(usize::MAX));
        let whole = |room| match room {
            usize::MAX => roomy.clone(),
            room => roomy.in_room(room, purpose(room)),
        };
        room::fitting(options, whole, |whole, streams, plan| {
            let purpose = purpose(whole.room);
            match (by_rows, options.without.contains(Pass::StreamRows)) {
                (true, _) => whole.by_rows(purpose, streams, options),
                (false, true) => whole,
                (false, false) => whole.streamed(purpose, streams, plan),
            }
        })
    }

    /// The same with no operator row by row.
    fn whole(
        index: usize,
        passed: passes::Passed<'a>,
        is_entry: bool,
        purpose: Purpose<'_>,
    ) -> Self {
        let graph = passed.graph;
        let mut unfolded: HashMap<usize, Diagnostic> = passed.unfolded.into_iter().collect();
        let mut problems = Vec::new();
        let mut choices = Vec::new();
        let mut actions = 0;
        for index in 0..graph.operators.len() {
            let (mut choice, verdict) = ops::choose(&graph, index, purpose);
            actions += choice.actions.len();
            if actions > MOST_STEPS + choice.actions.len() {
                // The model is refused for what there is already.
                choice.actions = Vec::new();
                choice.constants = Vec::new();
            }
            choices.push(choice);
            if let Err(mut problem) = verdict {
                if let Some(mut reason) = unfolded.remove(&graph.origin(index)) {
                    reason.place.operands = problem.place.operands.take();
                    problem = reason;
                }
                problems.push(problem);
            }
        }
        // Handles are handed to subgraphs, and stand for memory that is known.
        let handle = |id: &&TensorId| !is_entry && graph.tensor(**id).dtype == DType::Resource;
        let choosing = Choosing::new(&graph, purpose);
        let inputs = graph.inputs.iter().filter(|id| !handle(id));
        let inputs = inputs.map(|id| choosing.activation(*id).err());
        let outputs = graph.outputs.iter().filter(|id| !handle(id));
        let outputs = outputs.map(|id| element(&graph, *id).err());
        problems.extend(inputs.chain(outputs).flatten());
        Self {
            index,
            choices,
            actions,
            problems,
            graph,
            changes: passed.changes,
            without_rows: None,
            room: usize::MAX,
        }
    }

    /// The same with other kernels for operators that work in more than so much.
    fn in_room(&self, room: usize, purpose: Purpose<'_>) -> Self {
        let mut chosen = Self {
            room,
            ..self.clone()
        };
        for (index, bytes) in self.working_bytes().into_iter().enumerate() {
            if bytes > room
                && let (choice, Ok(())) = ops::choose(&self.graph, index, purpose)
            {
                chosen.choices[index] = choice;
            }
        }
        chosen
    }

    /// The same with the input row by row, if it can be.
    fn by_rows(mut self, purpose: Purpose<'_>, streams: Streams, options: &CompileOptions) -> Self {
        if !self.problems.is_empty() || self.actions > MOST_STEPS {
            return self;
        }
        match self.streams_of_rows(purpose, streams, options) {
            Ok(streamed) => streamed.after(self),
            Err(problem) => {
                self.without_rows = Some(problem);
                self
            }
        }
    }

    fn streams_of_rows(
        &self,
        purpose: Purpose<'_>,
        streams: Streams,
        options: &CompileOptions,
    ) -> std::result::Result<StreamedChoices, Diagnostic> {
        if options.without.contains(Pass::StreamRows) {
            let pass = Pass::StreamRows;
            return Err(rows::no_rows(&format!("the pass {pass} was left out")));
        }
        let buffers = options.plan.buffers;
        if buffers != Buffers::Model {
            let problem = rows::no_rows("inputs or outputs are to lie in the caller's buffers");
            return Err(problem.found(format_args!("buffers = {:?}", buffers.name())));
        }
        let input = rows::input(&self.graph)?;
        let wanted = Wanted::of(streams);
        let streams = self.best_streams(wanted, usize::MAX, Some(input), purpose, &options.plan);
        streams.ok_or_else(|| rows::no_stream(&self.graph, input))
    }

    /// The same with some operators row by row, where that lowers the peak.
    fn streamed(self, purpose: Purpose<'_>, streams: Streams, options: &PlanOptions) -> Self {
        let wanted = match streams {
            Streams::None => return self,
            streams => Wanted::of(streams),
        };
        if !self.problems.is_empty() || self.actions > MOST_STEPS {
            return self;
        }
        let peak = match self.plan(options) {
            Ok(plan) if plan.peak_bytes > wanted.most => plan.peak_bytes,
            _ => return self,
        };
        match self.best_streams(wanted, peak, None, purpose, options) {
            Some(streamed) => streamed.after(self),
            None => self,
        }
    }

    /// Streams of as few rows as bring the peak below a bound, or those of the least peak that is found; `None` if it is not lower than before, or an
    /// input that is to come `by_rows` cannot.
    fn best_streams(
        &self,
        wanted: Wanted,
        before: usize,
        by_rows: Option<TensorId>,
        purpose: Purpose<'_>,
        options: &PlanOptions,
    ) -> Option<StreamedChoices> {
        let memory: Vec<OpMemory> = self.choices.iter().map(|c| c.memory.clone()).collect();
        let cuts = Cuts::of(&self.graph, &memory, by_rows, options)?;
        let search = |cuts: &Cuts<'_>, most: usize| {
            let with = |bound, several| {
                self.streamed_below(bound, several, cuts, &memory, purpose, options)
            };
            let planned = |bound| with(bound, None);
            let fits = |found: &Planned| found.as_ref().is_some_and(|(_, peak)| *peak <= most);
            let mut found = planned(most);
            // Estimates say how few rows are enough; the planner, which orders operators, may say otherwise: that more are, or fewer.
            if !fits(&found) && most > cuts.least {
                found = lower(found, planned(0));
            }
            if let Some((_, peak)) = &found
                && *peak > most.max(cuts.least + 1)
            {
                let looser = planned(peak - 1);
                found = lower(found, looser);
            }
            // What a bound leaves is for fewer turns, if the planner says so, too.
            let mut several = most;
            for _ in 0..TRIES {
                if by_rows.is_some() || !fits(&found) {
                    break;
                }
                match with(most, Some(several)) {
                    Some((streamed, peak)) if peak <= most => {
                        found = Some((streamed, peak));
                        break;
                    }
                    Some((_, peak)) => several = several.saturating_sub(peak - most),
                    None => break,
                }
            }
            found
        };
        let mut found = search(&cuts, wanted.most);
        let peak = found.as_ref().map_or(before, |(_, peak)| *peak);
        if let Some(bound) = wanted.patched.filter(|bound| *bound < peak) {
            let fits = |found: &Planned| found.as_ref().is_some_and(|(_, peak)| *peak <= bound);
            // The first with the fewest products that are enough as far as estimates say, the second with the least memory.
            for estimated in [bound, 0] {
                if !fits(&found) {
                    found = lower(found, search(&cuts.patched(estimated), bound));
                }
            }
        }
        let (streamed, peak) = found?;
        (peak < before).then_some(streamed)
    }

    /// Some operators row by row, as few rows as bring the peak below a bound as far as estimates say, and the peak then; where another bound allows it,
    /// with `several` rows at a turn.
    fn streamed_below(
        &self,
        bound: usize,
        several: Option<usize>,
        cuts: &Cuts<'_>,
        memory: &[OpMemory],
        purpose: Purpose<'_>,
        options: &PlanOptions,
    ) -> Planned {
        let (graph, from) = cuts.below(bound, several)?;
        let mut choices: HashMap<usize, Choice> = HashMap::new();
        for (position, operator) in graph.operators.iter().enumerate() {
            if matches!(operator.options, Options::Streamed(_)) {
                let (choice, verdict) = ops::choose(&graph, position, purpose);
                verdict.ok()?;
                choices.insert(position, choice);
            }
        }
        let memory: Vec<OpMemory> = (from.iter().enumerate())
            .map(|(position, from)| match choices.get(&position) {
                Some(choice) => choice.memory.clone(),
                None => memory[from[0]].clone(),
            })
            .collect();
        let after = Plan::new(&graph, |_, position| memory[position].clone(), options).ok()?;
        let streamed = StreamedChoices {
            graph,
            from,
            choices,
        };
        Some((streamed, after.peak_bytes))
    }

    /// Bytes that each operator works in.
    pub(super) fn working_bytes(&self) -> Vec<usize> {
        let operators = self.choices.iter();
        operators
            .map(|choice| choice.memory.scratch.iter().sum())
            .collect()
    }

    /// The plan of the graph alone, without the subgraphs that it runs.
    pub(super) fn plan(&self, options: &PlanOptions) -> Result<Plan> {
        let memory: Vec<&OpMemory> = self.choices.iter().map(|c| &c.memory).collect();
        Plan::new(&self.graph, |_, index| memory[index].clone(), options)
    }

    pub(super) fn verdict(&self, options: &PlanOptions) -> Verdict {
        match self.plan(options) {
            Ok(plan) => Verdict {
                plan: Some(plan),
                problems: (self.problems.iter())
                    .chain(&self.without_rows)
                    .cloned()
                    .collect(),
                changes: self.changes.clone(),
            },
            Err(error) => Verdict {
                plan: None,
                problems: error.diagnostics().to_vec(),
                changes: self.changes.clone(),
            },
        }
    }
}

/// How often a bound for several rows at a turn is lowered until the planner keeps it.
const TRIES: usize = 2;

/// How small an arena is to be.
#[derive(Clone, Copy)]
struct Wanted {
    /// Bytes below which operators need not run row by row.
    most: usize,
    /// Bytes below which nothing need be computed again, if it may be at all.
    patched: Option<usize>,
}

impl Wanted {
    fn of(streams: Streams) -> Self {
        match streams {
            Streams::None | Streams::Least => Self {
                most: 0,
                patched: None,
            },
            Streams::RowsBelow(most) => Self {
                most,
                patched: None,
            },
            Streams::Below(most) => Self {
                most,
                patched: Some(most),
            },
        }
    }
}

/// The plan with the lower peak; the first of two that are equal.
fn lower(one: Planned, other: Planned) -> Planned {
    let both = one.into_iter().chain(other);
    both.min_by_key(|(_, peak)| *peak)
}

/// A graph in which some operators are streams, and the peak of its plan.
type Planned = Option<(StreamedChoices, usize)>;

/// A graph in which some operators are streams.
struct StreamedChoices {
    graph: Graph,
    /// By operator: the positions that it had.
    from: Vec<Vec<usize>>,
    /// What was chosen for streams, by position.
    choices: HashMap<usize, Choice>,
}

impl StreamedChoices {
    /// What was chosen before, with these in their place.
    fn after(mut self, before: Chosen<'_>) -> Chosen<'_> {
        let Self { graph, from, .. } = self;
        let mut old: Vec<Choice> = before.choices;
        let choices = (from.iter().enumerate()).map(|(position, from)| {
            let own = self.choices.remove(&position);
            own.unwrap_or_else(|| std::mem::take(&mut old[from[0]]))
        });
        let choices = choices.collect();
        let streams = (0..graph.operators.len())
            .filter(|at| matches!(graph.operators[*at].options, Options::Streamed(_)));
        let changes = streams.map(|at| Change {
            pass: Pass::StreamRows,
            operators: graph.parts(at).into_iter().map(|part| part.index).collect(),
            effect: Effect::Joined,
        });
        let mut all = before.changes;
        all.extend(changes);
        Chosen {
            index: before.index,
            choices,
            actions: before.actions,
            problems: before.problems,
            without_rows: None,
            room: before.room,
            changes: all,
            graph: Cow::Owned(graph),
        }
    }
}

/// What the compiled engine makes of one subgraph, entry point or not.
#[derive(Debug)]
pub struct Verdict {
    /// Its plan; none where its sizes cannot be planned.
    pub plan: Option<Plan>,
    /// Why it does not compile: every operator that is refused, among others.
    pub problems: Vec<Diagnostic>,
    /// What passes did to its operators.
    pub changes: Vec<Change>,
}
