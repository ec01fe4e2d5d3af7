//! One operator in its graph, with checked access to its tensors.

use super::{Graph, Operator, Options, Tensor, TensorId};
use crate::error::Diagnostic;

/// One operator in its graph.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// The operator's position in the graph, which passes may have changed.
    pub index: usize,
    /// The operator.
    pub operator: &'a Operator,
}

impl<'a> Site<'a> {
    /// The site of an operator.
    ///
    /// # Panics
    /// If the graph has no operator of that index.
    pub fn new(graph: &'a Graph, index: usize) -> Self {
        Self {
            graph,
            index,
            operator: &graph.operators[index],
        }
    }

    /// The operator's name in the schema, or that of a custom operator.
    pub fn name(&self) -> &'a str {
        self.operator.kind.name()
    }

    /// The operator's options.
    pub fn options(&self) -> &'a Options {
        &self.operator.options
    }

    /// The id of an input that has to be there.
    pub fn input_id(&self, position: usize) -> Result<TensorId, Diagnostic> {
        self.optional_input_id(position).ok_or_else(|| {
            self.error("an input is missing")
                .expected(format_args!("at least {} inputs", position + 1))
                .found(format_args!("{} inputs", self.operator.inputs.len()))
        })
    }

    /// The id of an input that may be left out.
    pub fn optional_input_id(&self, position: usize) -> Option<TensorId> {
        self.operator.inputs.get(position).copied().flatten()
    }

    /// An input that has to be there.
    pub fn input(&self, position: usize) -> Result<&'a Tensor, Diagnostic> {
        self.input_id(position).map(|id| self.graph.tensor(id))
    }

    /// An input that may be left out.
    pub fn optional_input(&self, position: usize) -> Option<&'a Tensor> {
        self.optional_input_id(position)
            .map(|id| self.graph.tensor(id))
    }

    /// The id of an output.
    pub fn output_id(&self, position: usize) -> Result<TensorId, Diagnostic> {
        self.operator.outputs.get(position).copied().ok_or_else(|| {
            self.error("an output is missing")
                .expected(format_args!("at least {} outputs", position + 1))
                .found(format_args!("{} outputs", self.operator.outputs.len()))
        })
    }

    /// An output.
    pub fn output(&self, position: usize) -> Result<&'a Tensor, Diagnostic> {
        self.output_id(position).map(|id| self.graph.tensor(id))
    }

    /// A diagnostic at this operator.
    pub fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(message).at_operator(self.graph.origin(self.index), &self.operator.kind)
    }

    /// A diagnostic at one tensor of this operator.
    pub fn tensor_error(&self, id: TensorId, message: impl Into<String>) -> Diagnostic {
        self.error(message)
            .at_tensor(id.index(), &self.graph.tensor(id).name)
    }
}
