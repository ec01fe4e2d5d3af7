//! The functions that give TFLM's kernels, and those of them that serve one element type only.
//!
//! The latter link less code with CMSIS-NN; with TFLM's reference kernels its headers make them
//! the general ones.

use crate::graph::{DType, OpKind, Operator};

use super::{TflmKernel, TflmOp};

/// A function that gives a kernel's registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its name with namespaces.
    pub function: String,
    /// Whether it gives a pointer to the registration and not the registration itself.
    pub by_pointer: bool,
    /// TFLM's header that declares it; `None` where no header for applications does.
    pub header: Option<&'static str>,
}

const ALL: &str = "tensorflow/lite/micro/kernels/micro_ops.h";

/// Custom operators: the name in a model, the function, and whether a header declares it.
const CUSTOM: &[(&str, &str, bool)] = &[
    ("CIRCULAR_BUFFER", "tflite::Register_CIRCULAR_BUFFER", true),
    ("SignalDelay", "tflite::tflm_signal::Register_DELAY", true),
    ("SignalEnergy", "tflite::tflm_signal::Register_ENERGY", true),
    (
        "SignalFftAutoScale",
        "tflite::tflm_signal::Register_FFT_AUTO_SCALE",
        true,
    ),
    (
        "SignalFilterBank",
        "tflite::tflm_signal::Register_FILTER_BANK",
        true,
    ),
    (
        "SignalFilterBankLog",
        "tflite::tflm_signal::Register_FILTER_BANK_LOG",
        true,
    ),
    (
        "SignalFilterBankSpectralSubtraction",
        "tflite::tflm_signal::Register_FILTER_BANK_SPECTRAL_SUBTRACTION",
        true,
    ),
    (
        "SignalFilterBankSquareRoot",
        "tflite::tflm_signal::Register_FILTER_BANK_SQUARE_ROOT",
        true,
    ),
    ("SignalFramer", "tflite::tflm_signal::Register_FRAMER", true),
    (
        "SignalOverlapAdd",
        "tflite::tflm_signal::Register_OVERLAP_ADD",
        true,
    ),
    ("SignalPCAN", "tflite::tflm_signal::Register_PCAN", true),
    (
        "SignalStacker",
        "tflite::tflm_signal::Register_STACKER",
        true,
    ),
    ("SignalWindow", "tflite::tflm_signal::Register_WINDOW", true),
    (
        "TFLite_Detection_PostProcess",
        "tflite::Register_DETECTION_POSTPROCESS",
        false,
    ),
];

/// Which tensor's type, besides that of the first, tells the kernel.
#[derive(Clone, Copy)]
enum Second {
    /// The first alone does.
    Any,
    /// The filter's.
    Filter(DType),
    /// The output's.
    Output(DType),
}

/// A kernel for one element type.
struct Typed {
    operator: &'static str,
    header: &'static str,
    /// Type of the input that holds the activations.
    input: DType,
    second: Second,
    /// What the function's name ends with.
    suffix: &'static str,
}

macro_rules! typed {
    ($($operator:literal in $header:literal { $($input:ident, $second:expr => $suffix:literal),* })*) => {
        &[$($(Typed {
            operator: $operator,
            header: concat!("tensorflow/lite/micro/kernels/", $header),
            input: DType::$input,
            second: $second,
            suffix: $suffix,
        },)*)*]
    };
}

const TYPED: &[Typed] = {
    use DType::{Int4, Int8, Int16};
    use Second::{Any, Filter, Output};
    typed! {
        "ADD" in "add.h" { Int8, Any => "INT8", Int16, Any => "INT16" }
        "AVERAGE_POOL_2D" in "pooling.h" { Int8, Any => "INT8", Int16, Any => "INT16" }
        "BATCH_MATMUL" in "batch_matmul.h" { Int8, Any => "INT8", Int16, Any => "INT16" }
        "CONV_2D" in "conv.h" {
            Int8, Filter(Int8) => "INT8",
            Int8, Filter(Int4) => "INT4",
            Int16, Filter(Int8) => "INT16"
        }
        "DEPTHWISE_CONV_2D" in "depthwise_conv.h" {
            Int8, Filter(Int8) => "INT8",
            Int8, Filter(Int4) => "INT4",
            Int16, Filter(Int8) => "INT16"
        }
        "FULLY_CONNECTED" in "fully_connected.h" {
            Int8, Filter(Int8) => "INT8",
            Int8, Filter(Int4) => "INT4",
            Int16, Filter(Int8) => "INT16"
        }
        "MAXIMUM" in "maximum_minimum.h" { Int8, Any => "INT8" }
        "MAX_POOL_2D" in "pooling.h" { Int8, Any => "INT8", Int16, Any => "INT16" }
        "MINIMUM" in "maximum_minimum.h" { Int8, Any => "INT8" }
        "MUL" in "mul.h" { Int8, Any => "INT8" }
        "PAD" in "pad.h" { Int8, Any => "INT8" }
        "SOFTMAX" in "softmax.h" {
            Int8, Output(Int8) => "INT8",
            Int8, Output(Int16) => "INT8_INT16",
            Int16, Output(Int16) => "INT16"
        }
        "SVDF" in "svdf.h" { Int8, Any => "INT8" }
        "TRANSPOSE" in "transpose.h" { Int8, Any => "INT8" }
        "TRANSPOSE_CONV" in "transpose_conv.h" { Int8, Filter(Int8) => "INT8" }
        "UNIDIRECTIONAL_SEQUENCE_LSTM" in "unidirectional_sequence_lstm.h" {
            Int8, Any => "INT8", Int16, Any => "INT16"
        }
    }
};

impl Registration {
    /// The kernel of an operator; `dtype` gives the types of its inputs and outputs. `None` where
    /// TFLM has no kernel, or none that works without an interpreter.
    pub fn of(
        operator: &Operator,
        dtype: impl Fn(crate::graph::TensorId) -> DType,
    ) -> Option<Self> {
        let op = TflmOp::for_kind(&operator.kind)?;
        let name = match op.kernel {
            TflmKernel::Builtin(op) => op.name(),
            TflmKernel::Custom(name) => {
                let (_, function, declared) = CUSTOM.iter().find(|row| row.0 == name)?;
                return Some(Self {
                    function: (*function).to_owned(),
                    by_pointer: true,
                    header: declared.then_some(ALL),
                });
            }
        };
        let input = |n: usize| operator.inputs.get(n).copied().flatten().map(&dtype);
        let activations = match name {
            "TRANSPOSE_CONV" => input(2),
            _ => input(0),
        };
        let fits = |row: &&Typed| {
            row.operator == name
                && Some(row.input) == activations
                && match row.second {
                    Second::Any => true,
                    Second::Filter(wanted) => input(1) == Some(wanted),
                    Second::Output(wanted) => {
                        operator.outputs.first().map(|id| dtype(*id)) == Some(wanted)
                    }
                }
        };
        let (suffix, header) = match TYPED.iter().find(fits) {
            Some(row) => (format!("_{}", row.suffix), row.header),
            None => (String::new(), ALL),
        };
        Some(Self {
            function: format!("tflite::Register_{name}{suffix}"),
            by_pointer: false,
            header: Some(header),
        })
    }
}

/// Whether the operator calls other subgraphs or shares variables with them, which its kernel
/// asks the interpreter for.
pub(super) fn needs_graph(kind: &OpKind) -> bool {
    matches!(
        kind.name(),
        "IF" | "WHILE" | "CALL_ONCE" | "VAR_HANDLE" | "READ_VARIABLE" | "ASSIGN_VARIABLE"
    )
}
