//! Compiles a model: chooses what computes each entry's operators, plans its arena, and links both.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::link::Linker;
use super::variables;
use crate::error::{Diagnostic, Error, Result};
use crate::graph::{Graph, Model, Signature, SignaturePort, TensorId, names_of_ports};
use crate::ops;
use crate::passes;
use crate::plan::{OpMemory, Plan, PlanOptions};
use crate::program::{
    Choice, Choosing, ConstantPool, Entry, Port, Program, Purpose, Step, element,
};

/// The most kernel calls of a program, of all its entry points.
const MOST_STEPS: usize = 4096;
/// The most inputs and outputs of a program, of all its entry points.
const MOST_PORTS: usize = 1024;

/// What a user may choose.
#[derive(Debug, Clone, Default)]
pub struct CompileOptions {
    /// How to plan the arena.
    pub plan: PlanOptions,
}

/// Compiles a model.
///
/// # Errors
/// Every operator that cannot be compiled, with its place and the reason.
pub fn compile(model: &Model, options: &CompileOptions) -> Result<Program> {
    Attempt::new(model, options).program()
}

/// A model, compiled as far as it goes.
#[derive(Debug)]
pub struct Examined {
    /// The program, or every operator that cannot be compiled.
    pub program: Result<Program>,
    /// What there is to say of each subgraph, entry point or not.
    pub verdicts: Vec<Verdict>,
}

/// Compiles a model, and says of every subgraph what there is to know whether or not it compiles. Each
/// is planned once.
pub fn examine(model: &Model, options: &CompileOptions) -> Examined {
    let mut attempt = Attempt::new(model, options);
    let compiled = attempt.entries.iter().map(|entry| {
        let verdict = Verdict {
            plan: Some(entry.plan.clone()),
            problems: Vec::new(),
        };
        (entry.graph, verdict)
    });
    let mut known: HashMap<usize, Verdict> = compiled.collect();
    known.extend(std::mem::take(&mut attempt.refused));
    let verdict = |(index, graph)| {
        let known = known.remove(&index);
        known.unwrap_or_else(|| judge(graph, &options.plan))
    };
    Examined {
        verdicts: model.graphs.iter().enumerate().map(verdict).collect(),
        program: attempt.program(),
    }
}

/// The entry points of a model, compiled or refused.
struct Attempt<'a> {
    model: &'a Model,
    constants: ConstantPool,
    entries: Vec<Entry>,
    /// Subgraphs that do not compile.
    refused: Vec<(usize, Verdict)>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Attempt<'a> {
    fn new(model: &'a Model, options: &CompileOptions) -> Self {
        let entry_points = entry_points(model);
        let mut attempt = Self {
            model,
            constants: ConstantPool::default(),
            entries: Vec::new(),
            refused: Vec::new(),
            diagnostics: variables::check(model, &entry_points),
        };
        for (index, signature) in entry_points {
            match compile_graph(model, index, options, &mut attempt.constants) {
                Ok(mut entry) => {
                    if let Some(signature) = signature {
                        name_ports(&model.graphs[index], &mut entry, signature);
                    }
                    attempt.entries.push(entry);
                }
                Err(verdict) => {
                    let problems = verdict.problems.iter().cloned();
                    let problems = problems.map(|d| d.in_subgraph(index));
                    attempt.diagnostics.extend(problems);
                    attempt.refused.push((index, verdict));
                }
            }
        }
        attempt
    }

    /// Code for thousands of calls takes this generator seconds and the compiler minutes.
    fn too_many_steps(&self) -> Option<Diagnostic> {
        let steps: usize = self.entries.iter().map(|entry| entry.steps.len()).sum();
        (steps > MOST_STEPS).then(|| {
            Diagnostic::new("the model needs more kernel calls than the compiled engine makes")
                .expected(format_args!("at most {MOST_STEPS}"))
                .found(steps)
                .help("make the model of fewer operators, or of operators with fewer inputs")
        })
    }

    /// Each is a function, with its types, in what is written.
    fn too_many_ports(&self) -> Option<Diagnostic> {
        let ports = |entry: &Entry| entry.inputs.len() + entry.outputs.len();
        let ports: usize = self.entries.iter().map(ports).sum();
        (ports > MOST_PORTS).then(|| {
            Diagnostic::new("the model has more inputs and outputs than the compiled engine takes")
                .expected(format_args!("at most {MOST_PORTS}"))
                .found(ports)
                .help("concatenate them in the model, or convert fewer signatures")
        })
    }

    fn program(mut self) -> Result<Program> {
        self.diagnostics.extend(self.too_many_steps());
        self.diagnostics.extend(self.too_many_ports());
        let compiled = match Error::from_many(self.diagnostics) {
            Some(error) => Err(error),
            None => Program {
                name: self.model.stem().to_owned(),
                arena_bytes: (self.entries.iter().map(|e| e.plan.peak_bytes).max()).unwrap_or(0),
                constants: self.constants.into_bytes(),
                entries: self.entries,
            }
            .checked(),
        };
        compiled.map_err(|error| error.in_file(&self.model.file))
    }
}

/// A subgraph, and the signature that names it.
pub(super) type EntryPoint<'a> = (usize, Option<&'a Signature>);

/// The default subgraph first, then the others that a signature names, each once.
fn entry_points(model: &Model) -> Vec<EntryPoint<'_>> {
    let signature_of = |graph| model.signatures.iter().find(|s| s.graph == graph);
    let mut entries = vec![(0, signature_of(0))];
    let mut met = HashSet::from([0]);
    for signature in &model.signatures {
        if met.insert(signature.graph) {
            entries.push((signature.graph, Some(signature)));
        }
    }
    entries
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

fn compile_graph(
    model: &Model,
    index: usize,
    options: &CompileOptions,
    constants: &mut ConstantPool,
) -> std::result::Result<Entry, Verdict> {
    let chosen = Chosen::new(&model.graphs[index]);
    let plan = chosen.plan(&options.plan).map_err(unplanned)?;
    if !chosen.problems.is_empty() {
        return Err(Verdict {
            plan: Some(plan),
            problems: chosen.problems,
        });
    }
    let wrong = |plan: &Plan, problem| Verdict {
        plan: Some(plan.clone()),
        problems: vec![problem],
    };
    let mut choices = chosen.choices;
    let mut linker = Linker::new(&chosen.graph, &plan, constants);
    for &operator in &plan.order {
        let choice = std::mem::take(&mut choices[operator]);
        linker
            .operator(operator, choice)
            .map_err(|d| wrong(&plan, d))?;
    }
    let inputs = linker.inputs().map_err(|d| wrong(&plan, d))?;
    let outputs = linker.outputs().map_err(|d| wrong(&plan, d))?;
    let (steps, observations) = linker.into_steps();
    Ok(Entry {
        signature: None,
        graph: index,
        inputs,
        outputs,
        macs: (steps.iter()).fold(0, |sum: u64, s: &Step| sum.saturating_add(s.macs)),
        steps,
        observations,
        plan,
    })
}

/// What was chosen for a graph, as far as it goes.
struct Chosen<'a> {
    /// The graph after all passes.
    graph: Cow<'a, Graph>,
    /// By operator; empty for those that are done at build time.
    choices: Vec<Choice>,
    /// Of every operator that cannot be compiled, in the file's order, then of inputs and outputs.
    problems: Vec<Diagnostic>,
}

impl<'a> Chosen<'a> {
    fn new(graph: &'a Graph) -> Self {
        let passed = passes::run(graph);
        let graph = passed.graph;
        let mut unfolded: HashMap<usize, Diagnostic> = passed.unfolded.into_iter().collect();
        let mut problems = Vec::new();
        let mut choices = Vec::new();
        let mut calls = 0;
        for (index, operator) in graph.operators.iter().enumerate() {
            let folded = |id: &TensorId| graph.tensor(*id).is_constant();
            if !operator.outputs.is_empty() && operator.outputs.iter().all(folded) {
                choices.push(Choice::default());
                continue;
            }
            let (mut choice, verdict) = ops::choose(&graph, index);
            calls += choice.calls.len();
            if calls > MOST_STEPS + choice.calls.len() {
                // The model is refused for what there is already.
                choice.calls = Vec::new();
                choice.constants = Vec::new();
            }
            choices.push(choice);
            if let Err(problem) = verdict {
                problems.push(unfolded.remove(&index).unwrap_or(problem));
            }
        }
        let choosing = Choosing::new(&graph, Purpose::Firmware);
        let inputs = graph.inputs.iter().map(|id| choosing.activation(*id).err());
        let outputs = graph.outputs.iter().map(|id| element(&graph, *id).err());
        problems.extend(inputs.chain(outputs).flatten());
        Self {
            choices,
            problems,
            graph,
        }
    }

    fn plan(&self, options: &PlanOptions) -> Result<Plan> {
        let memory: Vec<&OpMemory> = self.choices.iter().map(|c| &c.memory).collect();
        Plan::new(&self.graph, |_, index| memory[index].clone(), options)
    }
}

/// What the compiled engine makes of one subgraph, entry point or not.
#[derive(Debug)]
pub struct Verdict {
    /// Its plan; none where its sizes cannot be planned.
    pub plan: Option<Plan>,
    /// Why it does not compile: every operator that is refused, among others.
    pub problems: Vec<Diagnostic>,
}

/// What there is to say of the operators of a subgraph that is no entry point.
fn judge(graph: &Graph, options: &PlanOptions) -> Verdict {
    let chosen = Chosen::new(graph);
    match chosen.plan(options) {
        Ok(plan) => Verdict {
            plan: Some(plan),
            problems: chosen.problems,
        },
        Err(error) => unplanned(error),
    }
}

fn unplanned(error: Error) -> Verdict {
    Verdict {
        plan: None,
        problems: error.diagnostics().to_vec(),
    }
}

/// Chooses what computes a subgraph and plans its arena: what [`compile`] links, and what there is to
/// know of the arena of a model that does not compile.
///
/// # Errors
/// If the sizes overflow.
pub fn plan_graph<'a>(graph: &'a Graph, options: &PlanOptions) -> Result<(Cow<'a, Graph>, Plan)> {
    let chosen = Chosen::new(graph);
    let plan = chosen.plan(options)?;
    Ok((chosen.graph, plan))
}
