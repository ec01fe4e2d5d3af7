//! Compiles a model: chooses what computes each entry's operators, plans its arena, and links both.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::budget::{self, at_most};
use super::chosen::{Choices, Chosen, Verdict, lay_out};
use super::link::{Linker, Surroundings};
use super::options::{CompileOptions, Input, Streams};
use super::{limits, memories, roms, rows, variables, way_out};
use crate::error::{Diagnostic, Error, Result};
use crate::graph::variables::Variables;
use crate::graph::{Graph, Model, Signature, SignaturePort, TensorId, names_of_ports};
use crate::passes::{self, Pass, Passes};
use crate::plan::{Buffers, Kept, Layout, Plan, PlanOptions, TargetMemory};
use crate::program::{Choice, Entry, Port, Program, Routine, Step};

/// Compiles a model.
///
/// # Errors
/// Every operator that cannot be compiled, with its place and the reason; or that the arena does not fit its bound.
pub fn compile(model: &Model, options: &CompileOptions) -> Result<Program> {
    let called = &*passes::of_called(model, options.without);
    let program = Attempt::fitting(called, options).program();
    let program = program.map_err(|error| for_want_of_passes(error, model, options))?;
    let held = held(program, called, options)?;
    held.check()?;
    Ok(held.program)
}

/// Compiles a model, whether or not it keeps its limits.
///
/// # Errors
/// Every operator that cannot be compiled, with its place and the reason.
pub fn compile_beyond_limits(model: &Model, options: &CompileOptions) -> Result<Held> {
    let called = &*passes::of_called(model, options.without);
    let program = Attempt::fitting(called, options).program();
    let program = program.map_err(|error| for_want_of_passes(error, model, options))?;
    held(program, called, options)
}

/// A program that was held against what the user lets it take.
#[derive(Debug)]
#[non_exhaustive]
pub struct Held {
    /// The program; where its arena is beyond its limit, the one of the least that castiron finds.
    pub program: Program,
    /// Every limit that it does not keep, with what it takes and what would help.
    pub beyond: Vec<Diagnostic>,
}

impl Held {
    /// That it keeps all limits.
    ///
    /// # Errors
    /// Every limit that it does not keep.
    pub fn check(&self) -> Result<()> {
        all_of(&self.beyond)
    }
}

/// All that is wrong as one error.
fn all_of(problems: &[Diagnostic]) -> Result<()> {
    match Error::from_many(problems.to_vec()) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// A program, and every limit that it does not keep.
fn held(program: Program, called: &Model, options: &CompileOptions) -> Result<Held> {
    let (program, too_large) = nearest_to_bound(program, called, options)?;
    let mut beyond: Vec<Diagnostic> = too_large.into_iter().collect();
    beyond.extend(budget::beyond(called, &program, options)?);
    for problem in &mut beyond {
        problem
            .place
            .file
            .get_or_insert_with(|| called.file.clone());
    }
    Ok(Held { program, beyond })
}

/// A program whose arena fits its bound: the same, or one whose streams make the arena the least. Where that does not fit either, why.
fn nearest_to_bound(
    program: Program,
    called: &Model,
    options: &CompileOptions,
) -> Result<(Program, Option<Diagnostic>)> {
    let Some(most) = options.max_arena.filter(|most| *most > 0) else {
        return Ok((program, None));
    };
    if program.arena_bytes <= most {
        return Ok((program, None));
    }
    let mut least = program;
    for options in self::least(called, options) {
        if least.arena_bytes > most {
            let other = Attempt::new(called, &options).program()?;
            if other.arena_bytes < least.arena_bytes {
                least = other;
            }
        }
    }
    let largest = least.entries.iter().max_by_key(|e| e.plan.peak_bytes);
    let too_large = largest.filter(|_| least.arena_bytes > most).map(|entry| {
        too_large(least.arena_bytes, most, &entry.plan, options).in_subgraph(entry.graph)
    });
    Ok((least, too_large))
}

/// Options for the least arena: where subgraphs were brought below the bound one by one, and together do not fit, or runs that lie in several
/// memories need more together than in one; and, as a search for a bound may end above what one for the least finds, rows wherever they lower it.
fn least(called: &Model, options: &CompileOptions) -> impl Iterator<Item = CompileOptions> {
    let together = called.graphs.len() > 1 || options.has_rams();
    let ways = [together.then(|| options.below(0)), Some(Streams::Least)];
    ways.into_iter().flatten().map(|streams| CompileOptions {
        streams: Some(streams),
        ..options.clone()
    })
}

/// Options where memories are too small: for operators that run row by row wherever it helps, and for kernels that work in the least memory, too.
fn by_rows(options: &CompileOptions) -> [CompileOptions; 2] {
    [None, Some(0)].map(|max_arena| CompileOptions {
        max_arena,
        streams: Some(Streams::Least),
        ..options.clone()
    })
}

/// An arena that does not fit, with the operator at which it is full.
fn too_large(bytes: usize, most: usize, plan: &Plan, options: &CompileOptions) -> Diagnostic {
    let problem = Diagnostic::new("the arena does not fit the bound that was set for it")
        .expected(at_most(
            most as u64,
            " bytes",
            "max-arena",
            &options.limits.arena,
        ))
        .found(format_args!("{bytes} bytes, the least that castiron finds"))
        .beyond_limit();
    let problem = match options.without.contains(Pass::StreamRows) {
        true => problem
            .help("let operators run row by row, which stream-rows does: that pass was left out"),
        false => problem.help(format_args!(
            "raise the bound to {bytes}, the nearest possible, or make the tensors of the operator at which the arena is full smaller: \
             `castiron plan` without the bound draws them, and `castiron plan --pareto` shows what less memory costs",
        )),
    };
    // Inputs are there before the first operator runs.
    let full = plan
        .peak_step
        .checked_sub(1)
        .and_then(|step| plan.positions.get(step));
    match full.and_then(|position| plan.operators.get(*position)) {
        Some(operator) => problem.at_operator(operator.index, &operator.name),
        None => problem,
    }
}

/// If it is passes left out that a model does not compile without, the error says which.
fn for_want_of_passes(error: Error, model: &Model, options: &CompileOptions) -> Error {
    let compiles = |without: Passes| {
        let called = passes::of_called(model, without);
        let options = CompileOptions {
            without,
            ..options.clone()
        };
        Attempt::of_choices(&called, &options)
            .diagnostics
            .is_empty()
    };
    if options.without == Passes::NONE || !compiles(Passes::NONE) {
        return error;
    }
    let mut spare = Passes::NONE;
    let mut needed = Vec::new();
    for pass in options.without.iter() {
        let more = spare | pass.into();
        match compiles(more) {
            true => spare = more,
            false => needed.push(pass.name()),
        }
    }
    if needed.is_empty() {
        return error;
    }
    let help = format!(
        "the model does not compile without {}; leave out other passes only",
        needed.join(", ")
    );
    let diagnostics = error.diagnostics().iter().cloned();
    let diagnostics = diagnostics.map(|d| d.help(&help)).collect();
    Error::from_many(diagnostics).unwrap_or(error)
}

/// A model, compiled as far as it goes.
#[derive(Debug)]
pub struct Examined {
    /// The program, whether or not it keeps its limits, or every operator that cannot be compiled.
    pub program: Result<Program>,
    /// Every limit that the program does not keep.
    pub beyond: Vec<Diagnostic>,
    /// What there is to say of each subgraph, entry point or not.
    pub verdicts: Vec<Verdict>,
}

impl Examined {
    /// The plan of a subgraph, whether or not the model compiles.
    ///
    /// # Errors
    /// Why it has none.
    pub fn plan(&self, graph: usize) -> Result<&Plan> {
        let verdict = self.verdicts.get(graph);
        if let Some(plan) = verdict.and_then(|verdict| verdict.plan.as_ref()) {
            return Ok(plan);
        }
        let problems = verdict.map_or(&[][..], |verdict| &verdict.problems);
        let error = Error::from_many(problems.to_vec())
            .unwrap_or_else(|| Diagnostic::new("the model has no such subgraph").into());
        Err(error.in_subgraph(graph))
    }

    /// That the program keeps its limits, if there is one.
    ///
    /// # Errors
    /// Every limit that it does not keep.
    pub fn check_limits(&self) -> Result<()> {
        all_of(&self.beyond)
    }
}

/// Compiles a model, and says of every subgraph what there is to know whether or not it compiles.
pub fn examine(model: &Model, options: &CompileOptions) -> Examined {
    let called = &*passes::of_called(model, options.without);
    let attempt = Attempt::fitting(called, options);
    let mut verdicts: HashMap<usize, Verdict> = HashMap::new();
    for chosen in &attempt.chosen {
        let placed = attempt.layout.as_ref().and_then(|l| l.graph(chosen.index));
        let verdict = match placed {
            Some(placed) => Verdict {
                plan: Some(placed.plan.clone()),
                problems: Vec::new(),
                changes: chosen.changes.clone(),
            },
            None => chosen.verdict(&options.plan),
        };
        verdicts.insert(chosen.index, verdict);
    }
    let verdict = |index| {
        let known = verdicts.remove(&index);
        known.unwrap_or_else(|| judge(called, index, options))
    };
    let verdicts = (0..model.graphs.len()).map(verdict).collect();
    let program = attempt.program();
    let program = program.map_err(|error| for_want_of_passes(error, model, options));
    let held = program.and_then(|program| held(program, called, options));
    let (program, beyond) = match held {
        Ok(held) => (Ok(held.program), held.beyond),
        Err(error) => (Err(error), Vec::new()),
    };
    Examined {
        program,
        beyond,
        verdicts,
    }
}

/// A model, chosen for and laid out as far as it goes.
struct Attempt<'a> {
    model: &'a Model,
    entry_points: Vec<EntryPoint<'a>>,
    /// The subgraphs that run, each behind those that it runs itself.
    chosen: Vec<Chosen<'a>>,
    variables: Variables,
    /// Variables that do not start at zeros, and the value of each of their bytes.
    first_values: Vec<(Kept, u8)>,
    /// The memories that weights lie in; none where they have one place.
    roms: Vec<TargetMemory>,
    /// There is one if there are no diagnostics.
    layout: Option<Layout>,
    diagnostics: Vec<Diagnostic>,
    /// Whether it is the memories alone that it does not fit.
    misfits: bool,
}

impl<'a> Attempt<'a> {
    /// As [`new`](Self::new); operators run row by row where the memories are too small without.
    fn fitting(model: &'a Model, options: &CompileOptions) -> Self {
        let mut attempt = Self::new(model, options);
        if options.max_arena != Some(0) && !options.without.contains(Pass::StreamRows) {
            for options in by_rows(options) {
                if attempt.misfits {
                    attempt = Self::new(model, &options);
                }
            }
        }
        attempt
    }

    fn new(model: &'a Model, options: &CompileOptions) -> Self {
        let mut attempt = Self::of_choices(model, options);
        if attempt.diagnostics.is_empty() {
            match attempt.laid_out(options) {
                Ok(layout) => attempt.layout = Some(layout),
                Err(error) => {
                    attempt.misfits = options.has_rams();
                    attempt.diagnostics.extend_from_slice(error.diagnostics());
                }
            }
        }
        attempt
    }

    /// The same without the layout, which takes the longest.
    fn of_choices(model: &'a Model, options: &CompileOptions) -> Self {
        let entry_points = entry_points(model);
        let roots = roots(&entry_points);
        let Choices {
            chosen,
            variables,
            wrong,
        } = Choices::new(model, &roots, options);
        let mut diagnostics: Vec<Diagnostic> = Vec::new();
        for chosen in &chosen {
            let problems = chosen.problems.iter().chain(&chosen.without_rows).cloned();
            diagnostics.extend(problems.map(|d| d.in_subgraph(chosen.index)));
        }
        // An operator whose handle is unknown says so once.
        let said: HashSet<(Option<usize>, Option<usize>)> = (diagnostics.iter())
            .map(|d| (d.place.subgraph, d.place.operator.as_ref().map(|o| o.0)))
            .collect();
        let unsaid = |d: &Diagnostic| {
            !said.contains(&(d.place.subgraph, d.place.operator.as_ref().map(|o| o.0)))
        };
        diagnostics.extend(wrong.into_iter().filter(unsaid));
        if options.input == Input::Rows && entry_points.len() > 1 {
            let count = format_args!("{} signatures", entry_points.len()).to_string();
            diagnostics.push(rows::no_rows("the model has several signatures").found(count));
        }
        way_out::find(model, &mut diagnostics);
        diagnostics.extend(limits::of_any_size(model, &roots));
        diagnostics.extend(limits::not_custom(model, &options.custom));
        let graphs = chosen.iter().map(|chosen| (chosen.index, &*chosen.graph));
        diagnostics.extend(limits::too_deep(graphs));
        let steps = chosen.iter().map(|chosen| chosen.actions).sum();
        diagnostics.extend(limits::too_many_steps(steps));
        let entered = entry_points.iter().map(|(root, _)| &model.graphs[*root]);
        diagnostics.extend(limits::too_many_ports(entered));
        diagnostics.extend(memories::check(&options.memories).err());
        let first_values =
            variables::first_values(model, chosen.iter().map(|c| c.index), &variables);
        Self {
            model,
            entry_points,
            chosen,
            variables,
            first_values,
            roms: options.roms(),
            layout: None,
            diagnostics,
            misfits: false,
        }
    }

    fn laid_out(&self, options: &CompileOptions) -> Result<Layout> {
        let roots = roots(&self.entry_points);
        let ready = !self.first_values.is_empty();
        lay_out(&self.chosen, &roots, &self.variables, ready, options)
    }

    fn program(mut self) -> Result<Program> {
        let diagnostics = std::mem::take(&mut self.diagnostics);
        let linked = match (Error::from_many(diagnostics), self.layout.take()) {
            (None, Some(layout)) => self.link(&layout),
            (error, _) => {
                Err(error.unwrap_or_else(|| Diagnostic::fault("there is no memory layout").into()))
            }
        };
        linked
            .and_then(Program::checked)
            .map_err(|error| error.in_file(&self.model.file))
    }

    fn link(&mut self, layout: &Layout) -> Result<Program> {
        let mut called: HashSet<usize> = (self.chosen.iter())
            .flat_map(|chosen| chosen.graph.callees())
            .collect();
        // Signatures of one subgraph share its steps as well.
        let mut met = HashSet::new();
        let entered = self.entry_points.iter().map(|(root, _)| *root);
        called.extend(entered.filter(|root| !met.insert(*root)));
        let (mut constants, mut roms) = match &self.roms[..] {
            [] => Default::default(),
            roms => roms::packed(&self.chosen, roms)?,
        };
        let mut choices: HashMap<usize, Vec<Choice>> = (self.chosen.iter_mut())
            .map(|chosen| (chosen.index, std::mem::take(&mut chosen.choices)))
            .collect();
        let routines = self.chosen.iter().map(|chosen| chosen.index);
        let routines: Vec<usize> = routines.filter(|index| called.contains(index)).collect();
        let graphs = self
            .chosen
            .iter()
            .map(|chosen| (chosen.index, &*chosen.graph));
        let around = Surroundings {
            layout,
            graphs: graphs.collect(),
            routines: (routines.iter().enumerate())
                .map(|(position, index)| (*index, position))
                .collect(),
        };
        let mut program = Program {
            name: self.model.stem().to_owned(),
            arena_bytes: layout.arena_bytes,
            state_bytes: layout.state_bytes,
            parts: layout.parts.clone(),
            held: layout.held.clone(),
            constants: Default::default(),
            roms: Vec::new(),
            routines: Vec::new(),
            entries: Vec::new(),
        };
        for index in routines {
            let wrong = |d: Diagnostic| Error::from(d.in_subgraph(index));
            let is_entry = self.entry_points.iter().any(|(entry, _)| *entry == index);
            let tensors = match is_entry {
                true => self.model.graphs[index].tensors.len(),
                false => 0,
            };
            let linker = Linker::new(&around, index, &mut constants, tensors);
            let mut linker = linker.map_err(wrong)?;
            let choices = choices.remove(&index).unwrap_or_default();
            linker.operators(choices).map_err(wrong)?;
            program.routines.push(Routine {
                graph: index,
                steps: linker.into_steps(),
            });
        }
        for (index, signature) in &self.entry_points {
            let wrong = |d: Diagnostic| Error::from(d.in_subgraph(*index));
            let tensors = self.model.graphs[*index].tensors.len();
            let mut linker =
                Linker::new(&around, *index, &mut constants, tensors).map_err(wrong)?;
            linker.first_values(&self.first_values).map_err(wrong)?;
            let inputs = linker.inputs().map_err(wrong)?;
            match choices.remove(index) {
                Some(choices) => linker.operators(choices).map_err(wrong)?,
                // Another subgraph runs it, too.
                None => linker.routine().map_err(wrong)?,
            }
            let placed = layout.graph(*index);
            let placed = placed.ok_or_else(|| Diagnostic::fault("there is no memory plan"))?;
            let mut entry = Entry {
                signature: None,
                graph: *index,
                inputs,
                outputs: linker.outputs().map_err(wrong)?,
                steps: linker.into_steps(),
                macs: 0,
                plan: placed.plan.clone(),
            };
            entry.macs = macs(&entry.steps, &program.routines);
            // Whatever shape its rows have.
            if let (true, Some(id), Some(port)) = (
                entry.input_rows().is_some(),
                self.model.graphs[*index].inputs.first(),
                entry.inputs.first_mut(),
            ) {
                port.shape
                    .clone_from(&self.model.graphs[*index].tensor(*id).shape);
            }
            if let Some(signature) = signature {
                name_ports(&self.model.graphs[*index], &mut entry, signature);
            }
            program.entries.push(entry);
        }
        program.constants = constants.into_bytes();
        roms::close(&mut roms, program.constants.bytes().len())?;
        program.roms = roms;
        if program.may_end_early() && program.entries.iter().any(|e| e.input_rows().is_some()) {
            return Err(
                rows::no_rows("a run of the model may end before there are outputs").into(),
            );
        }
        Ok(program)
    }
}

/// Multiply-accumulates of steps.
fn macs(steps: &[Step], routines: &[Routine]) -> u64 {
    // Each routine comes behind those that it runs.
    let mut of_routines: Vec<u64> = Vec::new();
    for routine in routines {
        let macs = macs_of(&routine.steps, &of_routines);
        of_routines.push(macs);
    }
    macs_of(steps, &of_routines)
}

fn macs_of(steps: &[Step], routines: &[u64]) -> u64 {
    let of_step = |step: &Step| match step {
        Step::Call(call) => call.macs,
        Step::Stream(stream) => {
            let calls = stream.stages.iter().flat_map(|stage| &stage.calls);
            let macs = calls.map(|moving| moving.call.macs);
            macs.fold(0, u64::saturating_add)
        }
        Step::Run(routine) => routines.get(*routine).copied().unwrap_or(0),
        Step::If {
            then, otherwise, ..
        } => macs_of(then, routines).max(macs_of(otherwise, routines)),
        Step::While { test, body, .. } => {
            macs_of(test, routines).saturating_add(macs_of(body, routines))
        }
        // Not of every run.
        Step::Once { .. } | Step::Wait { .. } | Step::Observe(_) => 0,
        // Nobody knows them.
        Step::Custom(_) => 0,
    };
    (steps.iter().map(of_step)).fold(0, |sum: u64, macs| sum.saturating_add(macs))
}

/// A subgraph, and the signature that names it.
type EntryPoint<'a> = (usize, Option<&'a Signature>);

/// The default subgraph first, with the first signature that names it, then all other signatures.
fn entry_points(model: &Model) -> Vec<EntryPoint<'_>> {
    let first = model.signatures.iter().position(|s| s.graph == 0);
    let mut entries = vec![(0, first.map(|first| &model.signatures[first]))];
    let others = model.signatures.iter().enumerate();
    let others = others.filter(|(position, _)| Some(*position) != first);
    entries.extend(others.map(|(_, signature)| (signature.graph, Some(signature))));
    entries
}

/// The subgraphs that entry points run, each once, in their order.
fn roots(entry_points: &[EntryPoint<'_>]) -> Vec<usize> {
    let mut met = HashSet::new();
    let all = entry_points.iter().map(|(root, _)| *root);
    all.filter(|root| met.insert(*root)).collect()
}

fn name_ports(graph: &Graph, entry: &mut Entry, signature: &Signature) {
    entry.signature = Some(signature.name.clone());
    let rename = |ports: &mut [Port], ids: &[TensorId], names: &[SignaturePort]| {
        let names = names_of_ports(names);
        for (port, id) in ports.iter_mut().zip(ids) {
            if let Some(name) = names.get(id) {
                port.name.clone_from(name);
            }
        }
    };
    rename(&mut entry.inputs, &graph.inputs, &signature.inputs);
    rename(&mut entry.outputs, &graph.outputs, &signature.outputs);
}

/// What there is to say of the operators of a subgraph that does not run.
fn judge(model: &Model, index: usize, options: &CompileOptions) -> Verdict {
    let (variables, _) = Variables::of(model, &[index]);
    let apart = PlanOptions {
        buffers: Buffers::Model,
        ..options.plan
    };
    Chosen::new(model, index, &variables, false, options).verdict(&apart)
}

/// Chooses what computes a subgraph and plans its arena: what [`compile`] links, and what there is to
/// know of the arena of a model that does not compile. Subgraphs that it runs are planned with it.
///
/// # Errors
/// If the sizes overflow, or the arena does not fit its bound.
pub fn plan_graph<'a>(
    model: &'a Model,
    index: usize,
    options: &CompileOptions,
) -> Result<(Cow<'a, Graph>, Plan)> {
    match passes::of_called(model, options.without) {
        Cow::Borrowed(model) => plan_of(model, index, options),
        Cow::Owned(model) => plan_of(&model, index, options)
            .map(|(graph, plan)| (Cow::Owned(graph.into_owned()), plan)),
    }
}

fn plan_of<'a>(
    model: &'a Model,
    index: usize,
    options: &CompileOptions,
) -> Result<(Cow<'a, Graph>, Plan)> {
    memories::check(&options.memories)?;
    let mut laid = laid_out(model, index, options);
    if options.has_rams() && options.max_arena != Some(0) {
        for options in by_rows(options) {
            laid = laid.or_else(|_| laid_out(model, index, &options));
        }
    }
    let LaidOut {
        mut graph,
        mut plan,
        ..
    } = laid?;
    let bound = options.max_arena.filter(|most| *most > 0);
    let most = bound.unwrap_or(usize::MAX);
    for options in least(model, options) {
        if plan.peak_bytes > most {
            let other = laid_out(model, index, &options)?;
            if other.plan.peak_bytes < plan.peak_bytes {
                (graph, plan) = (other.graph, other.plan);
            }
        }
    }
    match plan.peak_bytes <= most {
        true => Ok((graph, plan)),
        false => Err(too_large(plan.peak_bytes, most, &plan, options).into()),
    }
}

/// A subgraph whose memory is planned.
pub(super) struct LaidOut<'a> {
    pub(super) graph: Cow<'a, Graph>,
    pub(super) plan: Plan,
    pub(super) state_bytes: usize,
    /// Bytes that a kernel may work in, where there is a slower one that needs less.
    pub(super) room: usize,
}

/// The same, whatever the bound.
pub(super) fn laid_out<'a>(
    model: &'a Model,
    index: usize,
    options: &CompileOptions,
) -> Result<LaidOut<'a>> {
    let Choices {
        mut chosen,
        variables,
        ..
    } = Choices::new(model, &[index], options);
    if let Some(error) = Error::from_many(limits::not_custom(model, &options.custom)) {
        return Err(error);
    }
    if let Some(problem) = chosen.iter().find_map(|chosen| chosen.without_rows.clone()) {
        return Err(problem.into());
    }
    let layout = lay_out(&chosen, &[index], &variables, false, options)?;
    let plan = layout.graph(index).map(|placed| placed.plan.clone());
    // The last is the one that runs all others.
    let found = chosen.pop().zip(plan).map(|(chosen, plan)| LaidOut {
        room: chosen.room,
        graph: chosen.graph,
        plan,
        state_bytes: layout.state_bytes,
    });
    found.ok_or_else(|| Diagnostic::fault("there is no memory plan").into())
}
