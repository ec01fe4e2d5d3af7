//! What users can do about an operator of element types that no kernel takes. It follows from the types that there are kernels for.

use crate::graph::{DType, Site, Tensor};
use crate::tflm::IN_FLOAT32;

const QUANTIZE: &str = "convert the model as float32, or with full int8 quantisation: a representative dataset and \
     `supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]`";
const NEW_CONVERTER: &str =
    "convert the model again with TensorFlow 2's converter, which quantises to int8";
const QUANTIZED: &str = "quantise the model to int8 or int16";
const INT8_WEIGHTS: &str = "quantise the weights to int8";
const NO_FLOAT16: &str = "convert without supported_types = [tf.float16]";
const ONE_TYPE: &str = "give the operator's tensors one type in the model's source, with tf.cast";
const REPLACE: &str = "replace the layer that the converter turns into this operator";

/// Types by the names that they have in expectations; what one casts to, best first.
const NAMES: [(&str, DType); 10] = [
    ("int32", DType::Int32),
    ("float32", DType::Float32),
    ("int64", DType::Int64),
    ("int8", DType::Int8),
    ("int16", DType::Int16),
    ("uint8", DType::Uint8),
    ("uint32", DType::Uint32),
    ("bool", DType::Bool),
    ("int4", DType::Int4),
    ("float16", DType::Float16),
];

/// The remedy for an operator whose tensors have other types than `expected` names.
pub(super) fn remedy(site: &Site<'_>, expected: &str) -> String {
    if let "QUANTIZE" | "DEQUANTIZE" = site.name() {
        return QUANTIZED.to_owned();
    }
    // Comparisons give bool, and take it or not.
    let expected = expected.split(", to ").next().unwrap_or_default();
    let operator = site.operator;
    let ids = operator.inputs.iter().flatten().chain(&operator.outputs);
    let tensors: Vec<&Tensor> = ids.map(|id| site.graph.tensor(*id)).collect();
    let names_types = NAMES.iter().any(|(name, _)| names(expected, name));
    let other = tensors.iter().find(|tensor| !takes(expected, tensor.dtype));
    match other {
        Some(other) if names_types => of_tensor(other, expected),
        // All types are there, but not together.
        _ if tensors.iter().any(|tensor| is_quantized(tensor)) => QUANTIZE.to_owned(),
        _ => ONE_TYPE.to_owned(),
    }
}

/// The remedy for a tensor of another type than `expected` names.
pub(super) fn of_tensor(tensor: &Tensor, expected: &str) -> String {
    let taken = |dtype| takes(expected, dtype);
    match tensor.dtype {
        DType::Float16 | DType::Bfloat16 => NO_FLOAT16.to_owned(),
        DType::Int4 | DType::Int2 | DType::Uint4 => INT8_WEIGHTS.to_owned(),
        DType::Uint8 if taken(DType::Int8) && is_quantized(tensor) => NEW_CONVERTER.to_owned(),
        DType::Float32 if taken(DType::Int8) => QUANTIZE.to_owned(),
        _ if is_quantized(tensor) && taken(DType::Float32) => IN_FLOAT32.to_owned(),
        _ if is_quantized(tensor) && (tensor.is_constant() || taken(DType::Int8)) => {
            QUANTIZE.to_owned()
        }
        DType::String | DType::Resource | DType::Variant => REPLACE.to_owned(),
        _ => match NAMES.iter().find(|(_, dtype)| taken(*dtype)) {
            Some((name, _)) => format!("cast to {name} before this operator, with tf.cast"),
            None => REPLACE.to_owned(),
        },
    }
}

/// Whether an expectation names a type.
fn names(expected: &str, name: &str) -> bool {
    let mut words = expected.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| word == name)
}

fn takes(expected: &str, dtype: DType) -> bool {
    let mut named = NAMES.iter().filter(|(_, named)| *named == dtype);
    named.any(|(name, _)| names(expected, name))
}

fn is_quantized(tensor: &Tensor) -> bool {
    tensor.quantization.is_some()
}
