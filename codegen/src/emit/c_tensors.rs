//! Inputs and outputs as C sees them: what the partial templates `c_tensors` and `c_quantize` need.

use serde::Serialize;

use super::facts::{GraphFacts, TensorFacts};
use super::literal::{MAX_STRING, c_comment, c_float, c_string, shortened};
use crate::error::{Diagnostic, Result};
use crate::graph::DType;

#[derive(Serialize)]
pub(super) struct GraphValues {
    pub(super) index: usize,
    pub(super) upper: String,
    pub(super) input_count: usize,
    pub(super) output_count: usize,
    pub(super) tensors: Vec<TensorValues>,
}

#[derive(Serialize)]
pub(super) struct TensorValues {
    pub(super) upper: String,
    pub(super) ident: String,
    pub(super) comment: String,
    pub(super) name: String,
    pub(super) dtype: String,
    pub(super) c_type: Option<&'static str>,
    pub(super) rank: usize,
    pub(super) shape: String,
    pub(super) dims: Vec<usize>,
    pub(super) elements: usize,
    pub(super) bytes: usize,
    pub(super) scale: Option<String>,
    pub(super) zero_point: Option<String>,
    pub(super) channels: usize,
    pub(super) scales: String,
    pub(super) zero_points: String,
    pub(super) helpers: Option<Helpers>,
    pub(super) prequantized: Option<String>,
    pub(super) labels: Vec<String>,
}

/// What the quantise and dequantise functions of a tensor need.
#[derive(Serialize)]
pub(super) struct Helpers {
    pub(super) value_type: &'static str,
    /// int32: sums need 64 bits.
    pub(super) wide: bool,
    pub(super) min: i64,
    pub(super) max: i64,
}

impl GraphValues {
    /// Whether a tensor needs the function that quantises to 32 bits, or the one for fewer.
    pub(super) fn quantizes(&self, wide: bool) -> bool {
        let mut helpers = self.tensors.iter().filter_map(|t| t.helpers.as_ref());
        helpers.any(|h| h.wide == wide)
    }
}

pub(super) fn graph_values(
    facts: &GraphFacts,
    index: usize,
    prefix: &str,
    upper: &str,
) -> Result<GraphValues> {
    let mut tensors = Vec::new();
    for (side, list) in [("input", &facts.inputs), ("output", &facts.outputs)] {
        for (i, tensor) in list.iter().enumerate() {
            let ident = format!("{prefix}_{side}_{i}");
            let upper = format!("{upper}_{}_{i}", side.to_ascii_uppercase());
            let values = tensor_values(tensor, format!("{side} {i}"), ident, upper);
            tensors.push(values.map_err(|e| e.in_subgraph(index))?);
        }
    }
    Ok(GraphValues {
        index,
        upper: upper.to_owned(),
        input_count: facts.inputs.len(),
        output_count: facts.outputs.len(),
        tensors,
    })
}

fn tensor_values(
    tensor: &TensorFacts,
    what: String,
    ident: String,
    upper: String,
) -> Result<TensorValues> {
    if let Some(label) = tensor.labels.iter().find(|l| l.len() > MAX_STRING) {
        return Err(
            Diagnostic::new(format!("a label of {what} is too long for a C string"))
                .at_tensor(tensor.tensor, &tensor.name)
                .expected(format!("at most {MAX_STRING} bytes"))
                .found(format!("{} bytes", label.len()))
                .into(),
        );
    }
    // The facts hold finite scales only.
    let scale = |s: f32| c_float(s).unwrap_or_default() + "f";
    let list = |items: Vec<String>| format!("{{{}}}", items.join(", "));
    let channels = if tensor.quantization.len() > 1 {
        &tensor.quantization[..]
    } else {
        &[]
    };
    let name = shortened(&tensor.name);
    Ok(TensorValues {
        comment: format!(
            "{what} \"{}\": {} {:?}",
            c_comment(&name),
            tensor.dtype,
            tensor.shape
        ),
        name: c_string(&name),
        dtype: c_string(tensor.dtype.name()),
        c_type: c_type(tensor.dtype),
        rank: tensor.shape.len(),
        // C has no empty initialiser; a scalar is one element.
        shape: match &tensor.shape[..] {
            [] => "{1}".to_owned(),
            shape => list(shape.iter().map(usize::to_string).collect()),
        },
        dims: tensor.shape.clone(),
        elements: tensor.elements,
        bytes: tensor.bytes,
        scale: tensor.per_tensor().map(|(s, _)| scale(s)),
        zero_point: tensor.per_tensor().map(|(_, z)| integer(z)),
        channels: channels.len(),
        scales: list(channels.iter().map(|(s, _)| scale(*s)).collect()),
        zero_points: list(channels.iter().map(|(_, z)| integer(*z)).collect()),
        helpers: helpers(tensor),
        prequantized: tensor
            .prequantized_dtype
            .as_deref()
            .map(|d| c_string(&shortened(d))),
        labels: tensor.labels.iter().map(|l| c_string(l)).collect(),
        ident,
        upper,
    })
}

/// An int32 constant. The least one has no literal of its own in C.
fn integer(value: i32) -> String {
    match value {
        i32::MIN => "(-2147483647 - 1)".to_owned(),
        _ if value < 0 => format!("({value})"),
        _ => value.to_string(),
    }
}

/// Only tensors quantised as a whole, with a scale one can divide by, have the functions.
fn helpers(tensor: &TensorFacts) -> Option<Helpers> {
    tensor.per_tensor().filter(|(scale, _)| *scale > 0.0)?;
    let value_type = match tensor.dtype {
        DType::Int2 | DType::Int4 | DType::Int8 => "int8_t",
        DType::Uint4 | DType::Uint8 => "uint8_t",
        DType::Int16 => "int16_t",
        DType::Uint16 => "uint16_t",
        DType::Int32 => "int32_t",
        _ => return None,
    };
    let (min, max) = tensor.dtype.integer_range()?;
    Some(Helpers {
        value_type,
        wide: tensor.dtype == DType::Int32,
        min,
        max,
    })
}

/// The C type that holds one element, where there is one.
pub(super) fn c_type(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
        DType::Float32 => "float",
        DType::Float64 => "double",
        DType::Int8 => "int8_t",
        DType::Uint8 | DType::Float8E4M3Fn | DType::Float8E5M2 => "uint8_t",
        DType::Int16 => "int16_t",
        DType::Uint16 | DType::Float16 | DType::Bfloat16 => "uint16_t",
        DType::Int32 => "int32_t",
        DType::Uint32 => "uint32_t",
        DType::Int64 => "int64_t",
        DType::Uint64 => "uint64_t",
        DType::Bool => "bool",
        DType::Int2 | DType::Int4 | DType::Uint4 => return None,
        DType::Complex64 | DType::Complex128 => return None,
        DType::String | DType::Resource | DType::Variant => return None,
    })
}
