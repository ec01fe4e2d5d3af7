//! Products of matrices, and rows of a table.

use super::Row;
use super::movement::no_fewer;
use super::rule::At::{In, Out};
use super::rule::Rule::{
    If, Inputs, Is, Outputs, PerTensor, Present, Quantized, Rank, SameType, Type, Types, ZeroPoint,
};
use super::rule::{Rule, first};
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

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "FULLY_CONNECTED",
        computes: &[(
            Is(
                "an output whose last size is that of the weights",
                last_size,
            ),
            "it uses the output's last size",
        )],
        takes: &[
            Outputs(1, 1),
            Present(In(0)),
            Present(In(1)),
            WEIGHTS,
            If(In(0), &[F32], &[Type(In(2), &[F32])]),
            If(In(0), &[I8], &[Type(In(2), &[I32])]),
            If(In(0), &[I16], &[Type(In(2), &[I32, I64])]),
            If(
                In(0),
                &[I8, I16],
                &[Quantized(In(0)), Quantized(In(1)), Quantized(Out(0))],
            ),
            If(In(1), &[I4], &[Rule::PerTensor(In(1))]),
            Is(
                "as many scales of the weights as sizes along their dimension",
                channels,
            ),
            Is("a bias whose scale is the input's times the weights'", bias),
        ],
    },
    row!(
        "BATCH_MATMUL",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Type(In(0), &[F32, I8, I16]),
            SameType(&[In(0), In(1), Out(0)]),
            Rank(In(0), 2, 5),
            Rank(In(1), 2, 5),
            Is(
                "an output of no fewer dimensions than the inputs",
                multiplied,
            ),
            If(
                In(0),
                &[I16],
                &[
                    ZeroPoint(In(0), 0),
                    ZeroPoint(In(1), 0),
                    ZeroPoint(Out(0), 0),
                ],
            ),
        ],
    ),
    Row {
        name: "EMBEDDING_LOOKUP",
        takes: &[
            Inputs(2, 2),
            Outputs(1, 1),
            Type(In(0), &[I32]),
            Rank(In(0), 1, 1),
            Rank(In(1), 2, usize::MAX),
            Types(&[In(1), Out(0)], &[&[F32, F32], &[I8, F32], &[I8, I8]]),
            Is("an output of no fewer dimensions than the table", looked_up),
            If(In(1), &[I8], &[If(Out(0), &[F32], &[ZeroPoint(In(1), 0)])]),
        ],
        computes: &[(
            If(In(1), &[I8], &[If(Out(0), &[F32], &[PerTensor(In(1))])]),
            "EMBEDDING_LOOKUP uses the first scale for all rows",
        )],
    },
];

fn multiplied(site: &Site<'_>) -> Result<(), String> {
    let ranks = [In(0), In(1)].map(|at| at.tensor(site).map_or(0, |x| x.shape.len()));
    let rank = ranks.into_iter().max().unwrap_or(0);
    Out(0).tensor(site).map_or(Ok(()), |y| no_fewer(y, rank))
}

fn looked_up(site: &Site<'_>) -> Result<(), String> {
    let rank = In(1).tensor(site).map_or(0, |table| table.shape.len());
    Out(0).tensor(site).map_or(Ok(()), |y| no_fewer(y, rank))
}

fn channels(site: &Site<'_>) -> Result<(), String> {
    let Some(weights) = In(1).tensor(site).filter(|weights| weights.dtype != F32) else {
        return Ok(());
    };
    match &weights.quantization {
        Some(q) if q.scale.len() > 1 && weights.shape.get(q.dimension) != Some(&q.scale.len()) => {
            Err(format!("{} along dimension {}", q.scale.len(), q.dimension))
        }
        _ => Ok(()),
    }
}

/// Weights with one scale alone are held to it, to a fiftieth of the output's scale.
fn bias(site: &Site<'_>) -> Result<(), String> {
    let scale = |at: super::rule::At| {
        let quantization = at.tensor(site)?.quantization.as_ref()?;
        (quantization.scale.len() == 1 || at.id(site) == In(2).id(site))
            .then(|| f64::from(first(quantization).0))
    };
    if In(0).tensor(site).is_some_and(|t| t.dtype == F32) {
        return Ok(());
    }
    // A bias without a scale counts as one of 0.
    let bias = match In(2).tensor(site) {
        Some(_) => scale(In(2)).unwrap_or(0.0),
        None => return Ok(()),
    };
    let (Some(input), Some(weights), Some(output)) = (scale(In(0)), scale(In(1)), scale(Out(0)))
    else {
        return Ok(());
    };
    let product = input * weights;
    match (product - bias).abs() / output <= 0.02 {
        true => Ok(()),
        false => Err(format!("{bias} beside {product}")),
    }
}

fn last_size(site: &Site<'_>) -> Result<(), String> {
    let (Some(weights), Some(output)) = (In(1).tensor(site), Out(0).tensor(site)) else {
        return Ok(());
    };
    let (Some(units), Some(last)) = (weights.shape.first(), output.shape.last()) else {
        return Ok(());
    };
    match units == last {
        true => Ok(()),
        false => Err(format!("{:?} of weights {:?}", output.shape, weights.shape)),
    }
}
