//! The model and its subgraphs.

use super::{OpKind, Operator, Tensor, TensorId};

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

impl Graph {
    /// The tensor of an id.
    ///
    /// # Panics
    /// If the id is another graph's and out of this one's range.
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.index()]
    }
}

impl Model {
    /// The file's name without directories and without `.tflite`.
    pub fn stem(&self) -> &str {
        let base = self.file.rsplit(['/', '\\']).next().unwrap_or(&self.file);
        base.strip_suffix(".tflite").unwrap_or(base)
    }
}
