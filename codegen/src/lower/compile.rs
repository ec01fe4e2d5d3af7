//! Compiles a model: plans each entry's subgraph and lowers its operators in order.

use std::borrow::Cow;

use super::constants::ConstantPool;
use super::lowering::Lowering;
use super::program::{Entry, Port, Program, Step};
use crate::error::{Diagnostic, Error, Result};
use crate::graph::{Graph, Model, Signature, SignaturePort, TensorId};
use crate::ops;
use crate::passes;
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
    let mut diagnostics = Vec::new();
    let mut arena_bytes = 0;
    for (index, signature) in entry_points(model) {
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
    match Error::from_many(diagnostics) {
        Some(error) => Err(error.in_file(&model.file)),
        None => Ok(Program {
            name: model.stem().to_owned(),
            arena_bytes,
            constants: constants.into_bytes(),
            entries,
        }),
    }
}

/// The default subgraph first, then the others that a signature names, each once.
fn entry_points(model: &Model) -> Vec<(usize, Option<&Signature>)> {
    let signature_of = |graph| model.signatures.iter().find(|s| s.graph == graph);
    let mut entries = vec![(0, signature_of(0))];
    for signature in &model.signatures {
        if entries.iter().all(|(graph, _)| *graph != signature.graph) {
            entries.push((signature.graph, Some(signature)));
        }
    }
    entries
}

fn name_ports(graph: &Graph, entry: &mut Entry, signature: &Signature) {
    entry.signature = Some(signature.name.clone());
    let rename = |ports: &mut [Port], ids: &[TensorId], names: &[SignaturePort]| {
        for (port, id) in ports.iter_mut().zip(ids) {
            if let Some(named) = names.iter().find(|n| n.tensor == *id) {
                port.name.clone_from(&named.name);
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
    let unsupported = model.graphs[index]
        .operators
        .iter()
        .enumerate()
        .filter(|(_, operator)| ops::family(&operator.kind).is_none())
        .map(|(i, operator)| {
            Diagnostic::new("the compiled engine does not support this operator")
                .at_operator(i, &operator.kind)
                .help("`castiron gen-resolver` tells whether TensorFlow Lite Micro has it")
        });
    if let Some(error) = Error::from_many(unsupported.collect()) {
        return Err(error);
    }
    let (graph, plan) = plan_graph(&model.graphs[index], &options.plan)?;
    let graph = &*graph;
    let mut lowering = Lowering::new(graph, &plan, constants);
    let mut diagnostics = Vec::new();
    for &operator in &plan.order {
        if let Err(d) = lowering.operator(operator) {
            diagnostics.push(d);
        }
    }
    let outputs = lowering.outputs().map_err(|d| diagnostics.push(d));
    let inputs = graph
        .inputs
        .iter()
        .map(|id| lowering.port(*id, lowering.activation(*id)?))
        .collect::<Result<Vec<_>, Diagnostic>>()
        .map_err(|d| diagnostics.push(d));
    let (steps, observations) = lowering.into_steps();
    if let Some(error) = Error::from_many(diagnostics) {
        return Err(error);
    }
    Ok(Entry {
        signature: None,
        graph: index,
        inputs: inputs.unwrap_or_default(),
        outputs: outputs.unwrap_or_default(),
        macs: (steps.iter()).fold(0, |sum: u64, s: &Step| sum.saturating_add(s.macs)),
        steps,
        observations,
        plan,
    })
}

/// Runs the passes over a subgraph and plans its arena: what [`compile`] lowers, and what there
/// is to know of the arena of a model that does not compile.
///
/// # Errors
/// If a pass meets an operator that it cannot evaluate, or the sizes overflow.
pub fn plan_graph<'a>(graph: &'a Graph, options: &PlanOptions) -> Result<(Cow<'a, Graph>, Plan)> {
    let graph = passes::run(graph)?;
    let plan = Plan::new(&graph, ops::memory, options)?;
    Ok((graph, plan))
}
