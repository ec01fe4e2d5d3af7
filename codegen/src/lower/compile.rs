//! Compiles a model: plans each entry's subgraph and lowers its operators in order.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::constants::ConstantPool;
use super::lowering::Lowering;
use super::program::{Entry, Port, Program, Step};
use super::trace::Observation;
use super::variables;
use crate::error::{Diagnostic, Error, Result};
use crate::graph::{Graph, Model, Signature, SignaturePort, TensorId, names_of_ports};
use crate::ops;
use crate::passes::{self, Passed};
use crate::plan::{Plan, PlanOptions};

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
    let (passed, plan) = plan_passed(&model.graphs[index], &options.plan).map_err(unplanned)?;
    let lowered = Lowered::new(&passed, &plan, constants);
    if !lowered.problems.is_empty() {
        return Err(Verdict {
            plan: Some(plan),
            problems: lowered.problems,
        });
    }
    let steps = lowered.steps;
    Ok(Entry {
        signature: None,
        graph: index,
        inputs: lowered.inputs,
        outputs: lowered.outputs,
        macs: (steps.iter()).fold(0, |sum: u64, s: &Step| sum.saturating_add(s.macs)),
        steps,
        observations: lowered.observations,
        plan,
    })
}

/// What lowering makes of a graph, as far as it goes.
struct Lowered {
    steps: Vec<Step>,
    observations: Vec<Observation>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    /// Of every operator that cannot be compiled, in the file's order, then of inputs and outputs.
    problems: Vec<Diagnostic>,
}

impl Lowered {
    fn new(passed: &Passed<'_>, plan: &Plan, constants: &mut ConstantPool) -> Self {
        let graph = &*passed.graph;
        let mut lowering = Lowering::new(graph, plan, constants);
        let mut refused = BTreeMap::new();
        for &operator in &plan.order {
            if let Err(d) = lowering.operator(operator) {
                refused.insert(operator, d);
            }
        }
        for (operator, reason) in &passed.unfolded {
            if let Some(d) = refused.get_mut(operator) {
                d.clone_from(reason);
            }
        }
        let mut problems: Vec<Diagnostic> = refused.into_values().collect();
        let inputs = graph.inputs.iter();
        let inputs: Result<Vec<_>, Diagnostic> = inputs
            .map(|id| lowering.port(*id, lowering.activation(*id)?))
            .collect();
        let outputs = lowering.outputs();
        let (steps, observations) = lowering.into_steps();
        Self {
            steps,
            observations,
            inputs: inputs.map_err(|d| problems.push(d)).unwrap_or_default(),
            outputs: outputs.map_err(|d| problems.push(d)).unwrap_or_default(),
            problems,
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
}

/// Lowers a subgraph that is no entry point, for what there is to say of its operators.
fn judge(graph: &Graph, options: &PlanOptions) -> Verdict {
    match plan_passed(graph, options) {
        Ok((passed, plan)) => Verdict {
            problems: Lowered::new(&passed, &plan, &mut ConstantPool::default()).problems,
            plan: Some(plan),
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

/// Runs the passes over a subgraph and plans its arena: what [`compile`] lowers, and what there
/// is to know of the arena of a model that does not compile.
///
/// # Errors
/// If the sizes overflow.
pub fn plan_graph<'a>(graph: &'a Graph, options: &PlanOptions) -> Result<(Cow<'a, Graph>, Plan)> {
    plan_passed(graph, options).map(|(passed, plan)| (passed.graph, plan))
}

fn plan_passed<'a>(graph: &'a Graph, options: &PlanOptions) -> Result<(Passed<'a>, Plan)> {
    let passed = passes::run(graph);
    let plan = Plan::new(&passed.graph, ops::memory, options)?;
    Ok((passed, plan))
}
