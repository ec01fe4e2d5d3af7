//! The greatest operator versions whose meaning is known.
//!
//! Converters raise an operator's version when its meaning grows: a new type, a new option.
//! A version above these may mean something castiron would get wrong without noticing.

use crate::graph::BuiltinOperator as Op;

/// For operators not listed: more than any had by TensorFlow 2.20.
const OTHERS: u32 = 16;

/// As of TensorFlow 2.20, for the operators a misread would hurt most.
const KNOWN: &[(Op, u32)] = &[
    (Op::Add, 5),
    (Op::AveragePool2d, 3),
    (Op::BatchMatmul, 4),
    (Op::Concatenation, 5),
    (Op::Conv2d, 8),
    (Op::DepthwiseConv2d, 7),
    (Op::Dequantize, 6),
    (Op::FullyConnected, 14),
    (Op::Logistic, 3),
    (Op::MaxPool2d, 3),
    (Op::Mean, 3),
    (Op::Mul, 7),
    (Op::Pad, 4),
    (Op::Quantize, 4),
    (Op::Reshape, 2),
    (Op::Softmax, 3),
    (Op::Sub, 5),
    (Op::Svdf, 4),
    (Op::Tanh, 3),
    (Op::TransposeConv, 5),
    (Op::UnidirectionalSequenceLstm, 4),
];

/// The greatest version of an operator that castiron accepts.
pub(super) fn greatest(op: Op) -> u32 {
    KNOWN
        .iter()
        .find(|(known, _)| *known == op)
        .map_or(OTHERS, |(_, version)| *version)
}
