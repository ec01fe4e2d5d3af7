//! The facts of one model.

use std::collections::{BTreeMap, HashMap, HashSet};

use castiron_board::cost::RunCost;
use castiron_codegen::compile::{self, CodeTable, CompileOptions, Examined};
use castiron_codegen::error::{Diagnostic, Error, Result};
use castiron_codegen::graph::{self, DType, Graph, OptionValue, Options, TensorId};
use castiron_codegen::program::{self, Memory, Program, Step};
use castiron_codegen::report::{GraphReport, OperatorReport, PassReport, Report as Facts};
use castiron_codegen::tflm::arena::{Arena, ArenaOptions};

use crate::data::{
    Arithmetic, Change, Compiled, Model, Operator, Quantization, Signature, Subgraph, Tensor, Tflm,
};
use crate::draft::{Settings, Source};
use crate::problems::{problems, problems_of_one};
use crate::{advice, cost, data, digest, memory};

/// What there is to know of a model.
pub(crate) struct Examination {
    /// Its facts.
    pub(crate) model: Model,
    /// Its program, if it compiles.
    pub(crate) program: Option<Program>,
    /// Every limit that it does not keep.
    pub(crate) beyond_limits: Vec<Diagnostic>,
}

/// Looks at a model.
pub(crate) fn examine(source: &Source<'_>, settings: &Settings) -> Result<Examination> {
    let (model, options) = (source.model, &settings.compile);
    let examined = compile::examine(model, options);
    let facts = Facts::new(model, &examined);
    let program = examined.program.as_ref().ok();
    let costs = cost::of(
        model,
        options,
        program,
        settings.processor(),
        settings.is_supposed,
    )?;
    let subgraphs = model.graphs.iter().zip(&facts.subgraphs);
    let found = Model {
        position: 0,
        rank: None,
        file: model.file.clone(),
        name: source.name.to_owned(),
        board: settings
            .place
            .as_ref()
            .map(|place| place.board.name.clone()),
        file_bytes: source.bytes.len(),
        sha256: digest::sha256(source.bytes),
        description: facts.description.clone(),
        arithmetic: arithmetic(model),
        macs: facts.totals.macs,
        operators_without_macs: facts.totals.operators_without_macs,
        constant_bytes: facts.totals.constant_bytes,
        signatures: (facts.signatures.iter())
            .map(|signature| Signature {
                name: signature.name.clone(),
                subgraph: signature.subgraph,
            })
            .collect(),
        subgraphs: subgraphs
            .map(|(graph, facts)| subgraph(graph, facts, program, &costs))
            .collect(),
        compiled: compiled(model, options, &examined, &facts)?,
        costs: costs.into_iter().map(data::RunCost::from).collect(),
        tflm: tflm(model, &facts),
        memory: memory::of(model, options, plan(&examined)),
        advice: advice::of(source, &facts),
        fit: None,
        quality: None,
        time: None,
        measured: None,
        recorded: None,
    };
    Ok(Examination {
        model: found,
        program: examined.program.ok(),
        beyond_limits: examined.beyond,
    })
}

/// The plan that is linked, or at least that of the subgraph alone.
fn plan(examined: &Examined) -> Option<&castiron_codegen::plan::Plan> {
    let linked = examined.program.as_ref().ok();
    let linked = linked.and_then(|program| program.entries.first());
    let alone = || examined.verdicts.first()?.plan.as_ref();
    linked.map(|entry| &entry.plan).or_else(alone)
}

/// What the operators that multiply compute in.
fn arithmetic(model: &castiron_codegen::Model) -> Arithmetic {
    if model.is_hybrid() {
        return Arithmetic::Hybrid;
    }
    let mut multiplying = (model.graphs.iter()).flat_map(|graph| {
        let operators = graph.operators.iter().filter(|o| multiplies(o));
        operators.map(move |operator| (graph, operator))
    });
    let in_floats = |(graph, operator): (&Graph, &graph::Operator)| {
        let input = operator.inputs.first().copied().flatten();
        input.is_some_and(|id| graph.tensor(id).dtype == DType::Float32)
    };
    match multiplying.next() {
        None => Arithmetic::None,
        Some(first) if in_floats(first) || multiplying.any(in_floats) => Arithmetic::Float32,
        Some(_) => Arithmetic::Integer,
    }
}

/// Whether an operator has weights that it multiplies with.
pub(crate) fn multiplies(operator: &graph::Operator) -> bool {
    use castiron_codegen::graph::BuiltinOperator as B;
    let graph::OpKind::Builtin(kind) = operator.kind else {
        return false;
    };
    matches!(
        kind,
        B::Conv2d
            | B::DepthwiseConv2d
            | B::FullyConnected
            | B::TransposeConv
            | B::UnidirectionalSequenceLstm
            | B::Svdf
            | B::BatchMatmul
    )
}

/// An operator's weights: its constant second input, if it multiplies.
pub(crate) fn weights<'g>(
    graph: &'g Graph,
    operator: &graph::Operator,
) -> Option<&'g graph::Tensor> {
    let id = operator.inputs.get(1).copied().flatten()?;
    Some(graph.tensor(id)).filter(|tensor| multiplies(operator) && tensor.is_constant())
}

fn subgraph(
    graph: &Graph,
    facts: &GraphReport,
    program: Option<&Program>,
    costs: &[RunCost],
) -> Subgraph {
    let numbers = Numbers::of(graph);
    let code = program.map(|program| CallFacts::of(program, facts.index));
    let at = facts.index;
    let index = |id: &TensorId| numbers.of.get(id).copied().unwrap_or_default();
    let operators = graph.operators.iter().zip(&facts.operators);
    Subgraph {
        name: facts.name.clone(),
        inputs: graph.inputs.iter().map(index).collect(),
        outputs: graph.outputs.iter().map(index).collect(),
        operators: operators
            .map(|(operator, facts)| {
                let own = code.as_ref().and_then(|code| code.of.get(&facts.index));
                Operator {
                    inputs: (operator.inputs.iter())
                        .map(|id| id.as_ref().map(index))
                        .collect(),
                    outputs: operator.outputs.iter().map(index).collect(),
                    options: options(&operator.options),
                    activation_bytes: activation_bytes(graph, operator),
                    packed_bytes: own.map(|own| own.constants.values().sum()),
                    costs: cost::of_operator(costs, at, facts.index),
                    kernels: own.map(|own| own.kernels.clone()).unwrap_or_default(),
                    ..Operator::from(facts)
                }
            })
            .collect(),
        tensors: (numbers.ids.iter())
            .map(|id| Tensor::from(graph.tensor(*id)))
            .collect(),
        passes: facts.passes.iter().map(Change::from).collect(),
    }
}

/// Numbers of the tensors that anything names.
struct Numbers {
    ids: Vec<TensorId>,
    of: HashMap<TensorId, usize>,
}

impl Numbers {
    fn of(graph: &Graph) -> Self {
        let mut numbers = Self {
            ids: Vec::new(),
            of: HashMap::new(),
        };
        let operators = graph.operators.iter();
        let operands = operators.flat_map(|o| o.inputs.iter().flatten().chain(&o.outputs));
        for id in graph.inputs.iter().chain(&graph.outputs).chain(operands) {
            let next = numbers.ids.len();
            numbers.of.entry(*id).or_insert_with(|| {
                numbers.ids.push(*id);
                next
            });
        }
        numbers
    }
}

/// Options by name.
fn options(options: &Options) -> BTreeMap<String, String> {
    match options {
        Options::None | Options::Unread(_) => BTreeMap::new(),
        Options::Listed(listed) => {
            let named = listed.iter().map(|(name, value)| {
                let value = match value {
                    OptionValue::Integer(value) => value.to_string(),
                    OptionValue::Bool(value) => value.to_string(),
                    OptionValue::Float(value) => value.to_string(),
                    OptionValue::Activation(value) => format!("{value:?}"),
                };
                ((*name).to_owned(), value)
            });
            named.collect()
        }
        Options::Custom(bytes) => {
            let digest = (!bytes.is_empty()).then(|| ("bytes".to_owned(), digest::short(bytes)));
            digest.into_iter().collect()
        }
        other => fields(&format!("{other:?}")),
    }
}

/// The fields of a variant's struct, of `Conv2d(Conv2dOptions { padding: Same, stride: (2, 2) })`.
fn fields(text: &str) -> BTreeMap<String, String> {
    let inner = text
        .split_once("{ ")
        .and_then(|(_, rest)| rest.rsplit_once(" }"));
    let Some((inner, _)) = inner else {
        return BTreeMap::new();
    };
    let mut depth = 0_usize;
    let fields = inner.split(|c| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    let named = fields.filter_map(|field| field.trim().split_once(": "));
    // Only passes make a border.
    let named = named.filter(|(name, _)| *name != "border");
    named
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn activation_bytes(graph: &Graph, operator: &graph::Operator) -> usize {
    let operands = operator.inputs.iter().flatten().chain(&operator.outputs);
    let distinct: HashSet<&TensorId> = operands.collect();
    let tensors = distinct.into_iter().map(|id| graph.tensor(*id));
    let activations = tensors.filter(|tensor| !tensor.is_constant());
    activations.map(graph::Tensor::bytes).sum()
}

impl From<&OperatorReport> for Operator {
    /// All but the operands, whose numbers are the subgraph's, and what the program has of it.
    fn from(facts: &OperatorReport) -> Self {
        Self {
            name: facts.name.clone(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            options: BTreeMap::new(),
            macs: facts.macs,
            operations: facts.work.as_ref().map(|work| work.operations),
            weight_bytes: facts.constant_bytes,
            packed_bytes: None,
            activation_bytes: 0,
            live_bytes: facts.live_bytes,
            joined_into: facts.joined_into,
            costs: Vec::new(),
            measured_instructions: None,
            measured_cycles: None,
            kernels: Vec::new(),
            compiled: facts.compiled,
            tflm: facts.tflm,
        }
    }
}

impl From<&graph::Tensor> for Tensor {
    fn from(tensor: &graph::Tensor) -> Self {
        let unknown = !tensor.unknown_sizes().is_empty();
        Self {
            name: tensor.name.clone(),
            dtype: tensor.dtype.name(),
            shape: tensor.shape.clone(),
            shape_signature: tensor.shape_signature.clone().filter(|_| unknown),
            bytes: tensor.bytes(),
            constant: tensor.is_constant(),
            digest: tensor.data.as_deref().map(digest::short),
            quantization: tensor.quantization.as_ref().map(Quantization::from),
        }
    }
}

impl From<&graph::Quantization> for Quantization {
    fn from(quantization: &graph::Quantization) -> Self {
        let scales = quantization.scale.iter().copied();
        let greatest = scales.clone().fold(0.0, f32::max);
        Self {
            scale: scales.clone().fold(f32::INFINITY, f32::min),
            greatest_scale: (scales.len() > 1).then_some(greatest),
            scales: scales.len(),
            zero_point: quantization.zero_point.first().copied().unwrap_or_default(),
        }
    }
}

impl From<&PassReport> for Change {
    fn from(pass: &PassReport) -> Self {
        Self {
            pass: pass.pass,
            operators: pass.operators.clone(),
            effect: pass.effect,
            channels: pass.channels,
            macs: pass.macs,
        }
    }
}

/// What the program calls for an operator.
#[derive(Default)]
struct CallFact {
    kernels: Vec<String>,
    /// Bytes of packed constants by where they begin: calls may share some.
    constants: BTreeMap<usize, usize>,
}

/// The same of all operators of a subgraph.
struct CallFacts {
    of: HashMap<usize, CallFact>,
}

impl CallFacts {
    fn of(program: &Program, subgraph: usize) -> Self {
        let routines = program.routines.iter().map(|r| (r.graph, &r.steps));
        let entries = program.entries.iter().map(|e| (e.graph, &e.steps));
        let own = routines.chain(entries).filter(|(at, _)| *at == subgraph);
        // Signatures of one subgraph have the same steps each.
        let steps: Vec<&Vec<Step>> = own.map(|(_, steps)| steps).take(1).collect();
        let mut facts = Self { of: HashMap::new() };
        for call in steps.into_iter().flat_map(|steps| program::calls(steps)) {
            let fact = facts.of.entry(call.origin.operator).or_default();
            let name = call.kernel.name();
            if !fact.kernels.contains(&name) {
                fact.kernels.push(name);
            }
            let constants = call.operands.iter();
            for operand in constants.filter(|operand| operand.memory == Memory::Constants) {
                let range = operand.range();
                fact.constants.insert(range.start, range.len());
            }
        }
        facts
    }
}

fn compiled(
    model: &castiron_codegen::Model,
    options: &CompileOptions,
    examined: &Examined,
    facts: &Facts,
) -> Result<Compiled> {
    let program = examined.program.as_ref().ok();
    let table = CodeTable::cortex_m()?;
    let found = examined.program.as_ref().err().map(Error::diagnostics);
    Ok(Compiled {
        ok: program.is_some(),
        ram_bytes: program.map(Program::ram_bytes),
        arena_bytes: program.map(|program| program.arena_bytes),
        state_bytes: program.map(|program| program.state_bytes),
        caller_input_bytes: facts.compiled.caller_input_bytes,
        caller_output_bytes: facts.compiled.caller_output_bytes,
        run_macs: program.and_then(|program| program.entries.iter().map(|entry| entry.macs).max()),
        weight_bytes: program.map(|program| program.constants.bytes().len()),
        code_bytes: program.map(|program| table.of_model(model, options, program)),
        code_error_percent: program.map(|_| table.mean_error_percent),
        problems: problems_of_one(found.unwrap_or_default()),
        beyond_limits: problems_of_one(&examined.beyond),
    })
}

fn tflm(model: &castiron_codegen::Model, facts: &Facts) -> Tflm {
    let verdict = &facts.tflm.verdict;
    let stated: Vec<Diagnostic> = [&verdict.refused[..], &verdict.differs[..]].concat();
    let mut found = problems(&stated);
    let arena = match Arena::new(model, &ArenaOptions::default()) {
        Ok(arena) => Some(arena),
        Err(error) if found.is_empty() => {
            found.extend(problems_of_one(error.diagnostics()));
            None
        }
        Err(_) => None,
    };
    Tflm {
        ok: facts.tflm.ok,
        revision: facts.tflm.revision,
        arena_bytes: arena.as_ref().map(|arena| arena.safe_from_bytes),
        head_bytes: arena.as_ref().map(|arena| arena.head_bytes),
        tail_bytes: arena.as_ref().map(|arena| arena.tail_bytes),
        problems: found,
    }
}
