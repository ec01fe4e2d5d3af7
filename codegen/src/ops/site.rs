//! What the compiled engine asks of an operator's tensors and options.

use castiron_runtime::kernels::Float;

use super::other_types;
use crate::error::{Diagnostic, Operands, Shaped};
use crate::graph::operands::MOST_VALUES;
use crate::graph::shapes::dimension;
use crate::graph::{Activation, DType, Quantization, Site, TensorId};

impl<'a> Site<'a> {
    /// Types and shapes of the operator's tensors.
    pub(super) fn operands(&self) -> Operands {
        let of = |id: TensorId| {
            let tensor = self.graph.tensor(id);
            Shaped {
                dtype: tensor.dtype.name(),
                shape: tensor.shape.clone(),
            }
        };
        Operands {
            inputs: self.operator.inputs.iter().map(|id| id.map(of)).collect(),
            outputs: (self.operator.outputs.iter())
                .map(|id| Some(of(*id)))
                .collect(),
        }
    }

    /// A diagnostic for a combination of element types that has no kernel.
    pub fn unsupported_types(&self, supported: &str) -> Diagnostic {
        self.types_error(supported)
            .help(other_types::remedy(self, supported))
    }

    /// The same where it is one tensor's type alone.
    pub fn unsupported_type(&self, id: TensorId, supported: &str) -> Diagnostic {
        let tensor = self.graph.tensor(id);
        self.types_error(supported)
            .help(other_types::of_tensor(tensor, supported))
    }

    fn types_error(&self, supported: &str) -> Diagnostic {
        let list = |ids: &mut dyn Iterator<Item = TensorId>| {
            ids.map(|id| self.graph.tensor(id).dtype.name())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let inputs = list(&mut self.operator.inputs.iter().flatten().copied());
        let outputs = list(&mut self.operator.outputs.iter().copied());
        self.error("these element types are not supported by the compiled engine")
            .expected(supported)
            .found(format_args!("({inputs}) -> ({outputs})"))
    }

    /// A tensor's quantisation, which has to be there.
    pub fn quantization(&self, id: TensorId) -> Result<&'a Quantization, Diagnostic> {
        self.graph.tensor(id).quantization.as_ref().ok_or_else(|| {
            self.tensor_error(id, "the tensor has no quantisation parameters")
                .expected("a scale and a zero point")
                .help("quantise the model again; the converter writes both for integer tensors")
        })
    }

    /// A tensor's one scale and zero point.
    pub fn per_tensor(&self, id: TensorId) -> Result<(f32, i32), Diagnostic> {
        let q = self.quantization(id)?;
        q.per_tensor().ok_or_else(|| {
            self.tensor_error(id, "the tensor is quantised per channel")
                .expected("one scale and zero point")
                .found(format_args!("{} scales", q.scale.len()))
                .help("convert the model as float32, or with full int8 quantisation")
        })
    }

    /// The one scale of an input that has to be symmetric.
    pub fn symmetric(&self, position: usize) -> Result<f32, Diagnostic> {
        let id = self.input_id(position)?;
        match self.per_tensor(id)? {
            (scale, 0) => Ok(scale),
            (_, zero_point) => Err(self
                .tensor_error(id, "the tensor must be symmetric")
                .expected("zero point 0")
                .found(zero_point)
                .help(
                    "quantise the model again; the converter gives this tensor the zero point 0",
                )),
        }
    }

    /// The id of an input that the operator keeps from run to run.
    pub fn variable(&self, position: usize, what: &str) -> Result<TensorId, Diagnostic> {
        let id = self.input_id(position)?;
        if self.graph.tensor(id).is_variable {
            return Ok(id);
        }
        Err(self
            .tensor_error(id, format!("{what} is not kept from run to run"))
            .expected("a variable tensor")
            .found("a tensor of one run")
            .help("convert the model again; the converter marks this tensor as variable"))
    }

    /// A constant input's bytes.
    pub fn constant(&self, position: usize, what: &str) -> Result<&'a [u8], Diagnostic> {
        let id = self.input_id(position)?;
        self.graph.tensor(id).data.as_deref().ok_or_else(|| {
            self.tensor_error(id, format!("{what} must be constant"))
                .found("a tensor computed at run time")
                .help("export the model with this input fixed")
        })
    }

    /// A constant int8 or int4 tensor's values.
    pub fn constant_i8(&self, position: usize, what: &str) -> Result<Vec<i8>, Diagnostic> {
        self.constant(position, what)?;
        let id = self.input_id(position)?;
        let tensor = self.graph.tensor(id);
        match tensor.dtype {
            DType::Int8 | DType::Int4 => tensor.as_small_integers(),
            _ => None,
        }
        .ok_or_else(|| self.unsupported_type(id, "int8 or int4 weights"))
    }

    /// A constant float32 tensor's values.
    pub fn constant_f32(&self, position: usize, what: &str) -> Result<Vec<f32>, Diagnostic> {
        let bytes = self.constant(position, what)?;
        if self.input(position)?.dtype != DType::Float32 {
            return Err(self.unsupported_type(self.input_id(position)?, "float32"));
        }
        let (values, _) = bytes.as_chunks::<4>();
        Ok(values.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }

    /// A constant int32 tensor's values.
    pub fn constant_i32(&self, position: usize, what: &str) -> Result<Vec<i32>, Diagnostic> {
        let bytes = self.constant(position, what)?;
        if self.input(position)?.dtype != DType::Int32 {
            return Err(self.unsupported_type(self.input_id(position)?, "int32"));
        }
        let (values, _) = bytes.as_chunks::<4>();
        Ok(values.iter().map(|b| i32::from_le_bytes(*b)).collect())
    }

    /// A constant int64 tensor's values.
    pub fn constant_i64(&self, position: usize, what: &str) -> Result<Vec<i64>, Diagnostic> {
        let bytes = self.constant(position, what)?;
        if self.input(position)?.dtype != DType::Int64 {
            return Err(self.unsupported_type(self.input_id(position)?, "int64"));
        }
        let (values, _) = bytes.as_chunks::<8>();
        Ok(values.iter().map(|b| i64::from_le_bytes(*b)).collect())
    }

    /// A constant integer tensor's values.
    pub fn integers(&self, position: usize, what: &str) -> Result<Vec<i64>, Diagnostic> {
        self.constant(position, what)?;
        let id = self.input_id(position)?;
        let tensor = self.graph.tensor(id);
        if tensor.elements() > MOST_VALUES {
            return Err(self
                .tensor_error(self.input_id(position)?, format!("{what} are too many"))
                .expected(format_args!("at most {MOST_VALUES} values"))
                .found(tensor.elements()));
        }
        let values = tensor.as_integers();
        values.ok_or_else(|| self.unsupported_type(id, "int32 or int64 constants"))
    }

    /// The shape of an input as four dimensions.
    pub fn nhwc(&self, id: TensorId) -> Result<[usize; 4], Diagnostic> {
        let shape = &self.graph.tensor(id).shape;
        <[usize; 4]>::try_from(&shape[..]).map_err(|_| {
            self.tensor_error(id, "the tensor's rank is not supported here")
                .expected("4 dimensions: batch, height, width, channels")
                .found(format_args!("{shape:?}"))
        })
    }

    /// An axis of a tensor of `rank` dimensions; negative ones count from the last.
    pub fn axis(&self, axis: i64, rank: usize) -> Result<usize, Diagnostic> {
        dimension(axis, rank).ok_or_else(|| {
            self.error("the axis is out of range")
                .expected(format_args!("-{rank}..{rank}"))
                .found(axis)
        })
    }

    /// Checks that two tensors have the same quantisation, for operators that copy stored
    /// values. Scales may differ by the rounding of a converter; tensors that are not quantised
    /// are alike.
    pub fn same_quantization(&self, id: TensorId, other: TensorId) -> Result<(), Diagnostic> {
        let tensors = [self.graph.tensor(id), self.graph.tensor(other)];
        if !matches!(tensors[0].dtype, DType::Int8 | DType::Uint8 | DType::Int16)
            || tensors.iter().all(|tensor| tensor.quantization.is_none())
        {
            return Ok(());
        }
        let (found, expected) = (self.per_tensor(id)?, self.per_tensor(other)?);
        let tolerance = 1e-5 * found.0.max(expected.0);
        if (found.0 - expected.0).abs() <= tolerance && found.1 == expected.1 {
            return Ok(());
        }
        let text = |(scale, zero_point)| format!("scale {scale}, zero point {zero_point}");
        let whose = match self.operator.outputs.contains(&other) {
            true => "the output's",
            false => "that of another input",
        };
        Err(self
            .tensor_error(
                id,
                format!("the tensor's quantisation differs from {whose}"),
            )
            .expected(text(expected))
            .found(text(found))
            .help("quantise the model again; the converter gives these tensors one scale"))
    }

    /// Checks a shape that follows from the operator's inputs and options.
    pub fn expect_shape(&self, id: TensorId, expected: &[usize]) -> Result<(), Diagnostic> {
        let tensor = self.graph.tensor(id);
        if tensor.shape == expected {
            return Ok(());
        }
        Err(self
            .tensor_error(id, "the shape does not follow from the operator's inputs")
            .expected(format_args!("{expected:?}"))
            .found(format_args!("{:?}", tensor.shape))
            .help("export the model again with fixed shapes"))
    }

    /// The range of an activation on real values, for float kernels.
    pub fn float_range(&self, activation: Activation) -> Result<Float, Diagnostic> {
        let (min, max) = match activation {
            Activation::None => (f32::MIN, f32::MAX),
            Activation::Relu => (0.0, f32::MAX),
            Activation::Relu6 => (0.0, 6.0),
            Activation::ReluN1To1 => (-1.0, 1.0),
            Activation::Tanh | Activation::SignBit => {
                return Err(self.unsupported_activation(activation));
            }
        };
        Ok(Float { min, max })
    }

    /// The range of an activation on stored values of the output, for integer kernels.
    pub fn integer_range(
        &self,
        activation: Activation,
        output: TensorId,
    ) -> Result<(i32, i32), Diagnostic> {
        let tensor = self.graph.tensor(output);
        let (least, greatest) = tensor
            .dtype
            .integer_range()
            .ok_or_else(|| self.unsupported_types("integers"))?;
        let (least, greatest) = (least as i32, greatest as i32);
        if activation == Activation::None {
            return Ok((least, greatest));
        }
        let (scale, zero_point) = self.per_tensor(output)?;
        let stored = |real: f32| zero_point.saturating_add((real / scale).round() as i32);
        Ok(match activation {
            Activation::None => (least, greatest),
            Activation::Relu => (least.max(stored(0.0)), greatest),
            Activation::Relu6 => (least.max(stored(0.0)), greatest.min(stored(6.0))),
            Activation::ReluN1To1 => (least.max(stored(-1.0)), greatest.min(stored(1.0))),
            Activation::Tanh | Activation::SignBit => {
                return Err(self.unsupported_activation(activation));
            }
        })
    }

    fn unsupported_activation(&self, activation: Activation) -> Diagnostic {
        self.error("the fused activation is not supported")
            .expected("NONE, RELU, RELU6 or RELU_N1_TO_1")
            .found(format_args!("{activation:?}"))
            .help("export the activation as an operator of its own")
    }
}
