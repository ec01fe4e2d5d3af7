//! What a user can do about an operator that TFLM refuses.

use super::recurrent::PLAIN;
use super::rule::At::{In, Out};
use super::rule::{At, Broken};
use crate::graph::{DType, SequenceLstmOptions, Site};

/// The way out that castiron has itself.
const OTHER_ENGINE: &str =
    "use castiron's own engine if `castiron inspect` shows that it runs every operator";

const HYBRID: &str = "quantise fully, with a representative_dataset and \
    supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8], or convert without optimizations for weights in float32";
const UINT8: &str =
    "convert the model again with TensorFlow 2's converter, which quantises to int8";
const FLOAT16: &str =
    "convert without supported_types = [tf.float16]; TFLM computes in float32 or quantised";
const OPEN: &str = "convert the model with a fixed input shape, batch included";
const MANY: &str = "concatenate in several steps of at most ten inputs in the model's source";
const WEIGHTS: &str = "quantise weights and activations to int8, with a representative_dataset, or leave both float32";

/// For an operator of a quantised type that no kernel takes, and float32 that one does.
pub(crate) const IN_FLOAT32: &str = "keep this operator in float32, with DEQUANTIZE before it and QUANTIZE behind it: \
     `supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.TFLITE_BUILTINS_INT8]`";

const SCALES: &str =
    "quantise again, with a representative_dataset that covers the model's real inputs";
const SHAPES: &str = "convert the model again; the file's shapes were edited, or were unknown";

/// What kernels do with an activation that they do not know.
pub(super) const NO_CLAMP: &str = "the kernel leaves the fused activation out";

/// The remedy where a kernel computes something else.
pub(super) fn of_difference(what: &str) -> String {
    match what {
        super::shapes::RECORDED => format!("{OPEN}; or {OTHER_ENGINE}"),
        NO_CLAMP => "export the activation as an operator of its own".to_owned(),
        _ => OTHER_ENGINE.to_owned(),
    }
}

/// The remedy where there is no kernel.
pub(super) fn of_lack() -> String {
    OTHER_ENGINE.to_owned()
}

/// The remedy for weights in a sparse format.
pub(super) fn of_sparse() -> String {
    format!("convert the model without sparsity; or {OTHER_ENGINE}")
}

/// The same remedy for a model that castiron's own engine does not take.
pub(in crate::tflm) fn without_other_engine(help: &str) -> String {
    match help.strip_suffix(OTHER_ENGINE) {
        Some("") => "replace the layer that the converter turns into this operator".to_owned(),
        Some(rest) => rest.trim_end_matches("; or ").to_owned(),
        None => help.to_owned(),
    }
}

/// The remedy for a rule that is broken.
pub(super) fn of_refusal(site: &Site<'_>, broken: &Broken) -> String {
    let name = site.name();
    let operator = site.operator;
    let dtype = |at: At| at.tensor(site).map(|tensor| tensor.dtype);
    let any = |dtype: DType| {
        let mut ids = operator.inputs.iter().flatten().chain(&operator.outputs);
        ids.any(|id| site.graph.tensor(*id).dtype == dtype)
    };
    let activations = if name == "TRANSPOSE_CONV" {
        In(2)
    } else {
        In(0)
    };
    let is_open = broken.expected.starts_with("a constant");
    let is_recorded = ["an output of", "the sizes that", "sizes of"]
        .iter()
        .any(|begin| broken.expected.starts_with(begin));
    let of_type = broken.tensor.map(|id| site.graph.tensor(id));
    let is_type = of_type.is_some_and(|tensor| {
        let converts = matches!(name, "QUANTIZE" | "DEQUANTIZE");
        !converts && tensor.quantization.is_some() && tensor.dtype.to_string() == broken.found
    });
    let is_quantized = [DType::Int8, DType::Int16].iter().any(|dtype| any(*dtype));
    let help = match (dtype(activations), dtype(In(1))) {
        _ if is_open => OPEN,
        _ if broken.expected == PLAIN => SequenceLstmOptions::UNROLL,
        (Some(DType::Float32), Some(DType::Int8 | DType::Int4 | DType::Uint8))
            if dtype(Out(0)) == Some(DType::Float32) =>
        {
            HYBRID
        }
        _ if any(DType::Uint8) => UINT8,
        _ if any(DType::Float16) => FLOAT16,
        _ if any(DType::Int4) || any(DType::Int2) => WEIGHTS,
        _ if name == "CONCATENATION" && operator.inputs.len() > 10 => MANY,
        _ if is_recorded => SHAPES,
        _ if is_type && broken.expected.contains("FLOAT32") => IN_FLOAT32,
        _ if is_quantized && broken.expected.contains("scale") => SCALES,
        _ => "replace the layer that the converter turns into this operator",
    };
    format!("{help}; or {OTHER_ENGINE}")
}
