//! Windows that slide over an image.

use super::rule::At::{In, Out};
use super::rule::Rule::{
    All, If, Inputs, Is, Outputs, Present, Quantized, Rank, SameType, Type, Types,
};
use super::rule::{Rule, first};
use super::{Row, shapes};
use crate::graph::DType::{
    Float32 as F32, Int4 as I4, Int8 as I8, Int16 as I16, Int32 as I32, Int64 as I64,
};
use crate::graph::Site;

const WEIGHTS: Rule = Types(
    &[In(0), In(1), Out(0)],
    &[
        &[F32, F32, F32],
        &[I8, I8, I8],
        &[I8, I4, I8],
        &[I16, I8, I16],
    ],
);
const BIAS: &[Rule] = &[
    If(In(0), &[F32], &[Type(In(2), &[F32])]),
    If(In(0), &[I8], &[Type(In(2), &[I32])]),
    If(In(0), &[I16], &[Type(In(2), &[I32, I64])]),
];
const IMAGES: &[Rule] = &[Rank(In(0), 4, 4), Rank(In(1), 4, 4), Rank(Out(0), 4, 4)];
const SCALED: Rule = If(
    In(0),
    &[I8, I16],
    &[Quantized(In(0)), Quantized(In(1)), Quantized(Out(0))],
);

macro_rules! pool {
    ($name:literal) => {
        Row {
            name: $name,
            takes: &[
                Inputs(1, 1),
                Outputs(1, 1),
                SameType(&[In(0), Out(0)]),
                Type(In(0), &[F32, I8, I16]),
                Rank(In(0), 4, 4),
                Rank(Out(0), 4, 4),
                If(
                    In(0),
                    &[I8, I16],
                    &[Is("one scale and zero point for both", same_scale)],
                ),
            ],
            computes: &[(
                Is("the sizes that the window gives", shapes::window),
                shapes::RECORDED,
            )],
        }
    };
}

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "CONV_2D",
        takes: &[
            Inputs(2, 3),
            Outputs(1, 1),
            Present(In(0)),
            Present(In(1)),
            WEIGHTS,
            All(BIAS),
            All(IMAGES),
            SCALED,
            Is(
                "one scale, or one for each output channel along dimension 0",
                |site| channels(site, 0),
            ),
        ],
        computes: &[(
            Is("the sizes that the filter gives", shapes::window),
            shapes::RECORDED,
        )],
    },
    Row {
        name: "DEPTHWISE_CONV_2D",
        takes: &[
            Inputs(2, 3),
            Outputs(1, 1),
            Present(In(0)),
            Present(In(1)),
            WEIGHTS,
            All(BIAS),
            All(IMAGES),
            SCALED,
            Is(
                "one scale, or one for each output channel along dimension 3",
                |site| channels(site, 3),
            ),
        ],
        computes: &[(
            Is("the sizes that the filter gives", shapes::window),
            shapes::RECORDED,
        )],
    },
    row!(
        "TRANSPOSE_CONV",
        &[
            Inputs(3, 4),
            Outputs(1, 1),
            Present(In(1)),
            Present(In(2)),
            Types(
                &[In(2), In(1), Out(0)],
                &[&[F32, F32, F32], &[I8, I8, I8], &[I16, I8, I16]],
            ),
            Rank(In(2), 4, 4),
            Rank(In(1), 4, 4),
            Rank(Out(0), 4, 4),
            If(
                In(2),
                &[I8, I16],
                &[Quantized(In(2)), Quantized(In(1)), Quantized(Out(0))],
            ),
            Is(
                "one scale, or one for each output channel along dimension 0",
                |site| channels(site, 0),
            ),
        ],
    ),
    pool!("AVERAGE_POOL_2D"),
    pool!("MAX_POOL_2D"),
    row!(
        "L2_POOL_2D",
        &[
            Inputs(1, 1),
            Outputs(1, 1),
            SameType(&[In(0), Out(0)]),
            Type(In(0), &[F32]),
            Rank(In(0), 4, 4),
            Rank(Out(0), 4, 4),
        ],
    ),
];

fn same_scale(site: &Site<'_>) -> Result<(), String> {
    let of = |at: super::rule::At| Some(first(at.tensor(site)?.quantization.as_ref()?));
    match (of(In(0)), of(Out(0))) {
        (Some((a, zero)), Some((b, other))) if (a - b).abs() > 1.0e-6 || zero != other => {
            Err(format!("{a} and {b}, zero points {zero} and {other}"))
        }
        _ => Ok(()),
    }
}

/// The filter's scales are as many as the output's channels, along their dimension.
fn channels(site: &Site<'_>, dimension: usize) -> Result<(), String> {
    let Some(filter) = In(1).tensor(site) else {
        return Ok(());
    };
    match &filter.quantization {
        Some(q) if q.scale.len() > 1 && filter.dtype != F32 => {
            let along = filter.shape.get(q.dimension) == Some(&q.scale.len());
            let fits = along && filter.shape.get(dimension) == Some(&q.scale.len());
            match fits {
                true => Ok(()),
                false => Err(format!("{} along dimension {}", q.scale.len(), q.dimension)),
            }
        }
        _ => Ok(()),
    }
}
