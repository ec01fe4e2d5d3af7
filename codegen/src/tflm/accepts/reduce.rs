//! Sums, means and extremes along axes.

use super::Row;
use super::rule::At::{In, Out};
use super::rule::Rule::{If, Inputs, Outputs, SameQuantization, SameType, Type};
use crate::graph::DType::{Bool, Float32 as F32, Int8 as I8, Int16 as I16, Int32 as I32};

macro_rules! reduction {
    ($name:literal, $types:expr $(, $more:expr)* $(,)?) => {
        row!($name, &[
            Inputs(2, 2),
            Outputs(1, 1),
            Type(In(1), &[I32]),
            Type(In(0), $types),
            SameType(&[In(0), Out(0)]),
            $($more),*
        ])
    };
}

pub(super) const ROWS: &[Row] = &[
    reduction!("MEAN", &[F32, I8, I16]),
    reduction!("SUM", &[F32, I8, I16]),
    reduction!(
        "REDUCE_MAX",
        &[F32, I8],
        If(In(0), &[I8], &[SameQuantization(In(0), Out(0))])
    ),
    reduction!(
        "REDUCE_MIN",
        &[F32, I8],
        If(In(0), &[I8], &[SameQuantization(In(0), Out(0))])
    ),
    reduction!("REDUCE_ALL", &[Bool]),
];
