//! Functions of two values, or of several.

use super::Row;
use super::rule::At::{In, Out};
use super::rule::Rule;
use super::rule::Rule::{
    All, If, Inputs, InputsLike, NoActivation, Outputs, Plain, SameQuantization, SameShape,
    SameType, Type, Types, ZeroPoint,
};
use crate::graph::DType::{
    Bool, Float32 as F32, Int8 as I8, Int16 as I16, Int32 as I32, Int64 as I64,
};

const ALIKE: Rule = SameType(&[In(0), In(1), Out(0)]);
const COUNTS: &[Rule] = &[Inputs(2, 2), Outputs(1, 1)];

macro_rules! comparison {
    ($name:literal, $types:expr) => {
        row!(
            $name,
            &[
                All(COUNTS),
                SameType(&[In(0), In(1)]),
                Type(In(0), $types),
                Type(Out(0), &[Bool]),
            ],
        )
    };
}

macro_rules! logical {
    ($name:literal) => {
        row!($name, &[All(COUNTS), ALIKE, Type(In(0), &[Bool])])
    };
}

macro_rules! extreme {
    ($name:literal) => {
        row!(
            $name,
            &[All(COUNTS), ALIKE, Type(In(0), &[F32, I8, I16, I32, I64]),],
        )
    };
}

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "ADD",
        takes: &[
            All(COUNTS),
            ALIKE,
            Type(Out(0), &[F32, I32, I8, I16]),
            If(Out(0), &[I32], &[Plain(In(0)), Plain(In(1))]),
        ],
        computes: &[(
            If(Out(0), &[I32], &[NoActivation]),
            "ADD of 32 bits leaves its activation out",
        )],
    },
    row!(
        "ADD_N",
        &[
            Inputs(2, usize::MAX),
            Outputs(1, 1),
            InputsLike(Out(0)),
            Type(Out(0), &[F32, I8]),
            SameShape(In(0), In(1)),
            If(Out(0), &[I8], &[SameQuantization(In(0), In(1))]),
        ],
    ),
    row!(
        "SUB",
        &[
            All(COUNTS),
            ALIKE,
            Type(Out(0), &[F32, I32, I8, I16]),
            If(Out(0), &[I32], &[Plain(In(0)), Plain(In(1)), Plain(Out(0))]),
        ],
    ),
    row!(
        "MUL",
        &[
            All(COUNTS),
            ALIKE,
            Type(In(0), &[F32, I32, I8, I16]),
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
    row!(
        "DIV",
        &[
            All(COUNTS),
            ALIKE,
            Type(Out(0), &[F32, I32, I8]),
            If(Out(0), &[I32], &[Plain(In(0)), Plain(In(1))]),
        ],
    ),
    row!(
        "SQUARED_DIFFERENCE",
        &[
            All(COUNTS),
            ALIKE,
            Type(Out(0), &[F32, I32, I8, I16]),
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
    row!("FLOOR_DIV", &[All(COUNTS), ALIKE, Type(In(0), &[F32])],),
    row!("FLOOR_MOD", &[All(COUNTS), ALIKE, Type(In(0), &[F32])],),
    extreme!("MAXIMUM"),
    extreme!("MINIMUM"),
    row!(
        "PRELU",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Types(
                &[In(0), In(1), Out(0)],
                &[&[F32, F32, F32], &[I8, I8, I8], &[I16, I8, I16]],
            ),
        ],
    ),
    comparison!("EQUAL", &[Bool, F32, I32, I64, I8]),
    comparison!("NOT_EQUAL", &[Bool, F32, I32, I64, I8]),
    comparison!("GREATER", &[F32, I32, I64, I8, I16]),
    comparison!("GREATER_EQUAL", &[F32, I32, I64, I8]),
    comparison!("LESS", &[F32, I32, I64, I8]),
    comparison!("LESS_EQUAL", &[F32, I32, I64, I8]),
    logical!("LOGICAL_AND"),
    logical!("LOGICAL_OR"),
];
