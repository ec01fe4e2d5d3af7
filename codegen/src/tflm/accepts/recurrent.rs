//! Layers with state.

use super::Row;
use super::rule::At::{In, Out};
use super::rule::Rule::{If, Inputs, Is, Outputs, Present, Rank, SameType, Type, Types};
use crate::graph::DType::{Float32 as F32, Int8 as I8, Int16 as I16, Int32 as I32};
use crate::tflm::arena::Site;

/// The positions of state among an LSTM's inputs.
const HIDDEN: usize = 18;
const CELL: usize = 19;

pub(super) const ROWS: &[Row] = &[
    row!(
        "SVDF",
        &[
            Inputs(5, 5),
            Outputs(1, 1),
            Present(In(0)),
            Present(In(1)),
            Present(In(2)),
            // The kernel reads it whether it is there or not.
            Present(In(3)),
            Present(In(4)),
            Type(In(0), &[F32, I8]),
            SameType(&[In(0), Out(0)]),
            Rank(In(0), 2, 2),
            Rank(Out(0), 2, 2),
            Rank(In(1), 2, 2),
            Rank(In(2), 2, 2),
            Rank(In(4), 2, 2),
            If(
                In(0),
                &[F32],
                &[
                    Type(In(1), &[F32]),
                    Type(In(2), &[F32]),
                    Type(In(3), &[F32]),
                    Type(In(4), &[F32]),
                ],
            ),
            If(
                In(0),
                &[I8],
                &[
                    Type(In(1), &[I8]),
                    Type(In(3), &[I32]),
                    Types(&[In(2), In(4)], &[&[I16, I16], &[I8, I8]]),
                ],
            ),
            Is("a variable for its state", |site| variable(site, 4)),
        ],
    ),
    row!(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        &[
            Inputs(24, 24),
            Outputs(1, 1),
            Type(In(0), &[F32, I8, I16]),
            SameType(&[In(0), Out(0), In(HIDDEN)]),
            SameType(&[In(1), In(2), In(3), In(4), In(5), In(6), In(7), In(8)]),
            Present(In(1)),
            Present(In(5)),
            If(
                In(0),
                &[F32],
                &[Type(In(1), &[F32]), Type(In(CELL), &[F32])],
            ),
            If(
                In(0),
                &[I8, I16],
                &[Type(In(1), &[I8]), Type(In(CELL), &[I16])],
            ),
            Rank(Out(0), 3, 3),
            Is("a variable for its hidden state", |site| {
                variable(site, HIDDEN)
            }),
            Is("a variable for its cell state", |site| variable(site, CELL)),
        ],
    ),
];

fn variable(site: &Site<'_>, position: usize) -> Result<(), String> {
    match In(position).tensor(site) {
        Some(state) if state.is_variable => Ok(()),
        Some(_) => Err("a tensor that is none".to_owned()),
        None => Err("no tensor".to_owned()),
    }
}
