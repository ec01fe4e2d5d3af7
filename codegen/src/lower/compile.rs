//! Compiles a model: plans each entry's subgraph and lowers its operators in order.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

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
    let mut constants = ConstantPool::default();
    let mut entries = Vec::new();
    let mut arena_bytes = 0;
    let entry_points = entry_points(model);
    let mut diagnostics = variables::check(model, &entry_points);
    for (index, signature) in entry_points {
        match compile_graph(model, index, options, &mut constants) {
            Ok(mut entry) => {
                arena_bytes = arena_bytes.max(entry.plan.peak_bytes);
                if let Some(signature) = signature {
                    name_ports(&model.graphs[index], &mut entry, signature);
                }
                entries.push(entry);
            }
            Err(error) => {
                diagnostics.extend(error.in_subgraph(index).diagnostics().to_vec());
            }
        }
    }
    let compiled = match Error::from_many(diagnostics) {
        Some(error) => Err(error),
        None => Program {
            name: model.stem().to_owned(),
            arena_bytes,
            constants: constants.into_bytes(),
            entries,
        }
        .checked(),
    };
    compiled.map_err(|error| error.in_file(&model.file))
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
) -> Result<Entry> {
    let (passed, plan) = plan_passed(&model.graphs[index], &options.plan)?;
    let lowered = Lowered::new(&passed, &plan, constants);
    if let Some(error) = Error::from_many(lowered.problems) {
        return Err(error);
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

/// Lowers a subgraph for what there is to say of its operators: also of a subgraph that is no entry
/// point, or that does not compile.
pub fn judge(graph: &Graph, options: &PlanOptions) -> Verdict {
    match plan_passed(graph, options) {
        Ok((passed, plan)) => Verdict {
            problems: Lowered::new(&passed, &plan, &mut ConstantPool::default()).problems,
            plan: Some(plan),
        },
        Err(error) => Verdict {
            plan: None,
            problems: error.diagnostics().to_vec(),
        },
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
