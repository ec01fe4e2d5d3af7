//! Functions of two values, or of several.

use super::Row;
use super::rule::At::{In, Out};
use super::rule::Rule::{
    All, If, Inputs, InputsLike, Is, NoActivation, Outputs, Plain, Quantized, SameQuantization,
    SameShape, SameType, Type, Types, ZeroPoint,
};
use super::rule::{Rule, scale_of};
use super::shapes::RECORDED;
use crate::graph::DType::{
    Bool, Float32 as F32, Int8 as I8, Int16 as I16, Int32 as I32, Int64 as I64,
};
use crate::graph::Site;
use crate::graph::scales::{is_below_one, sum_fits};
use crate::graph::shapes::broadcast;

const ALIKE: Rule = SameType(&[In(0), In(1), Out(0)]);
const COUNTS: &[Rule] = &[Inputs(2, 2), Outputs(1, 1)];

/// Scales that the kernel can add with; it ends the process where it cannot.
const SUMMED: &[Rule] = &[
    If(
        Out(0),
        &[I8, I16],
        &[Quantized(In(0)), Quantized(In(1)), Quantized(Out(0))],
    ),
    If(Out(0), &[I8], &[FINE]),
    If(
        Out(0),
        &[I16],
        &[Is(
            "an output's scale of more than 2^-14 times the larger of the inputs'",
            |site| sum(site, 15),
        )],
    ),
];

/// The same for sums of bytes.
pub(super) const FINE: Rule = Is(
    "an output's scale of more than 2^-19 times the larger of the inputs'",
    |site| sum(site, 20),
);

/// The kernel goes through the output's sizes where inputs are repeated.
const REPEATED: &[(Rule, &str)] = &[(
    Is("the sizes that the inputs have together", repeated),
    RECORDED,
)];

/// The row of a kernel of inputs that may be repeated.
macro_rules! repeating {
    ($name:expr, $takes:expr $(,)?) => {
        Row {
            name: $name,
            takes: $takes,
            computes: REPEATED,
        }
    };
}

/// The kernel prepares scales of int8 alone.
const SCALED: &[(Rule, &str)] = &[
    (
        Type(In(0), &[F32, I32, I64, I8]),
        "GREATER of int16 computes with scales that it never sets",
    ),
    REPEATED[0],
];

macro_rules! comparison {
    ($name:literal, $types:expr) => {
        comparison!($name, $types, REPEATED)
    };
    ($name:literal, $types:expr, $computes:expr) => {
        Row {
            name: $name,
            takes: &[
                All(COUNTS),
                SameType(&[In(0), In(1)]),
                Type(In(0), $types),
                Type(Out(0), &[Bool]),
                If(
                    In(0),
                    &[I8],
                    &[
                        Quantized(In(0)),
                        Quantized(In(1)),
                        Is("scales below 1", below_one),
                    ],
                ),
            ],
            computes: $computes,
        }
    };
}

macro_rules! logical {
    ($name:literal) => {
        repeating!($name, &[All(COUNTS), ALIKE, Type(In(0), &[Bool])])
    };
}

macro_rules! extreme {
    ($name:literal) => {
        repeating!(
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
            All(SUMMED),
        ],
        computes: &[
            (
                If(Out(0), &[I32], &[NoActivation]),
                "ADD of int32 omits its activation",
            ),
            REPEATED[0],
        ],
    },
    row!(
        "ADD_N",
        &[
            Inputs(2, usize::MAX),
            Outputs(1, 1),
            InputsLike(Out(0)),
            Type(Out(0), &[F32, I8]),
            SameShape(In(0), In(1)),
            If(Out(0), &[I8], &[SameQuantization(In(0), In(1)), FINE]),
        ],
    ),
    repeating!(
        "SUB",
        &[
            All(COUNTS),
            ALIKE,
            Type(Out(0), &[F32, I32, I8, I16]),
            If(Out(0), &[I32], &[Plain(In(0)), Plain(In(1)), Plain(Out(0))]),
            All(SUMMED),
        ],
    ),
    repeating!(
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
    repeating!(
        "DIV",
        &[
            All(COUNTS),
            ALIKE,
            Type(Out(0), &[F32, I32, I8]),
            If(Out(0), &[I32], &[Plain(In(0)), Plain(In(1))]),
        ],
    ),
    repeating!(
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
    repeating!("FLOOR_DIV", &[All(COUNTS), ALIKE, Type(In(0), &[F32])],),
    repeating!("FLOOR_MOD", &[All(COUNTS), ALIKE, Type(In(0), &[F32])],),
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
    comparison!("GREATER", &[F32, I32, I64, I8, I16], SCALED),
    comparison!("GREATER_EQUAL", &[F32, I32, I64, I8]),
    comparison!("LESS", &[F32, I32, I64, I8]),
    comparison!("LESS_EQUAL", &[F32, I32, I64, I8]),
    logical!("LOGICAL_AND"),
    logical!("LOGICAL_OR"),
];

/// Sums of two inputs, or of several with one scale.
fn sum(site: &Site<'_>, spare: u32) -> Result<(), String> {
    let (Some(first), Some(output)) = (scale_of(In(0), site), scale_of(Out(0), site)) else {
        return Ok(());
    };
    let second = scale_of(In(1), site).unwrap_or(first);
    match sum_fits(first, second, output, spare) {
        true => Ok(()),
        false => Err(format!("{output} for inputs of {first} and {second}")),
    }
}

fn below_one(site: &Site<'_>) -> Result<(), String> {
    let mut scales = [In(0), In(1)]
        .into_iter()
        .filter_map(|at| scale_of(at, site));
    match scales.find(|scale| !is_below_one(f64::from(*scale))) {
        Some(scale) => Err(scale.to_string()),
        None => Ok(()),
    }
}

/// Ones in front do no harm.
fn repeated(site: &Site<'_>) -> Result<(), String> {
    let (Some(a), Some(b), Some(output)) =
        (In(0).tensor(site), In(1).tensor(site), Out(0).tensor(site))
    else {
        return Ok(());
    };
    let Some(expected) = broadcast([&a.shape[..], &b.shape]) else {
        return Err(format!("{:?} and {:?}", a.shape, b.shape));
    };
    let from_first = |shape: &[usize]| {
        let sizes = shape.iter().copied();
        sizes.skip_while(|size| *size == 1).collect::<Vec<_>>()
    };
    match a.shape == b.shape || from_first(&expected) == from_first(&output.shape) {
        true => Ok(()),
        false => Err(format!("{:?} instead of {expected:?}", output.shape)),
    }
}
