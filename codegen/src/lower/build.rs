//! Builds a program: plans each entry's subgraph and lowers its operators in order.

use std::borrow::Cow;
use std::collections::HashMap;

use castiron_runtime::host::{Aligned, HostKernel};

use super::program::{ElementType, Entry, Memory, Operand, Port, Program, Step};
use crate::error::{Diagnostic, Error, Result};
use crate::graph::{Graph, Model, TensorId};
use crate::ops::{self, Site};
use crate::passes;
use crate::plan::{Plan, PlanOptions, Region};

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
    let mut compiled: HashMap<usize, usize> = HashMap::new();
    for (graph_index, signature) in entry_points(model) {
        let mut entry = match compiled.get(&graph_index) {
            Some(first) => Err(*first),
            None => match compile_graph(model, graph_index, options, &mut constants) {
                Ok((entry, bytes)) => {
                    arena_bytes = arena_bytes.max(bytes);
                    Ok(entry)
                }
                Err(error) => {
                    diagnostics.extend(error.in_subgraph(graph_index).diagnostics().to_vec());
                    continue;
                }
            },
        };
        if let (Ok(entry), Some(signature)) = (&mut entry, signature) {
            name_ports(&model.graphs[graph_index], entry, signature);
        }
        if let Ok(entry) = entry {
            compiled.insert(graph_index, entries.len());
            entries.push(entry);
        }
    }
    match Error::from_many(diagnostics) {
        Some(error) => Err(error.in_file(&model.file)),
        None => Ok(Program {
            name: model.stem().to_owned(),
            arena_bytes,
            constants: constants.bytes,
            entries,
        }),
    }
}

/// The default subgraph first, then the others that a signature names, each once.
fn entry_points(model: &Model) -> Vec<(usize, Option<&crate::graph::Signature>)> {
    let signature_of = |graph| model.signatures.iter().find(|s| s.graph == graph);
    let mut entries = vec![(0, signature_of(0))];
    for signature in &model.signatures {
        if entries.iter().all(|(graph, _)| *graph != signature.graph) {
            entries.push((signature.graph, Some(signature)));
        }
    }
    entries
}

fn name_ports(graph: &Graph, entry: &mut Entry, signature: &crate::graph::Signature) {
    entry.signature = Some(signature.name.clone());
    let rename = |ports: &mut [Port], ids: &[TensorId], names: &[crate::graph::SignaturePort]| {
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
) -> Result<(Entry, usize)> {
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
    let mut lowering = Lowering {
        graph,
        plan: &plan,
        constants,
        steps: Vec::new(),
        operator: 0,
    };
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
    let steps = lowering.steps;
    if let Some(error) = Error::from_many(diagnostics) {
        return Err(error);
    }
    let bytes = plan.peak_bytes;
    let entry = Entry {
        signature: None,
        graph: index,
        inputs: inputs.unwrap_or_default(),
        outputs: outputs.unwrap_or_default(),
        macs: (steps.iter()).fold(0, |sum: u64, s: &Step| sum.saturating_add(s.macs)),
        steps,
        plan,
    };
    Ok((entry, bytes))
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

/// Constants packed so far; equal ones are stored once.
#[derive(Debug, Default)]
struct ConstantPool {
    bytes: Aligned,
    seen: HashMap<Vec<u8>, usize>,
}

/// What an operator's lowering works with.
#[derive(Debug)]
pub struct Lowering<'a> {
    graph: &'a Graph,
    plan: &'a Plan,
    constants: &'a mut ConstantPool,
    steps: Vec<Step>,
    /// The operator being lowered; one past the last while outputs are copied.
    operator: usize,
}

/// Numbers that can be packed.
pub trait Constant: Copy {
    /// The kernels' type.
    const ELEMENT: ElementType;
    /// Appends the little-endian bytes.
    fn write(self, bytes: &mut Vec<u8>);
}

macro_rules! constants {
    ($($t:ty = $element:ident,)*) => {$(
        impl Constant for $t {
            const ELEMENT: ElementType = ElementType::$element;
            fn write(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
        }
    )*};
}
constants! { i8 = I8, u8 = U8, i16 = I16, u16 = U16, i32 = I32, u32 = U32, i64 = I64, f32 = F32, }

impl Lowering<'_> {
    fn operator(&mut self, index: usize) -> Result<(), Diagnostic> {
        self.operator = index;
        let site = Site::new(self.graph, index);
        let folded = |id: &TensorId| self.graph.tensor(*id).is_constant();
        if site.operator.outputs.iter().all(folded) {
            return Ok(());
        }
        match ops::family(&site.operator.kind) {
            Some(family) => family.lower(&site, self),
            None => Err(site.error("the compiled engine does not support this operator")),
        }
    }

    /// A tensor in the arena.
    ///
    /// # Errors
    /// If the tensor is constant, or of a type that no kernel takes.
    pub fn activation(&self, id: TensorId) -> Result<Operand, Diagnostic> {
        let tensor = self.graph.tensor(id);
        let place = |message: &str| Diagnostic::new(message).at_tensor(id.index(), &tensor.name);
        let element = ElementType::of(tensor.dtype).ok_or_else(|| {
            place("the element type is not supported by the compiled engine").found(tensor.dtype)
        })?;
        match self.plan.region(id) {
            Some(region) => Ok(Operand {
                memory: Memory::Arena,
                element,
                offset: region.offset,
                len: tensor.elements(),
            }),
            None => Err(
                place("a constant is not supported here by the compiled engine")
                    .expected("a tensor computed at run time"),
            ),
        }
    }

    /// A tensor in the arena or, where it is constant, among the packed constants.
    ///
    /// # Errors
    /// If the tensor is of a type that no kernel takes.
    pub fn tensor(&mut self, id: TensorId) -> Result<Operand, Diagnostic> {
        let tensor = self.graph.tensor(id);
        match (&tensor.data, ElementType::of(tensor.dtype)) {
            (Some(data), Some(element)) => Ok(self.pack(element, tensor.elements(), data.to_vec())),
            _ => self.activation(id),
        }
    }

    /// Scratch memory of the current operator, by its position in what the family asked for.
    pub fn scratch(&self, position: usize, element: ElementType) -> Option<Operand> {
        let Region { offset, bytes } = *self.plan.operators[self.operator].scratch.get(position)?;
        Some(Operand {
            memory: Memory::Arena,
            element,
            offset,
            len: bytes / element.bytes(),
        })
    }

    /// Packs constants; equal ones share their bytes.
    pub fn constant<T: Constant>(&mut self, values: &[T]) -> Operand {
        let mut bytes = Vec::with_capacity(std::mem::size_of_val(values));
        for value in values {
            value.write(&mut bytes);
        }
        self.pack(T::ELEMENT, values.len(), bytes)
    }

    fn pack(&mut self, element: ElementType, len: usize, bytes: Vec<u8>) -> Operand {
        let pool = &mut *self.constants;
        let offset = *pool
            .seen
            .entry(bytes)
            .or_insert_with_key(|bytes| pool.bytes.push_aligned(bytes));
        Operand {
            memory: Memory::Constants,
            element,
            offset,
            len,
        }
    }

    /// Emits a kernel call for the current operator.
    pub fn call(
        &mut self,
        kernel: impl HostKernel + 'static,
        operands: impl IntoIterator<Item = Operand>,
    ) {
        let (name, title, macs) = match self.graph.operators.get(self.operator) {
            None => ("OUTPUT".to_owned(), "constant output".to_owned(), 0),
            Some(operator) => {
                let first = self.steps.iter().all(|s| s.operator != self.operator);
                (
                    operator.kind.name().to_owned(),
                    title(&Site::new(self.graph, self.operator)),
                    if first {
                        ops::macs(self.graph, self.operator)
                    } else {
                        0
                    },
                )
            }
        };
        self.steps.push(Step {
            operator: self.operator,
            name,
            title,
            macs,
            kernel: Box::new(kernel),
            operands: operands.into_iter().collect(),
        });
    }

    /// The outputs' places; constants among them are copied into the arena by a last step each.
    fn outputs(&mut self) -> Result<Vec<Port>, Diagnostic> {
        let mut ports = Vec::new();
        for id in &self.graph.outputs {
            let copy = self
                .plan
                .output_copies
                .iter()
                .find(|copy| copy.tensor == *id);
            let operand = match copy {
                Some(copy) => {
                    let from = self.tensor(*id)?;
                    let to = Operand {
                        memory: Memory::Arena,
                        offset: copy.offset,
                        ..from
                    };
                    self.operator = self.graph.operators.len();
                    ops::copy_constant(self, from, to);
                    to
                }
                None => self.activation(*id)?,
            };
            ports.push(self.port(*id, operand)?);
        }
        Ok(ports)
    }

    fn port(&self, id: TensorId, operand: Operand) -> Result<Port, Diagnostic> {
        let tensor = self.graph.tensor(id);
        Ok(Port {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            dtype: tensor.dtype,
            quantization: tensor.quantization.clone(),
            operand,
        })
    }
}

fn title(site: &Site<'_>) -> String {
    let shapes = |ids: &mut dyn Iterator<Item = TensorId>| {
        ids.filter(|id| !site.graph.tensor(*id).is_constant())
            .map(|id| format!("{:?}", site.graph.tensor(id).shape).replace(", ", ","))
            .collect::<Vec<_>>()
            .join(", ")
    };
    format!(
        "{} {} -> {}",
        site.operator.kind,
        shapes(&mut site.operator.inputs.iter().flatten().copied()),
        shapes(&mut site.operator.outputs.iter().copied()),
    )
}
