//! The model and its subgraphs.

use std::collections::{HashMap, HashSet};

use super::{DType, OpKind, Operator, Part, Tensor, TensorId};

/// A whole `.tflite` file.
#[derive(Debug, Clone)]
pub struct Model {
    /// The file's name as the user gave it; used in messages and, sanitised, as the module's name.
    pub file: String,
    /// Length of the file in bytes.
    pub file_bytes: usize,
    /// The writer's free text.
    pub description: String,
    /// The operator codes, in file order: what a resolver has to register.
    pub op_codes: Vec<(OpKind, u32)>,
    /// Subgraphs, in file order; the first is the one run by default.
    pub graphs: Vec<Graph>,
    /// Named entry points.
    pub signatures: Vec<Signature>,
    /// Named blobs.
    pub metadata: Vec<Metadata>,
    /// Constants whose bytes lie behind the flatbuffer, by subgraph.
    pub outside: Vec<(usize, TensorId)>,
    /// Constants that the file has in a sparse format, by subgraph.
    pub sparse: Vec<(usize, TensorId)>,
}

/// One subgraph: tensors and operators in execution order.
#[derive(Debug, Clone)]
pub struct Graph {
    /// The writer's name for it.
    pub name: String,
    /// All tensors, constants included.
    pub tensors: Vec<Tensor>,
    /// Operators in execution order.
    pub operators: Vec<Operator>,
    /// Subgraph inputs.
    pub inputs: Vec<TensorId>,
    /// Subgraph outputs.
    pub outputs: Vec<TensorId>,
}

/// A named entry point: a subgraph with names for its inputs and outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The signature's key, for example `serving_default`.
    pub name: String,
    /// Index into [`Model::graphs`].
    pub graph: usize,
    /// Names of inputs, in the signature's order.
    pub inputs: Vec<SignaturePort>,
    /// Names of outputs, in the signature's order.
    pub outputs: Vec<SignaturePort>,
}

/// A signature's name for one input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignaturePort {
    /// The name.
    pub name: String,
    /// The tensor it stands for.
    pub tensor: TensorId,
}

/// A named blob of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The blob's name, for example `OfflineMemoryAllocation`.
    pub name: String,
    /// The blob.
    pub data: Vec<u8>,
}

/// What a signature calls tensors; of several names for one the first.
pub(crate) fn names_of_ports<'a>(
    ports: impl IntoIterator<Item = &'a SignaturePort>,
) -> HashMap<TensorId, &'a String> {
    let mut names = HashMap::new();
    for port in ports {
        names.entry(port.tensor).or_insert(&port.name);
    }
    names
}

impl Graph {
    /// The tensor of an id.
    ///
    /// # Panics
    /// If the id is another graph's and out of this one's range.
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.index()]
    }
}

impl Graph {
    /// The file's index of the operator at a position: of several that it computes, the last, whose outputs it has.
    pub fn origin(&self, position: usize) -> usize {
        let origin = self.operators.get(position).map(|o| &o.origin);
        origin
            .and_then(|o| o.last())
            .map_or(position, |part| part.index)
    }

    /// All operators of the file that the one at a position computes.
    pub(crate) fn parts(&self, position: usize) -> Vec<Part> {
        let operator = &self.operators[position];
        match &operator.origin[..] {
            [] => vec![Part {
                index: position,
                kind: operator.kind.clone(),
            }],
            parts => parts.to_vec(),
        }
    }

    /// The subgraphs that the operators call, in their order and as often as they do.
    pub fn callees(&self) -> impl Iterator<Item = usize> {
        self.operators.iter().flat_map(|o| o.options.callees())
    }
}

/// What `roots` come to call, themselves included, in an order that puts each before those that call
/// it. `callees` gives what one calls; none may call itself, however indirectly.
pub fn callees_first(roots: &[usize], mut callees: impl FnMut(usize) -> Vec<usize>) -> Vec<usize> {
    let mut order = Vec::new();
    let mut met = HashSet::new();
    // Calls nest as deep as a file wants them to, so what is open is a list and not the stack.
    let mut open = Vec::new();
    for &root in roots {
        if met.insert(root) {
            open.push((root, callees(root).into_iter()));
        }
        follow(&mut open, &mut met, &mut order, &mut callees);
    }
    order
}

/// A subgraph, and those of its callees that are yet to be looked at.
type Open = Vec<(usize, std::vec::IntoIter<usize>)>;

fn follow(
    open: &mut Open,
    met: &mut HashSet<usize>,
    order: &mut Vec<usize>,
    callees: &mut impl FnMut(usize) -> Vec<usize>,
) {
    while let Some((caller, left)) = open.last_mut() {
        match left.next() {
            Some(callee) if met.insert(callee) => open.push((callee, callees(callee).into_iter())),
            Some(_) => {}
            None => {
                order.push(*caller);
                open.pop();
            }
        }
    }
}

impl Model {
    /// The subgraphs that a user can run: the first, and those of signatures.
    pub fn entry_graphs(&self) -> Vec<usize> {
        let mut graphs: Vec<usize> = self.signatures.iter().map(|s| s.graph).collect();
        graphs.push(0);
        graphs.sort_unstable();
        graphs.dedup();
        graphs
    }

    /// The model with its default subgraph as the only entry point.
    #[must_use]
    pub fn with_default_entry(&self) -> Self {
        let mut first = self.clone();
        first.signatures.retain(|signature| signature.graph == 0);
        first.signatures.truncate(1);
        first
    }

    /// Whether an operator quantises its inputs while it runs: inputs and outputs are floats, weights are not.
    pub fn is_hybrid(&self) -> bool {
        let of_graph = |graph: &Graph| {
            let dtype = |id: &TensorId| graph.tensor(*id).dtype;
            graph.operators.iter().any(|operator| {
                let input = |position| {
                    let id: Option<&Option<TensorId>> = operator.inputs.get(position);
                    id.and_then(Option::as_ref).map(dtype)
                };
                input(0) == Some(DType::Float32)
                    && matches!(input(1), Some(DType::Int8 | DType::Int4))
                    && operator.outputs.first().map(dtype) == Some(DType::Float32)
            })
        };
        self.graphs.iter().any(of_graph)
    }

    /// The file's name without directories and without `.tflite`.
    pub fn stem(&self) -> &str {
        let base = self.file.rsplit(['/', '\\']).next().unwrap_or(&self.file);
        base.strip_suffix(".tflite").unwrap_or(base)
    }
}
