//! Operators that copy values to other places.

use super::Row;
use super::rule::At::{In, Out};
use super::rule::Rule::{
    All, Constant, If, Inputs, InputsLike, Is, NoActivation, One, Outputs, PerTensor, Quantized,
    Rank, SameElements, SameQuantization, SameShape, SameType, Type, Types,
};
use super::rule::{At, Rule, first, listed};
use crate::graph::DType::{
    Bool, Float32 as F32, Int8 as I8, Int16 as I16, Int32 as I32, Int64 as I64, Uint8 as U8,
};
use crate::graph::OptionValue;
use crate::tflm::arena::Site;

const PADDED: &[Rule] = &[
    Outputs(1, 1),
    Type(In(0), &[F32, I8, I16, I32]),
    SameType(&[In(0), Out(0)]),
    Rank(In(0), 0, 5),
    Constant(In(1)),
    Type(In(1), &[I32]),
    Is("the sizes that the paddings give", padded),
];

pub(super) const ROWS: &[Row] = &[
    row!(
        "CONCATENATION",
        &[
            // TFLM keeps a list of so many.
            Inputs(1, 10),
            Outputs(1, 1),
            Type(In(0), &[F32, I8, I16, I32, I64, Bool]),
            InputsLike(Out(0)),
            NoActivation,
            Is(
                "inputs with the output's scale and zero point",
                concatenated,
            ),
        ],
    ),
    row!(
        "PACK",
        &[
            Inputs(1, usize::MAX),
            Outputs(1, 1),
            InputsLike(Out(0)),
            Type(Out(0), &[F32, I8, I16, I32, I64]),
        ],
    ),
    row!(
        "UNPACK",
        &[
            Inputs(1, 1),
            SameType(&[In(0), Out(0)]),
            Type(In(0), &[F32, I32, I16, I8]),
        ],
    ),
    row!(
        "SPLIT",
        &[
            Inputs(2, 2),
            Constant(In(0)),
            Type(In(0), &[I32]),
            SameType(&[In(1), Out(0)]),
            Type(In(1), &[F32, I8, I16, I32]),
        ],
    ),
    row!(
        "SPLIT_V",
        &[
            Inputs(3, 3),
            Constant(In(2)),
            Type(In(2), &[I32]),
            SameType(&[In(0), Out(0)]),
            Type(In(0), &[F32, I8, I16, I32]),
        ],
    ),
    row!(
        "SLICE",
        &[
            Inputs(3, 3),
            Outputs(1, 1),
            SameType(&[In(0), Out(0)]),
            Type(In(0), &[F32, I32, I8, I16, Bool]),
            Type(In(1), &[I32, I64]),
            SameType(&[In(1), In(2)]),
            Rank(In(1), 1, 1),
            Rank(In(2), 1, 1),
            SameElements(In(1), In(2)),
            Rank(In(0), 0, 5),
        ],
    ),
    row!(
        "STRIDED_SLICE",
        &[
            Inputs(4, 4),
            Outputs(1, 1),
            Rank(In(0), 0, 4),
            Constant(In(1)),
            Constant(In(2)),
            Constant(In(3)),
            Type(In(1), &[I32]),
            Type(In(2), &[I32]),
            Type(In(3), &[I32]),
            SameType(&[In(0), Out(0)]),
            Type(Out(0), &[F32, I8, I16, I32, Bool]),
            Is("no new axis and no ellipsis", masks),
        ],
    ),
    row!(
        "PAD",
        &[
            Inputs(2, 3),
            All(PADDED),
            One(In(2)),
            SameType(&[In(0), In(2)]),
            If(In(0), &[I8], &[SameQuantization(Out(0), In(2))]),
        ],
    ),
    row!(
        "PADV2",
        &[
            Inputs(2, 3),
            All(PADDED),
            One(In(2)),
            SameType(&[In(0), In(2)]),
            If(In(0), &[I8], &[SameQuantization(Out(0), In(2))]),
        ],
    ),
    row!(
        "MIRROR_PAD",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            SameType(&[In(0), Out(0)]),
            Type(Out(0), &[F32, I8]),
            Type(In(1), &[I32, I64]),
            Rank(In(1), 2, 2),
        ],
    ),
    row!(
        "GATHER",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Type(In(0), &[F32, I8]),
            Type(In(1), &[I32]),
            SameType(&[In(0), Out(0)]),
        ],
    ),
    row!(
        "GATHER_ND",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Type(In(0), &[F32, I8]),
            Type(In(1), &[I32]),
            SameType(&[In(0), Out(0)]),
            Rank(In(0), 1, usize::MAX),
            Rank(In(1), 1, usize::MAX),
        ],
    ),
    row!(
        "REVERSE_V2",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Type(In(0), &[I32, F32, U8, I8, I16, I64, Bool]),
            SameType(&[In(0), Out(0)]),
            Type(In(1), &[I32]),
            Rank(In(1), 1, 1),
        ],
    ),
    row!(
        "TRANSPOSE",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Type(In(0), &[F32, I8, I16]),
            SameType(&[In(0), Out(0)]),
            Rank(In(0), 0, 5),
            Constant(In(1)),
            Type(In(1), &[I32]),
            Rank(In(1), 1, 1),
        ],
    ),
    row!(
        "SELECT_V2",
        &[
            Inputs(3, 3),
            Outputs(1, 1),
            Type(In(0), &[Bool]),
            SameType(&[In(1), In(2), Out(0)]),
            Type(In(1), &[F32, I8, I16]),
        ],
    ),
    row!(
        "DYNAMIC_UPDATE_SLICE",
        &[
            Inputs(3, 3),
            Outputs(1, 1),
            SameType(&[In(0), In(1), Out(0)]),
            Type(In(0), &[F32, I8, I16, I32]),
            Type(In(2), &[I32, I64]),
            Rank(In(2), 1, 1),
            SameShape(In(0), Out(0)),
        ],
    ),
    row!(
        "QUANTIZE",
        &[
            Inputs(1, 1),
            Outputs(1, 1),
            SameElements(In(0), Out(0)),
            Quantized(Out(0)),
            PerTensor(Out(0)),
            Types(
                &[In(0), Out(0)],
                &[
                    &[F32, I8],
                    &[F32, I16],
                    &[I32, I8],
                    &[I32, I16],
                    &[I16, I8],
                    &[I16, I16],
                    &[I16, I32],
                    &[I8, I8],
                    &[I8, U8],
                    &[I8, I16],
                    &[I8, I32],
                    &[U8, I8],
                ],
            ),
        ],
    ),
    Row {
        name: "DEQUANTIZE",
        takes: &[
            Inputs(1, 1),
            Outputs(1, 1),
            SameElements(In(0), Out(0)),
            Type(In(0), &[I8, I16, U8]),
            Type(Out(0), &[F32]),
        ],
        computes: &[(
            PerTensor(In(0)),
            "DEQUANTIZE takes the first scale for all channels",
        )],
    },
];

fn masks(site: &Site<'_>) -> Result<(), String> {
    for name in ["ellipsis_mask", "new_axis_mask"] {
        match listed(site, name) {
            None | Some(OptionValue::Integer(0)) => {}
            Some(OptionValue::Integer(mask)) => return Err(format!("{name} {mask}")),
            Some(_) => {}
        }
    }
    Ok(())
}

fn padded(site: &Site<'_>) -> Result<(), String> {
    let (Some(input), Some(paddings), Some(output)) =
        (In(0).tensor(site), In(1).tensor(site), Out(0).tensor(site))
    else {
        return Ok(());
    };
    let pads = paddings.as_integers().unwrap_or_default();
    let sizes: Vec<i64> = input
        .shape
        .iter()
        .zip(pads.chunks_exact(2))
        .map(|(size, pad)| {
            i64::try_from(*size)
                .unwrap_or(i64::MAX)
                .saturating_add(pad[0] + pad[1])
        })
        .collect();
    let found: Vec<i64> = output
        .shape
        .iter()
        .map(|size| i64::try_from(*size).unwrap_or(i64::MAX))
        .collect();
    match sizes == found && pads.len() == 2 * found.len() {
        true => Ok(()),
        false => Err(format!(
            "shape {:?} with paddings {pads:?} to {:?}",
            input.shape, output.shape
        )),
    }
}

fn concatenated(site: &Site<'_>) -> Result<(), String> {
    let of = |at: At| Some(first(at.tensor(site)?.quantization.as_ref()?));
    let Some(output) = Out(0).tensor(site) else {
        return Ok(());
    };
    let inputs = 0..site.graph.operators[site.operator].inputs.len();
    for n in inputs {
        let (Some(found), Some(expected)) = (of(In(n)), of(Out(0))) else {
            continue;
        };
        let same = match output.dtype {
            I8 => found == expected,
            // TFLM looks at zero points alone.
            I16 => found.1 == 0 && expected.1 == 0,
            _ => true,
        };
        if !same {
            return Err(format!(
                "input {n} with scale {} and zero point {}, not {} and {}",
                found.0, found.1, expected.0, expected.1
            ));
        }
    }
    Ok(())
}
