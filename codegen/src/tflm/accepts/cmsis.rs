//! What CMSIS-NN's kernels ask for besides, where there is one.

use super::rule::At::{In, Out};
use super::rule::Rule;
use super::rule::Rule::{If, Rank, ZeroPoint};
use crate::graph::DType::Int16 as I16;

/// The rules of an operator's kernel.
pub(super) fn takes(name: &str) -> &'static [Rule] {
    match name {
        "ADD" => &[If(
            Out(0),
            &[I16],
            &[
                ZeroPoint(In(0), 0),
                ZeroPoint(In(1), 0),
                ZeroPoint(Out(0), 0),
            ],
        )],
        "BATCH_MATMUL" => &[Rank(In(0), 2, 4), Rank(In(1), 2, 4)],
        "CONV_2D" | "DEPTHWISE_CONV_2D" | "FULLY_CONNECTED" => &[If(
            In(0),
            &[I16],
            &[ZeroPoint(In(0), 0), ZeroPoint(Out(0), 0)],
        )],
        _ => &[],
    }
}
