//! An operator's tensors and options, as far as they are known before the model runs.

use super::shapes::{self, size};
use super::{Graph, Operator, Options, Tensor};

/// An operator's tensors and options.
pub struct Operands<'a> {
    pub(crate) inputs: Vec<Option<&'a Tensor>>,
    pub(crate) outputs: Vec<&'a Tensor>,
    pub(crate) options: &'a Options,
}

/// The longest list of axes, sizes or positions that is looked through: any number of operators may name one constant.
pub(crate) const MOST_VALUES: usize = 4096;

impl<'a> Operands<'a> {
    pub fn new(graph: &'a Graph, operator: &'a Operator) -> Self {
        let inputs = operator.inputs.iter();
        let outputs = operator.outputs.iter();
        Self {
            inputs: inputs.map(|id| id.map(|id| graph.tensor(id))).collect(),
            outputs: outputs.map(|id| graph.tensor(*id)).collect(),
            options: &operator.options,
        }
    }

    pub(crate) fn input(&self, position: usize) -> Option<&'a Tensor> {
        self.inputs.get(position).copied().flatten()
    }

    pub(crate) fn inputs(&self) -> impl Iterator<Item = &'a Tensor> {
        self.inputs.iter().flatten().copied()
    }

    pub(crate) fn outputs(&self) -> &[&'a Tensor] {
        &self.outputs
    }

    /// The values of a constant input. Long ones are left alone.
    pub(crate) fn integers(&self, position: usize) -> Option<Vec<i64>> {
        let tensor = self.input(position)?;
        (tensor.elements() <= MOST_VALUES).then(|| tensor.as_integers())?
    }

    /// The values of a constant input, as sizes.
    pub(crate) fn sizes(&self, position: usize) -> Option<Vec<usize>> {
        self.integers(position)?.into_iter().map(size).collect()
    }

    /// An option, or its default, which is 0.
    pub(crate) fn option(&self, name: &str) -> i64 {
        match self.options {
            Options::Concatenation(o) if name == "axis" => o.axis.into(),
            options => options.integer(name),
        }
    }

    /// STRIDED_SLICE's parts, if they are constants.
    pub(crate) fn strided(&self) -> Option<shapes::Strided> {
        let [begin, end, strides] = [1, 2, 3].map(|input| self.integers(input));
        Some(shapes::Strided::new(self.options, begin?, end?, strides?))
    }

    /// Whether BATCH_MATMUL swaps the last dimensions of its left and its right side.
    pub(crate) fn adjoint(&self) -> [bool; 2] {
        match self.options {
            Options::BatchMatmul(o) => [o.adj_x, o.adj_y],
            _ => [false; 2],
        }
    }
}
