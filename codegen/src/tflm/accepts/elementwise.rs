//! Functions of one value, and those that normalise values among each other.

use super::Row;
use super::rule::At::{In, Out};
use super::rule::Rule::{
    All, If, Inputs, Is, NoActivation, Outputs, Quantized, Rank, SameElements, SameQuantization,
    SameShape, SameType, Scale, Type, Types, ZeroPoint,
};
use super::rule::{Rule, first, scale_of};
use crate::graph::DType::{
    Bool, Float32 as F32, Int8 as I8, Int16 as I16, Int32 as I32, Int64 as I64, Uint32 as U32,
};
use crate::graph::Options;
use crate::graph::Site;

const ONE_TO_ONE: &[Rule] = &[
    Inputs(1, 1),
    Outputs(1, 1),
    SameType(&[In(0), Out(0)]),
    SameElements(In(0), Out(0)),
];

macro_rules! function {
    ($name:literal, $types:expr $(, $more:expr)* $(,)?) => {
        row!($name, &[
            All(ONE_TO_ONE),
            Type(In(0), $types), $($more),*
        ])
    };
}

/// Symmetric activations of 16 bits.
const SYMMETRIC: Rule = If(In(0), &[I16], &[ZeroPoint(In(0), 0), ZeroPoint(Out(0), 0)]);
/// The output's scale of functions to −1 to 1; its logarithm is held to a thousandth.
const UNIT: Rule = If(In(0), &[I16], &[Scale(Out(0), 1.0 / 32768.0, 0.000_69)]);

/// The kernel's range of stored values has a radius of 0 then, so that a zero lies at its lower end.
const SATURATED: &[(Rule, &str)] = &[(
    If(
        In(0),
        &[I8],
        &[Is("an input's scale of less than 8", below_eight)],
    ),
    "of so large a scale, the kernel gives the least value for a stored zero",
)];

pub(super) const ROWS: &[Row] = &[
    function!(
        "ABS",
        &[F32, I8, I16],
        SYMMETRIC,
        If(In(0), &[I8], &[Quantized(In(0)), Quantized(Out(0))])
    ),
    function!("CEIL", &[F32], SameShape(In(0), Out(0))),
    function!("COS", &[F32]),
    function!("ELU", &[F32, I8]),
    function!("EXP", &[F32], SameShape(In(0), Out(0))),
    function!("FLOOR", &[F32]),
    function!(
        "HARD_SWISH",
        &[F32, I8],
        Is(
            "an input's scale of less than 128 times the output's",
            hard_swish
        )
    ),
    function!(
        "L2_NORMALIZATION",
        &[F32, I8],
        Rank(In(0), 0, 4),
        NoActivation
    ),
    function!("LEAKY_RELU", &[F32, I8, I16]),
    function!("LOG", &[F32]),
    function!("LOGICAL_NOT", &[Bool]),
    Row {
        name: "LOGISTIC",
        takes: &[
            All(ONE_TO_ONE),
            Type(In(0), &[F32, I8, I16]),
            SYMMETRIC,
            UNIT,
            If(In(0), &[I8], &[ZeroPoint(Out(0), -128)]),
        ],
        computes: SATURATED,
    },
    function!(
        "LOG_SOFTMAX",
        &[F32, I8],
        SameShape(In(0), Out(0)),
        If(
            In(0),
            &[I8],
            &[Scale(Out(0), 16.0 / 256.0, 0.0), ZeroPoint(Out(0), 127)]
        )
    ),
    function!("NEG", &[F32]),
    function!("RELU", &[F32, I8, I16], SYMMETRIC),
    Row {
        name: "RELU6",
        takes: &[
            Inputs(1, 1),
            Outputs(1, 1),
            SameType(&[In(0), Out(0)]),
            SameElements(In(0), Out(0)),
            Type(In(0), &[F32, I8, I16]),
        ],
        computes: &[(
            If(In(0), &[I8, I16], &[SameQuantization(In(0), Out(0))]),
            "RELU6 assumes that the output has the input's scale",
        )],
    },
    function!("ROUND", &[F32], SameShape(In(0), Out(0))),
    Row {
        name: "RSQRT",
        takes: &[
            Inputs(1, 1),
            Outputs(1, 1),
            SameType(&[In(0), Out(0)]),
            SameElements(In(0), Out(0)),
            Type(In(0), &[F32, I8, I16]),
            If(In(0), &[I8], &[Quantized(In(0)), Quantized(Out(0))]),
            SYMMETRIC,
        ],
        computes: &[(
            Type(In(0), &[F32, I8]),
            "RSQRT of int16 computes with too few bits",
        )],
    },
    function!("SIN", &[F32]),
    row!(
        "SOFTMAX",
        &[
            Inputs(1, 1),
            Outputs(1, 1),
            SameElements(In(0), Out(0)),
            Rank(In(0), 1, usize::MAX),
            Types(
                &[In(0), Out(0)],
                &[&[F32, F32], &[I8, I8], &[I8, I16], &[I16, I16]],
            ),
            If(
                In(0),
                &[I16],
                &[
                    ZeroPoint(In(0), 0),
                    ZeroPoint(Out(0), 0),
                    Scale(Out(0), 1.0 / 32768.0, 0.001),
                ],
            ),
            If(
                In(0),
                &[I8],
                &[
                    If(
                        Out(0),
                        &[I8],
                        &[ZeroPoint(Out(0), -128), Scale(Out(0), 1.0 / 256.0, 0.0)],
                    ),
                    If(
                        Out(0),
                        &[I16],
                        &[
                            ZeroPoint(Out(0), -32768),
                            Scale(Out(0), 1.0 / 65536.0, 0.001),
                        ],
                    ),
                ],
            ),
            If(In(0), &[I8, I16], &[Is("a positive beta", beta)]),
        ],
    ),
    function!("SQRT", &[F32]),
    function!("SQUARE", &[F32]),
    Row {
        name: "TANH",
        takes: &[
            All(ONE_TO_ONE),
            Type(In(0), &[F32, I8, I16]),
            SYMMETRIC,
            UNIT,
        ],
        computes: SATURATED,
    },
    row!(
        "ZEROS_LIKE",
        &[
            Inputs(1, 1),
            Outputs(1, 1),
            SameElements(In(0), Out(0)),
            Type(In(0), &[I64, I32, I8, F32]),
        ],
    ),
    row!(
        "CAST",
        &[
            Inputs(1, 1),
            Outputs(1, 1),
            SameElements(In(0), Out(0)),
            Type(In(0), &[I8, I16, I32, U32, F32, Bool]),
            Type(Out(0), &[I8, I16, I32, U32, F32]),
        ],
    ),
];

/// The logits' factor takes part in a division where they are quantised.
fn beta(site: &Site<'_>) -> Result<(), String> {
    match site.options() {
        Options::Softmax(o) if o.beta <= 0.0 => Err(o.beta.to_string()),
        _ => Ok(()),
    }
}

fn below_eight(site: &Site<'_>) -> Result<(), String> {
    match scale_of(In(0), site) {
        Some(scale) if scale >= 8.0 => Err(scale.to_string()),
        _ => Ok(()),
    }
}

fn hard_swish(site: &Site<'_>) -> Result<(), String> {
    let scale = |at: super::rule::At| Some(first(at.tensor(site)?.quantization.as_ref()?).0);
    match (scale(In(0)), scale(Out(0))) {
        (Some(input), Some(output)) if input / 128.0 / output >= 1.0 => {
            Err(format!("{input} and {output}"))
        }
        _ => Ok(()),
    }
}
