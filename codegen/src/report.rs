//! What there is to say about a model, as one serialisable value: every front end shows the same.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;

use crate::compile::{Examined, Verdict};
use crate::error::{Diagnostic, Error, Result};
use crate::graph::{
    BuiltinOperator, Graph, Model, OpKind, Operator, Options, Quantization, Signature,
    SignaturePort, TensorId,
};
use crate::ops;
use crate::passes::{Change, Effect};
use crate::plan::{Part, Plan, Speed};
use crate::program::{Port, Program, WeightPart};
use crate::tflm::arena::Kernels;
use crate::tflm::{self, TFLM_REVISION};
use crate::work;

/// The facts of a model. Its JSON is kept stable; keys may be added.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The file's name without directories, so that a report does not depend on where it is made.
    pub file: String,
    /// Bytes of the file.
    pub file_bytes: usize,
    /// The writer's free text.
    pub description: String,
    /// Named entry points.
    pub signatures: Vec<SignatureReport>,
    /// All subgraphs; the first is the one run by default.
    pub subgraphs: Vec<GraphReport>,
    /// What the compiled engine makes of the model.
    pub compiled: CompiledReport,
    /// What TensorFlow Lite Micro's reference kernels make of it.
    pub tflm: TflmReport,
    /// Sums over all subgraphs.
    pub totals: Totals,
}

/// A named entry point.
#[derive(Debug, Clone, Serialize)]
pub struct SignatureReport {
    /// Its key.
    pub name: String,
    /// The subgraph it runs.
    pub subgraph: usize,
    /// Names of inputs.
    pub inputs: Vec<PortReport>,
    /// Names of outputs.
    pub outputs: Vec<PortReport>,
}

/// A signature's name for a tensor.
#[derive(Debug, Clone, Serialize)]
pub struct PortReport {
    /// The name.
    pub name: String,
    /// Index of the tensor in the subgraph.
    pub tensor: usize,
}

/// One subgraph.
#[derive(Debug, Clone, Serialize)]
pub struct GraphReport {
    /// Its index.
    pub index: usize,
    /// The writer's name.
    pub name: String,
    /// Inputs, in order.
    pub inputs: Vec<TensorReport>,
    /// Outputs, in order.
    pub outputs: Vec<TensorReport>,
    /// Operators, in the file's order.
    pub operators: Vec<OperatorReport>,
    /// The arena's plan in short; none where it cannot be planned.
    pub arena: Option<ArenaReport>,
    /// What passes do to the operators in the compiled engine.
    pub passes: Vec<PassReport>,
}

/// What a pass does to some operators.
#[derive(Debug, Clone, Serialize)]
pub struct PassReport {
    /// The pass.
    pub pass: &'static str,
    /// The operators.
    pub operators: Vec<usize>,
    /// `folded`, `removed`, `joined`, `permuted`, `narrowed` or `inferred`.
    pub effect: &'static str,
    /// The tensor whose shape is inferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tensor: Option<usize>,
    /// Its shape in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_shape: Option<Vec<usize>>,
    /// Its shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inferred_shape: Option<Vec<usize>>,
    /// Of what is narrowed, the channels of its output: in the file, and those that are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<[usize; 2]>,
    /// Of what is narrowed, its multiply-accumulates: in the file, and those that are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macs: Option<[u64; 2]>,
}

/// An input or output of a subgraph.
#[derive(Debug, Clone, Serialize)]
pub struct TensorReport {
    /// Index in the subgraph.
    pub index: usize,
    /// The writer's name.
    pub name: String,
    /// Name of the element type.
    pub dtype: &'static str,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// The shape with -1 for sizes that the converter did not know, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape_signature: Option<Vec<i32>>,
    /// Bytes in memory.
    pub bytes: usize,
    /// Quantisation, if any.
    pub quantization: Option<QuantizationReport>,
}

/// Scale and zero point, per tensor or per channel along a dimension.
#[derive(Debug, Clone, Serialize)]
pub struct QuantizationReport {
    /// Scales.
    pub scale: Vec<f32>,
    /// Zero points.
    pub zero_point: Vec<i32>,
    /// The channel dimension; means something where there are several scales.
    pub dimension: usize,
}

/// One operator.
#[derive(Debug, Clone, Serialize)]
pub struct OperatorReport {
    /// Index in the subgraph.
    pub index: usize,
    /// The schema's name, or the custom operator's.
    pub name: String,
    /// The operator's version.
    pub version: u32,
    /// Inputs; `null` where an optional one is left out.
    pub inputs: Vec<Option<OperandReport>>,
    /// Outputs.
    pub outputs: Vec<OperandReport>,
    /// Multiply-accumulates; `null` where they are not known.
    pub macs: Option<u64>,
    /// What it computes, other operations than multiply-accumulates among it; `null` where not known.
    pub work: Option<WorkReport>,
    /// Sizes of the filter, the weights' where they are one tensor, or of the pool's window.
    pub filter_shape: Option<Vec<usize>>,
    /// Steps of the window: height, width.
    pub stride: Option<[usize; 2]>,
    /// Distances of the window's elements: height, width.
    pub dilation: Option<[usize; 2]>,
    /// Bytes of its constant inputs in the file.
    pub constant_bytes: usize,
    /// Bytes of arena live while it runs; `null` where it does not run by itself, and where nothing can be planned.
    pub live_bytes: Option<usize>,
    /// Index of the later operator that is computed together with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined_into: Option<usize>,
    /// Whether the compiled engine can run it.
    pub compiled: bool,
    /// Whether that calls the firmware's own code.
    #[serde(skip_serializing_if = "is_false")]
    pub firmware: bool,
    /// Whether TensorFlow Lite Micro has a kernel that takes it.
    pub tflm: bool,
    /// Whether that kernel computes something else than the model says.
    pub tflm_differs: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// An estimate of what an operator computes.
#[derive(Debug, Clone, Serialize)]
pub struct WorkReport {
    /// Multiply-accumulates, or elementary operations of operators without.
    pub operations: u64,
    /// The estimate as a sum of products of sizes.
    pub equation: String,
}

/// An operand of an operator.
#[derive(Debug, Clone, Serialize)]
pub struct OperandReport {
    /// Index of the tensor.
    pub tensor: usize,
    /// Name of the element type.
    pub dtype: &'static str,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// Whether its value is in the file.
    pub constant: bool,
}

/// A subgraph's arena.
#[derive(Debug, Clone, Serialize)]
pub struct ArenaReport {
    /// Bytes needed.
    pub peak_bytes: usize,
    /// The most bytes live at one step.
    pub lower_bound_bytes: usize,
    /// Whether no offsets need fewer bytes for these lifetimes.
    pub optimal: bool,
}

/// What the compiled engine makes of the model.
#[derive(Debug, Clone, Serialize)]
pub struct CompiledReport {
    /// Whether it compiles.
    pub ok: bool,
    /// Bytes of the one arena of all entry points.
    pub arena_bytes: Option<usize>,
    /// Bytes of what lasts from run to run, beside the arena.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_bytes: Option<usize>,
    /// What of both lies in each memory, where the user named memories.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub memories: Vec<MemoryReport>,
    /// Rows of the input, where it comes row by row and is not in the arena.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_rows: Option<usize>,
    /// Bytes of inputs that the caller hands over for each run, and are not in the arena.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_input_bytes: Option<usize>,
    /// The same of outputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_output_bytes: Option<usize>,
    /// Bytes of packed constants in flash.
    pub weight_bytes: Option<usize>,
    /// What of these lies in each memory, where the user named memories for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weight_memories: Vec<WeightReport>,
    /// Kernel calls of all entry points.
    pub steps: Option<usize>,
    /// Why it does not compile; places without the file.
    pub problems: Vec<Diagnostic>,
}

/// What of a model lies in a memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemoryReport {
    /// What the user calls it.
    pub name: String,
    /// How fast it is.
    pub speed: Speed,
    /// Bytes that the model may take of it.
    pub capacity_bytes: usize,
    /// Bytes of the arena.
    pub arena_bytes: usize,
    /// Bytes of what lasts from run to run.
    pub state_bytes: usize,
}

impl MemoryReport {
    fn new(part: &Part) -> Self {
        Self {
            name: part.ram.name.clone(),
            speed: part.ram.speed,
            capacity_bytes: part.ram.bytes,
            arena_bytes: part.arena_bytes,
            state_bytes: part.state_bytes,
        }
    }
}

/// What of a model's constants lies in a memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WeightReport {
    /// What the user calls it.
    pub name: String,
    /// How fast it is.
    pub speed: Speed,
    /// Bytes that the model may take of it.
    pub capacity_bytes: usize,
    /// Bytes that it takes.
    pub bytes: usize,
}

impl WeightReport {
    /// What a part of them takes of its memory.
    #[must_use]
    pub fn new(part: &WeightPart) -> Self {
        Self {
            name: part.rom.name.clone(),
            speed: part.rom.speed,
            capacity_bytes: part.rom.bytes,
            bytes: part.bytes,
        }
    }
}

/// What TensorFlow Lite Micro makes of the model; places without the file.
#[derive(Debug, Clone, Serialize)]
pub struct TflmReport {
    /// Whether it has kernels for all operators, and they take them.
    pub ok: bool,
    /// The revision of tflite-micro that is spoken of.
    pub revision: &'static str,
    /// What its kernels refuse, and where it computes something else.
    #[serde(flatten)]
    pub verdict: tflm::Verdict,
}

/// Sums over all subgraphs.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Totals {
    /// Operators.
    pub operators: usize,
    /// Multiply-accumulates of every operator once.
    pub macs: u64,
    /// Operators whose multiply-accumulates are not known and not in the sum.
    pub operators_without_macs: usize,
    /// Bytes of constants, each buffer of the file once.
    pub constant_bytes: usize,
    /// Bytes of the largest subgraph's arena; `null` where one cannot be planned.
    pub arena_bytes: Option<usize>,
}

impl Report {
    /// The facts of `model`; `examined` is what [`compile::examine`](crate::compile::examine) said of it.
    pub fn new(model: &Model, examined: &Examined) -> Self {
        let subgraphs: Vec<GraphReport> = (model.graphs.iter().zip(&examined.verdicts).enumerate())
            .map(|(index, (graph, verdict))| GraphReport::new(graph, index, verdict))
            .collect();
        let file = model.file.rsplit(['/', '\\']).next();
        Self {
            file: file.unwrap_or_default().to_owned(),
            file_bytes: model.file_bytes,
            description: model.description.clone(),
            signatures: model.signatures.iter().map(SignatureReport::new).collect(),
            totals: Totals::new(model, &subgraphs),
            compiled: CompiledReport::new(&examined.program),
            tflm: TflmReport::new(model, &subgraphs, examined.program.is_ok()),
            subgraphs,
        }
    }
}

impl SignatureReport {
    fn new(signature: &Signature) -> Self {
        let ports = |ports: &[SignaturePort]| {
            let port = |p: &SignaturePort| PortReport {
                name: p.name.clone(),
                tensor: p.tensor.index(),
            };
            ports.iter().map(port).collect()
        };
        Self {
            name: signature.name.clone(),
            subgraph: signature.graph,
            inputs: ports(&signature.inputs),
            outputs: ports(&signature.outputs),
        }
    }
}

impl GraphReport {
    fn new(graph: &Graph, index: usize, verdict: &Verdict) -> Self {
        let Verdict {
            plan,
            problems,
            changes,
        } = verdict;
        let plan = plan.as_ref();
        let refused: HashSet<usize> = (problems.iter())
            .filter_map(|d| d.place.operator.as_ref().map(|(operator, _)| *operator))
            .collect();
        let planned = plan.iter().flat_map(|plan| &plan.operators);
        let joined: HashMap<usize, usize> = planned
            .flat_map(|into| into.joined.iter().map(|joined| (*joined, into.index)))
            .collect();
        let tensors = |ids: &[TensorId]| ids.iter().map(|id| tensor(graph, *id)).collect();
        let sized = sized(graph, changes);
        Self {
            index,
            name: graph.name.clone(),
            inputs: tensors(&graph.inputs),
            outputs: tensors(&graph.outputs),
            operators: (0..graph.operators.len())
                .map(|i| OperatorReport {
                    joined_into: joined.get(&i).copied(),
                    ..OperatorReport::new(graph, &sized, i, plan, refused.contains(&i))
                })
                .collect(),
            arena: plan.map(|plan| ArenaReport {
                peak_bytes: plan.peak_bytes,
                lower_bound_bytes: plan.lower_bound_bytes,
                optimal: plan.optimal,
            }),
            passes: changes.iter().map(PassReport::new).collect(),
        }
    }
}

impl PassReport {
    fn new(change: &Change) -> Self {
        let (tensor, recorded, inferred) = match &change.effect {
            Effect::Inferred {
                tensor,
                recorded,
                inferred,
            } => (Some(*tensor), Some(recorded), Some(inferred)),
            _ => (None, None, None),
        };
        let (channels, macs) = match change.effect {
            Effect::Narrowed { channels, macs } => (Some(channels), macs),
            _ => (None, None),
        };
        Self {
            pass: change.pass.name(),
            operators: change.operators.clone(),
            effect: change.effect.name(),
            tensor,
            recorded_shape: recorded.cloned(),
            inferred_shape: inferred.cloned(),
            channels,
            macs,
        }
    }
}

/// The graph with the shapes that castiron computes with, where it inferred others than the file's.
fn sized<'a>(graph: &'a Graph, changes: &[Change]) -> Cow<'a, Graph> {
    let mut sized = Cow::Borrowed(graph);
    for change in changes {
        if let Effect::Inferred {
            tensor, inferred, ..
        } = &change.effect
        {
            sized.to_mut().tensors[*tensor].shape.clone_from(inferred);
        }
    }
    sized
}

impl OperatorReport {
    /// TFLM computes with the shapes in the `file`.
    fn new(file: &Graph, graph: &Graph, index: usize, plan: Option<&Plan>, refused: bool) -> Self {
        let operator = &graph.operators[index];
        let inputs = || operator.inputs.iter().flatten();
        let window = Window::of(graph, operator);
        // None of those that are computed at build time.
        let planned = plan.and_then(|plan| {
            let found = plan.operators.binary_search_by_key(&index, |o| o.index);
            found.ok().map(|at| &plan.operators[at])
        });
        Self {
            index,
            name: operator.kind.name().to_owned(),
            version: operator.version,
            inputs: (operator.inputs.iter())
                .map(|id| id.map(|id| operand(graph, id)))
                .collect(),
            outputs: (operator.outputs.iter())
                .map(|id| operand(graph, *id))
                .collect(),
            macs: work::macs(graph, index),
            work: work::of(graph, index).map(|work| WorkReport {
                operations: work.total(),
                equation: work.equation(),
            }),
            filter_shape: window.filter,
            stride: window.stride,
            dilation: window.dilation,
            constant_bytes: inputs()
                .filter_map(|id| graph.tensor(*id).data.as_ref())
                .map(|data| data.len())
                .sum(),
            live_bytes: planned.map(|operator| operator.live_bytes),
            joined_into: None,
            // Without a plan there is no program.
            compiled: plan.is_some() && !refused,
            firmware: plan.is_some() && !refused && ops::is_custom(&operator.kind),
            tflm: tflm::takes(file, index, Kernels::Reference),
            tflm_differs: tflm::differs(file, index, Kernels::Reference),
        }
    }
}

/// What slides over an operator's input.
#[derive(Default)]
struct Window {
    filter: Option<Vec<usize>>,
    stride: Option<[usize; 2]>,
    dilation: Option<[usize; 2]>,
}

impl Window {
    fn of(graph: &Graph, operator: &Operator) -> Self {
        let pair = |(height, width)| Some([height, width]);
        let weights = || {
            let id = operator.inputs.get(1).copied().flatten()?;
            Some(graph.tensor(id).shape.clone())
        };
        match &operator.options {
            Options::Conv2d(o) => Self {
                filter: weights(),
                stride: pair(o.stride),
                dilation: pair(o.dilation),
            },
            Options::DepthwiseConv2d(o) => Self {
                filter: weights(),
                stride: pair(o.stride),
                dilation: pair(o.dilation),
            },
            Options::TransposeConv(o) => Self {
                filter: weights(),
                stride: pair(o.stride),
                dilation: pair((1, 1)),
            },
            Options::Pool2d(o) => Self {
                filter: Some(vec![o.filter.0, o.filter.1]),
                stride: pair(o.stride),
                dilation: pair((1, 1)),
            },
            _ => Self {
                // Weights of a matrix; the options may be left out of the file.
                filter: (operator.kind == OpKind::Builtin(BuiltinOperator::FullyConnected))
                    .then(weights)
                    .flatten(),
                ..Self::default()
            },
        }
    }
}

impl CompiledReport {
    fn new(compiled: &Result<Program>) -> Self {
        let program = compiled.as_ref().ok();
        let problems = compiled.as_ref().err().map(Error::diagnostics);
        // The report names the file once, and without the folders of this host.
        let without_file = |problem: &Diagnostic| {
            let mut problem = problem.clone();
            problem.place.file = None;
            problem
        };
        Self {
            ok: program.is_some(),
            arena_bytes: program.map(|p| p.arena_bytes),
            state_bytes: program.map(|p| p.state_bytes).filter(|bytes| *bytes > 0),
            memories: program.map_or_else(Vec::new, |p| {
                p.parts.iter().map(MemoryReport::new).collect()
            }),
            input_rows: program
                .and_then(|p| p.entries.first()?.input_rows())
                .map(|rows| rows.count),
            caller_input_bytes: program.and_then(|p| held(p, &p.entries.first()?.inputs)),
            caller_output_bytes: program.and_then(|p| held(p, &p.entries.first()?.outputs)),
            weight_bytes: program.map(|p| p.constants.bytes().len()),
            weight_memories: program
                .map_or_else(Vec::new, |p| p.roms.iter().map(WeightReport::new).collect()),
            steps: program.map(|p| p.calls().count() + p.custom_calls().count()),
            problems: (problems.unwrap_or_default().iter())
                .map(without_file)
                .collect(),
        }
    }
}

impl TflmReport {
    fn new(model: &Model, subgraphs: &[GraphReport], compiles: bool) -> Self {
        let mut verdict = tflm::verdict(model, Kernels::Reference);
        verdict.refused.extend(tflm::lacking(model));
        let place = |d: &Diagnostic| (d.place.subgraph, d.place.operator.as_ref().map(|o| o.0));
        verdict.refused.sort_by_key(place);
        if !compiles {
            verdict = verdict.without_other_engine();
        }
        for list in [&mut verdict.refused, &mut verdict.differs] {
            for diagnostic in list {
                diagnostic.place.file = None;
            }
        }
        let mut operators = subgraphs.iter().flat_map(|graph| &graph.operators);
        Self {
            ok: verdict.refused.is_empty() && operators.all(|operator| operator.tflm),
            revision: TFLM_REVISION,
            verdict,
        }
    }
}

impl Totals {
    fn new(model: &Model, subgraphs: &[GraphReport]) -> Self {
        let operators = || subgraphs.iter().flat_map(|g| &g.operators);
        let arenas: Option<Vec<usize>> = subgraphs
            .iter()
            .map(|g| g.arena.as_ref().map(|a| a.peak_bytes))
            .collect();
        Self {
            operators: operators().count(),
            macs: operators()
                .filter_map(|o| o.macs)
                .fold(0, u64::saturating_add),
            operators_without_macs: operators().filter(|o| o.macs.is_none()).count(),
            constant_bytes: constant_bytes(model),
            arena_bytes: arenas.map(|a| a.into_iter().max().unwrap_or(0)),
        }
    }
}

/// Bytes of inputs or outputs that the caller holds, if it holds any.
fn held(program: &Program, ports: &[Port]) -> Option<usize> {
    let held = ports.iter().filter(|port| program.is_held(port));
    let bytes = held.map(|port| port.operand.range().len());
    bytes.fold(None, |sum, bytes| Some(sum.unwrap_or(0) + bytes))
}

/// Tensors of one buffer share their data, so a buffer counts once.
fn constant_bytes(model: &Model) -> usize {
    let mut seen = HashSet::new();
    let tensors = model.graphs.iter().flat_map(|g| &g.tensors);
    tensors
        .filter_map(|t| t.data.as_ref())
        .filter(|data| seen.insert(Arc::as_ptr(data)))
        .map(|data| data.len())
        .sum()
}

fn tensor(graph: &Graph, id: TensorId) -> TensorReport {
    let tensor = graph.tensor(id);
    let quantization = |q: &Quantization| QuantizationReport {
        scale: q.scale.clone(),
        zero_point: q.zero_point.clone(),
        dimension: q.dimension,
    };
    TensorReport {
        index: id.index(),
        name: tensor.name.clone(),
        dtype: tensor.dtype.name(),
        shape: tensor.shape.clone(),
        shape_signature: (!tensor.unknown_sizes().is_empty())
            .then(|| tensor.shape_signature.clone())
            .flatten(),
        bytes: tensor.bytes(),
        quantization: tensor.quantization.as_ref().map(quantization),
    }
}

fn operand(graph: &Graph, id: TensorId) -> OperandReport {
    let tensor = graph.tensor(id);
    OperandReport {
        tensor: id.index(),
        dtype: tensor.dtype.name(),
        shape: tensor.shape.clone(),
        constant: tensor.is_constant(),
    }
}
