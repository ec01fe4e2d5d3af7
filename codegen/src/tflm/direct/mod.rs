//! A model as calls of TFLM's kernels, without its interpreter: what each kernel is called with,
//! and where everything lies.
//!
//! Memory is planned by castiron and not as the interpreter does, so that outputs of RESHAPE and
//! the like are their input's bytes and operators may run in another order.

mod memory;
mod options;

pub use super::registrations::{OWN as OWN_HEADER, Registration as KernelRegistration};
pub use options::{Member, OptionStruct, element_type};

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::accepts;
use super::arena::{self, ArenaOptions};
use super::registrations::{self, Registration};
use super::subgraphs::reached;
use super::{TFLM_REVISION, TflmOp};
use crate::error::{Diagnostic, Error, Result};
use crate::graph::variables::{Access, Variables};
use crate::graph::{DType, Graph, Model, Operator, Options, Quantization, Tensor, TensorId};
use crate::plan::{Budget, Kept, Region};
use crate::work;
use memory::{Memory, Planned};

/// What the program is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DirectOptions {
    /// Kernels and processor.
    pub arena: ArenaOptions,
    /// How long to look for the best plan.
    pub budget: Budget,
}

/// A model as calls of TFLM's kernels.
#[derive(Debug, Clone, PartialEq)]
pub struct Direct {
    /// Where the kernels compute something else than the model says.
    pub warnings: Vec<Diagnostic>,
    /// The kernels it is planned for.
    pub kernels: &'static str,
    /// The processor it is planned for.
    pub target: &'static str,
    /// Calls, those of each subgraph in the order they are made.
    pub calls: Vec<Call>,
    /// The subgraphs that run, the first of which is the model.
    pub subgraphs: Vec<Subgraph>,
    /// Tensors that calls, inputs or outputs use.
    pub tensors: Vec<DirectTensor>,
    /// The model's inputs, as indices into `tensors`.
    pub inputs: Vec<usize>,
    /// The model's outputs, as indices into `tensors`.
    pub outputs: Vec<usize>,
    /// Working memory of all calls.
    pub scratch: Vec<Region>,
    /// Operators that need no call: their outputs are their input's bytes, or a handle of a
    /// variable.
    pub omitted: Vec<Described>,
    /// Bytes of tensors and working memory.
    pub head_bytes: usize,
    /// Bytes that kernels keep on a 32-bit target, each buffer at a multiple of 8.
    pub persistent_bytes: usize,
}

/// A list of calls that other calls may make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subgraph {
    /// Its index in the file.
    pub index: usize,
    /// Its calls, as indices into [`Direct::calls`].
    pub calls: Range<usize>,
    /// Its inputs, as indices into [`Direct::tensors`].
    pub inputs: Vec<usize>,
    /// Its outputs, as indices into [`Direct::tensors`].
    pub outputs: Vec<usize>,
}

/// An operator in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its subgraph's index in the file.
    pub subgraph: usize,
    /// Its index in the file.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Shapes of the inputs that are no constants.
    pub inputs: Vec<Vec<usize>>,
    /// Shapes of the outputs.
    pub outputs: Vec<Vec<usize>>,
    /// Multiply-accumulates; 0 where there are none, or where they are not known.
    pub macs: u64,
}

/// One kernel call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The operator.
    pub operator: Described,
    /// The kernel.
    pub registration: Registration,
    /// What it reads and writes, as indices into [`Direct::tensors`]. Inputs and outputs are
    /// positions in this list.
    pub tensors: Vec<usize>,
    /// Positions of inputs; `None` where an optional one is left out.
    pub inputs: Vec<Option<usize>>,
    /// Positions of outputs.
    pub outputs: Vec<usize>,
    /// Options of a builtin operator.
    pub options: Option<OptionStruct>,
    /// Options of a custom operator.
    pub custom: Option<Vec<u8>>,
    /// The first of its working buffers in [`Direct::scratch`], and their number.
    pub scratch: (usize, usize),
    /// The subgraphs it may call, as positions in [`Direct::subgraphs`].
    pub callees: Vec<usize>,
}

/// A tensor, and where it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectTensor {
    /// Its name.
    pub name: String,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: DType,
    /// Quantisation.
    pub quantization: Option<Quantization>,
    /// Bytes that TFLM takes it to have.
    pub bytes: usize,
    /// Whether it keeps its value from run to run.
    pub is_variable: bool,
    /// Where it lies.
    pub place: Place,
}

/// Where a tensor lies.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// In the arena, at this offset.
    Arena(usize),
    /// Among the constants.
    Constant(Arc<[u8]>),
}

/// The alignment of the kernels' permanent data: enough for every type that they store.
pub const KEPT_ALIGNMENT: usize = 8;

impl Direct {
    /// Plans a model: its first subgraph, and the subgraphs that it calls.
    ///
    /// # Errors
    /// If TFLM has no kernel for an operator, or one whose sizes are not known, or if it is not
    /// known which variable a handle stands for.
    pub fn new(model: &Model, options: &DirectOptions) -> Result<Self> {
        Self::of_model(model, options).map_err(|e| e.in_file(&model.file))
    }

    fn of_model(model: &Model, options: &DirectOptions) -> Result<Self> {
        if model.graphs.is_empty() {
            return Err(Diagnostic::new("the model has no subgraph to run").into());
        }
        let reached = reached(model).into_iter().enumerate();
        let reached: Vec<usize> = reached.filter_map(|(n, is)| is.then_some(n)).collect();
        let mut registrations = HashMap::new();
        let mut kernels = HashMap::new();
        for &index in &reached {
            let of = registrations_of(&model.graphs[index]).map_err(|e| e.in_subgraph(index))?;
            registrations.insert(index, of);
        }
        let warnings = accepts::verdict_of_calls(model, options.arena.kernels).warnings()?;
        for &index in &reached {
            kernels.insert(index, arena::kernel_memory(model, index, &options.arena)?);
        }
        let (variables, wrong) = Variables::of(model, &reached);
        if let Some(error) = Error::from_many(wrong) {
            return Err(error);
        }
        let memory = Memory::new(model, &kernels, &variables, &options.budget)?;
        let mut made = Maker {
            model,
            memory: &memory,
            variables: &variables,
            reached: &reached,
            indices: HashMap::new(),
            kept: HashMap::new(),
            tensors: Vec::new(),
        };
        let mut subgraphs = Vec::new();
        let mut calls = Vec::new();
        let mut scratch: Vec<Region> = Vec::new();
        let mut omitted = Vec::new();
        let mut persistent_bytes = 0;
        for &index in &reached {
            let graph = &model.graphs[index];
            let site = made.site(index);
            let planned = site.planned;
            let inputs = made.all(&site, &graph.inputs);
            let outputs = made.all(&site, &graph.outputs);
            let first_call = calls.len();
            for &number in planned.steps() {
                let described = describe(index, graph, number);
                let access = variables.access(index, &graph.operators[number]);
                if planned.is_omitted(number) || matches!(access, Some(Access::Handle)) {
                    omitted.push(described);
                    continue;
                }
                let own = planned.scratch(number);
                let place = (scratch.len(), own.len());
                scratch.extend(own);
                let is_once = matches!(graph.operators[number].options, Options::CallOnce(_));
                let call = match access {
                    Some(Access::Read(variable)) => made.read(&site, described, variable),
                    Some(Access::Assign(variable)) => made.assign(&site, described, variable),
                    _ if is_once => made.once(&site, described),
                    _ => {
                        let kept = kernels[&index][number].kept.iter();
                        persistent_bytes += kept
                            .map(|bytes| bytes.next_multiple_of(KEPT_ALIGNMENT))
                            .sum::<usize>();
                        let registration = registrations[&index][number].clone();
                        made.call(&site, described, registration, place)
                    }
                };
                calls.push(call);
            }
            subgraphs.push(Subgraph {
                index,
                calls: first_call..calls.len(),
                inputs,
                outputs,
            });
        }
        check_places(&made.tensors, &scratch, memory.bytes())?;
        Ok(Self {
            warnings,
            kernels: options.arena.kernels.name(),
            target: options.arena.target.name(),
            calls,
            inputs: subgraphs[0].inputs.clone(),
            outputs: subgraphs[0].outputs.clone(),
            subgraphs,
            tensors: made.tensors,
            scratch,
            omitted,
            head_bytes: memory.bytes().next_multiple_of(KEPT_ALIGNMENT),
            persistent_bytes,
        })
    }

    /// The arena on a 32-bit target.
    pub fn arena_bytes(&self) -> usize {
        self.head_bytes + self.persistent_bytes
    }
}

/// That everything lies within the memory that is planned: kernels write there unchecked.
fn check_places(tensors: &[DirectTensor], scratch: &[Region], bytes: usize) -> Result<()> {
    let within =
        |offset: usize, length: usize| offset.checked_add(length).is_some_and(|end| end <= bytes);
    let outside = tensors
        .iter()
        .enumerate()
        .find(|(_, tensor)| match tensor.place {
            Place::Arena(offset) => !within(offset, tensor.bytes),
            Place::Constant(_) => false,
        });
    if let Some((_, tensor)) = outside {
        return Err(Diagnostic::fault(format_args!(
            "the tensor {:?} lies outside the planned memory",
            tensor.name
        ))
        .expected(format_args!("a place within {bytes} bytes"))
        .found(format_args!("{} bytes at {:?}", tensor.bytes, tensor.place))
        .into());
    }
    if let Some(region) = scratch
        .iter()
        .find(|region| !within(region.offset, region.bytes))
    {
        return Err(
            Diagnostic::fault("working memory lies outside the planned memory")
                .expected(format_args!("a place within {bytes} bytes"))
                .found(format_args!("{} bytes at {}", region.bytes, region.offset))
                .into(),
        );
    }
    Ok(())
}

/// The kernel of every operator.
fn registrations_of(graph: &Graph) -> Result<Vec<Registration>> {
    let mut wrong = Vec::new();
    let mut found = Vec::new();
    for (index, operator) in graph.operators.iter().enumerate() {
        match Registration::of(operator, |id| graph.tensor(id).dtype) {
            Some(registration) => found.push(registration),
            None => wrong.push(unreachable(operator).at_operator(index, operator.kind.name())),
        }
    }
    match Error::from_many(wrong) {
        Some(error) => Err(error),
        None => Ok(found),
    }
}

/// Why there is no kernel to call: TFLM has none, or one that does not run without its interpreter.
fn unreachable(operator: &Operator) -> Diagnostic {
    let name = operator.kind.name();
    if TflmOp::for_kind(&operator.kind).is_none() {
        return Diagnostic::new("TFLM has no kernel for the operator")
            .expected(format_args!("an operator of tflite-micro {TFLM_REVISION}"))
            .found(name)
            .help("replace it in the model's source");
    }
    let needs = match name {
        "ethos-u" => "calls the driver of the accelerator",
        "SignalRfft" | "SignalIrfft" => "calls a library for Fourier transforms, KISS FFT",
        _ => "uses the interpreter's memory",
    };
    Diagnostic::new("castiron cannot call TFLM's kernel of the operator without the interpreter")
        .expected("operators whose kernels need only TFLM's own sources")
        .found(format_args!("{name}, whose kernel {needs}"))
        .help("run the model with TFLM's interpreter: see castiron gen-header and castiron gen-resolver")
}

fn describe(subgraph: usize, graph: &Graph, index: usize) -> Described {
    let operator = &graph.operators[index];
    let shape = |id: TensorId| graph.tensor(id).shape.clone();
    let inputs = operator.inputs.iter().flatten();
    Described {
        subgraph,
        index,
        name: operator.kind.name().to_owned(),
        inputs: inputs
            .filter(|id| !graph.tensor(**id).is_constant())
            .map(|id| shape(*id))
            .collect(),
        outputs: operator.outputs.iter().map(|id| shape(*id)).collect(),
        macs: work::macs(graph, index).unwrap_or(0),
    }
}

/// Which tensors are biases and nothing else. Kernels look at no more than their first scale, and a
/// scale for each channel takes as many bytes as the bias.
fn biases(graph: &Graph) -> Vec<bool> {
    let mut only = vec![false; graph.tensors.len()];
    let mut otherwise = vec![false; graph.tensors.len()];
    for operator in &graph.operators {
        let bias = match operator.kind.name() {
            "CONV_2D" | "DEPTHWISE_CONV_2D" | "FULLY_CONNECTED" => Some(2),
            "TRANSPOSE_CONV" => Some(3),
            _ => None,
        };
        for (position, id) in operator.inputs.iter().enumerate() {
            if let Some(id) = id {
                match Some(position) == bias {
                    true => only[id.index()] = true,
                    false => otherwise[id.index()] = true,
                }
            }
        }
    }
    let both = only.iter().zip(otherwise);
    both.map(|(only, otherwise)| *only && !otherwise).collect()
}

fn first_channel(quantization: &Quantization) -> Quantization {
    let mut first = quantization.clone();
    first.scale.truncate(1);
    first.zero_point.truncate(1);
    first
}

/// A subgraph whose calls are made.
struct Calling<'a> {
    index: usize,
    graph: &'a Graph,
    planned: Planned<'a>,
    /// Whether a tensor is a bias and nothing else.
    biases: Vec<bool>,
}

/// Numbers the tensors as they come into use.
struct Maker<'a> {
    model: &'a Model,
    memory: &'a Memory,
    variables: &'a Variables,
    reached: &'a [usize],
    indices: HashMap<(usize, TensorId), usize>,
    /// Tensors of the variables, and of what says whether a CALL_ONCE has run, by their offset.
    kept: HashMap<usize, usize>,
    tensors: Vec<DirectTensor>,
}

impl<'a> Maker<'a> {
    fn site(&self, index: usize) -> Calling<'a> {
        let graph = &self.model.graphs[index];
        Calling {
            index,
            graph,
            planned: self.memory.graph(self.model, index),
            biases: biases(graph),
        }
    }

    fn all(&mut self, site: &Calling<'_>, ids: &[TensorId]) -> Vec<usize> {
        ids.iter().map(|id| self.tensor(site, *id)).collect()
    }

    fn tensor(&mut self, site: &Calling<'_>, id: TensorId) -> usize {
        if let Some(index) = self.indices.get(&(site.index, id)) {
            return *index;
        }
        let tensor = site.graph.tensor(id);
        // Handles of one variable lie at one place, so that none is ever copied to another.
        let variable = self.variables.handle(site.index, id);
        let place = match variable {
            Some(variable) => Place::Arena(self.memory.kept(Kept::Variable(variable))),
            None => site.planned.place(id),
        };
        let index = self.add(tensor, place);
        if site.biases[id.index()] {
            let quantization = &mut self.tensors[index].quantization;
            *quantization = quantization.as_ref().map(first_channel);
        }
        self.indices.insert((site.index, id), index);
        index
    }

    fn add(&mut self, tensor: &Tensor, place: Place) -> usize {
        self.tensors.push(DirectTensor {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            dtype: tensor.dtype,
            quantization: tensor.quantization.clone(),
            bytes: memory::bytes(tensor),
            is_variable: tensor.is_variable,
            place,
        });
        self.tensors.len() - 1
    }

    /// A tensor that castiron adds, at its place.
    fn keep(&mut self, tensor: &Tensor, offset: usize) -> usize {
        if let Some(index) = self.kept.get(&offset) {
            return *index;
        }
        let index = self.add(tensor, Place::Arena(offset));
        self.kept.insert(offset, index);
        index
    }

    fn call(
        &mut self,
        site: &Calling<'_>,
        operator: Described,
        registration: Registration,
        scratch: (usize, usize),
    ) -> Call {
        let of = &site.graph.operators[operator.index];
        let mut tensors: Vec<usize> = Vec::new();
        let mut positions: HashMap<usize, usize> = HashMap::new();
        let mut position = |made: &mut Self, id: TensorId| {
            let tensor = made.tensor(site, id);
            *positions.entry(tensor).or_insert_with(|| {
                tensors.push(tensor);
                tensors.len() - 1
            })
        };
        let inputs = of.inputs.iter();
        let inputs = inputs.map(|id| id.map(|id| position(self, id))).collect();
        let outputs = of.outputs.iter().map(|id| position(self, *id)).collect();
        Call {
            operator,
            registration,
            tensors,
            inputs,
            outputs,
            options: options::of(site.graph, of, self.reached),
            custom: match &of.options {
                Options::Custom(bytes) => Some(bytes.clone()),
                _ => None,
            },
            scratch,
            callees: self.callees(of),
        }
    }

    fn callees(&self, operator: &Operator) -> Vec<usize> {
        let callees = operator.options.callees();
        callees
            .map(|index| options::position(self.reached, index))
            .collect()
    }

    /// Copies a variable to READ_VARIABLE's output.
    fn read(&mut self, site: &Calling<'_>, operator: Described, variable: usize) -> Call {
        let of = &site.graph.operators[operator.index];
        let from = self.variable(variable);
        let to = of.outputs.first().map(|id| self.tensor(site, *id));
        self.copy(operator, from, to)
    }

    /// Copies ASSIGN_VARIABLE's second input to a variable.
    fn assign(&mut self, site: &Calling<'_>, operator: Described, variable: usize) -> Call {
        let of = &site.graph.operators[operator.index];
        let value = of.inputs.get(1).copied().flatten();
        let from = value.map(|id| self.tensor(site, id));
        let to = self.variable(variable);
        self.copy(operator, from, to)
    }

    fn variable(&mut self, variable: usize) -> Option<usize> {
        let value = self.variables.values[variable].as_ref()?;
        Some(self.keep(value, self.memory.kept(Kept::Variable(variable))))
    }

    fn copy(&mut self, operator: Described, from: Option<usize>, to: Option<usize>) -> Call {
        let bytes = from.map_or(0, |from| self.tensors[from].bytes);
        let tensors: Vec<usize> = from.into_iter().chain(to).collect();
        Call {
            operator,
            registration: registrations::own("castiron::Copy"),
            inputs: vec![Some(0)],
            outputs: vec![tensors.len().saturating_sub(1)],
            tensors,
            options: Some(options::copy(bytes)),
            custom: None,
            scratch: (0, 0),
            callees: Vec::new(),
        }
    }

    /// CALL_ONCE with what it remembers where it lasts: TFLM's kernel forgets it when it is
    /// prepared again, while variables keep what they were set to.
    fn once(&mut self, site: &Calling<'_>, operator: Described) -> Call {
        let flag = self
            .memory
            .kept(Kept::Operator(site.index, operator.index, 0));
        let of = &site.graph.operators[operator.index];
        let has_run = Tensor {
            name: "has run".to_owned(),
            shape: Vec::new(),
            shape_signature: None,
            dtype: DType::Bool,
            quantization: None,
            data: None,
            is_variable: false,
            stored: None,
            blocks: None,
        };
        Call {
            operator,
            registration: registrations::own("castiron::CallOnce"),
            tensors: vec![self.keep(&has_run, flag)],
            inputs: Vec::new(),
            outputs: vec![0],
            options: options::of(site.graph, of, self.reached),
            custom: None,
            scratch: (0, 0),
            callees: self.callees(of),
        }
    }
}
