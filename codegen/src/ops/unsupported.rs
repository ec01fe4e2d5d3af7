//! What there is to say of an operator that the compiled engine has no kernel for.

use super::Site;
use crate::error::{Diagnostic, Remedy};
use crate::graph::{BuiltinOperator as Op, DType, OpKind, TensorId};
use crate::tflm::{self, Kernels, TflmOp};

const UNKNOWN_BATCH: &str = "the model was exported with an unknown batch size, and this operator computes with it; convert it with \
     batch size 1: `tf.TensorSpec([1, …])`, or Keras' `Input(batch_size=1)`";

/// The diagnostic of an operator that has no family.
pub(super) fn unsupported(site: &Site<'_>) -> Diagnostic {
    let d = site.error("the compiled engine does not support this operator");
    match &site.operator.kind {
        OpKind::Builtin(_) if computes_sizes(site) => d.help(UNKNOWN_BATCH),
        kind if TflmOp::for_kind(kind).is_some() => {
            match tflm::computes(site.graph, site.index, Kernels::Reference) {
                true => d.remedy(Remedy::Tflm),
                false => d.help(
                    "TensorFlow Lite Micro's kernel refuses it, or computes something else; `castiron inspect` shows the reason and a remedy",
                ),
            }
        }
        OpKind::Custom(name) if name.starts_with("Flex") => d.help(
            "convert the model without SELECT_TF_OPS: TensorFlow Lite Micro does not run TensorFlow's operators \
             either",
        ),
        OpKind::Custom(_) => d.remedy(Remedy::Firmware),
        OpKind::Builtin(_) => {
            d.help("TensorFlow Lite Micro lacks it, too: replace the layer that the converter turns into this operator")
        }
    }
}

/// Whether the operator is of those that converters leave where a size is not known: SHAPE, and
/// integer arithmetic on what it gives.
fn computes_sizes(site: &Site<'_>) -> bool {
    let integers = |id: &_| matches!(site.graph.tensor(*id).dtype, DType::Int32 | DType::Int64);
    let operator = site.operator;
    let on_sizes = operator.kind == OpKind::Builtin(Op::Shape)
        || (!operator.outputs.is_empty()
            && operator.inputs.iter().flatten().all(integers)
            && operator.outputs.iter().all(integers));
    let unknown = |id: &TensorId| {
        let signature = site.graph.tensor(*id).shape_signature.as_deref();
        signature.is_some_and(|sizes| sizes.iter().any(|size| *size < 0))
    };
    on_sizes && site.graph.inputs.iter().any(unknown)
}
