//! What the emitters of C need to know about a model's inputs and outputs.

use crate::error::{Diagnostic, Result};
use crate::graph::{DType, Graph, Model, TensorId};
use crate::labels;

use super::io_spec::{IoSpec, IoSpecFile};

/// One input or output of a subgraph.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorFacts {
    /// Index of the tensor in its subgraph.
    pub tensor: usize,
    /// Its name: the I/O specification's where there is one, else the model's.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Sizes of the dimensions; empty for a scalar.
    pub shape: Vec<usize>,
    /// Number of elements.
    pub elements: usize,
    /// Bytes in memory; 0 for types without a fixed size.
    pub bytes: usize,
    /// Scale and zero point of each channel; one pair when quantised as a whole, none when not.
    pub quantization: Vec<(f32, i32)>,
    /// What the element type was before quantisation, where the I/O specification says so.
    pub prequantized_dtype: Option<String>,
    /// Names of the classes the elements are scores of; empty when unknown.
    pub labels: Vec<String>,
}

/// Inputs and outputs of one subgraph.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GraphFacts {
    /// Inputs, in the subgraph's order.
    pub inputs: Vec<TensorFacts>,
    /// Outputs, in the subgraph's order.
    pub outputs: Vec<TensorFacts>,
    /// The function a runtime has to call, where the I/O specification names one.
    pub entry_func: String,
}

impl TensorFacts {
    /// The facts of one tensor; an error when a quantisation parameter cannot be used.
    fn new(graph: &Graph, id: TensorId) -> Result<Self> {
        let Some(tensor) = graph.tensors.get(id.index()) else {
            return Err(Diagnostic::new(format!("there is no tensor {}", id.index())).into());
        };
        let at = |message: &str| Diagnostic::new(message).at_tensor(id.index(), &tensor.name);
        let elements = tensor
            .shape
            .iter()
            .try_fold(1_usize, |n, d| n.checked_mul(*d));
        let bytes = elements.and_then(|n| n.checked_mul(tensor.dtype.bits()));
        let (Some(elements), Some(bits)) = (elements, bytes) else {
            return Err(at("the tensor is too large for any memory").into());
        };
        let mut quantization = Vec::new();
        if let Some(q) = &tensor.quantization {
            let (min, max) = tensor
                .dtype
                .integer_range()
                .unwrap_or((i32::MIN.into(), i32::MAX.into()));
            for (&scale, &zero_point) in q.scale.iter().zip(&q.zero_point) {
                if !scale.is_finite() {
                    return Err(at("the scale is not a finite number").found(scale).into());
                }
                if !(min..=max).contains(&i64::from(zero_point)) {
                    return Err(at("the zero point is not a value of the element type")
                        .expected(format!("{min} to {max} ({})", tensor.dtype))
                        .found(zero_point)
                        .into());
                }
                quantization.push((scale, zero_point));
            }
        }
        Ok(Self {
            tensor: id.index(),
            name: tensor.name.clone(),
            dtype: tensor.dtype,
            shape: tensor.shape.clone(),
            elements,
            bytes: bits.div_ceil(8),
            quantization,
            prequantized_dtype: None,
            labels: Vec::new(),
        })
    }

    /// The one scale and zero point of a tensor quantised as a whole.
    pub fn per_tensor(&self) -> Option<(f32, i32)> {
        match self.quantization[..] {
            [pair] => Some(pair),
            _ => None,
        }
    }
}

impl GraphFacts {
    /// The facts of one subgraph, from the model alone.
    pub fn new(graph: &Graph) -> Result<Self> {
        let all = |ids: &[TensorId]| -> Result<Vec<_>> {
            ids.iter().map(|id| TensorFacts::new(graph, *id)).collect()
        };
        Ok(Self {
            inputs: all(&graph.inputs)?,
            outputs: all(&graph.outputs)?,
            entry_func: String::new(),
        })
    }

    /// The facts of the subgraph run by default, completed by what is known besides the model:
    /// an I/O specification and labels of output 0. Labels given win over those of the
    /// specification; anything that contradicts the model is an error.
    pub fn of_model(
        model: &Model,
        io_spec: Option<IoSpecFile<'_>>,
        labels: Option<&[String]>,
    ) -> Result<Self> {
        let in_model = |e: crate::error::Error| e.in_file(&model.file);
        let Some(graph) = model.graphs.first() else {
            let d = Diagnostic::new("the model has no subgraph to run");
            return Err(in_model(d.into()));
        };
        let mut facts = Self::new(graph).map_err(|e| in_model(e.in_subgraph(0)))?;
        if let Some(file) = io_spec {
            IoSpec::parse(file)?.complete(&mut facts, &model.file)?;
        }
        if let Some(names) = labels {
            labels::check(model, names.len())?;
            if let Some(output) = facts.outputs.first_mut() {
                output.labels = names.to_vec();
            }
        }
        Ok(facts)
    }
}

/// What is wrong with so many labels, if anything.
pub(super) fn misfit_of_labels(output: &TensorFacts, count: usize) -> Option<Diagnostic> {
    let misfit = labels::misfit(&output.shape, count)?;
    Some(misfit.at_tensor(output.tensor, &output.name))
}
