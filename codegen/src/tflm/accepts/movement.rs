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
use crate::graph::Site;
use crate::graph::shapes::{Strided, broadcast, dimension};
use crate::graph::{OptionValue, Tensor};

const PADDED: &[Rule] = &[
    Outputs(1, 1),
    Type(In(0), &[F32, I8, I16, I32]),
    SameType(&[In(0), Out(0)]),
    Rank(In(0), 0, 5),
    Constant(In(1)),
    Type(In(1), &[I32]),
    Is("the sizes that the paddings give", padded),
];

/// Kernels that look for an axis of the input among the output's sizes.
const SAME_RANK: &str = "an output of as many dimensions as the input";

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
            Is(SAME_RANK, |site| same_rank(site, In(0))),
        ],
    ),
    row!(
        "PACK",
        &[
            Inputs(1, usize::MAX),
            Outputs(1, 1),
            InputsLike(Out(0)),
            Type(Out(0), &[F32, I8, I16, I32, I64]),
            Is("an output of one dimension more than the inputs", packed),
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
            Is(SAME_RANK, |site| same_rank(site, In(1))),
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
            Is(SAME_RANK, |site| same_rank(site, In(0))),
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
            Is(
                "a begin, an end and a stride for each dimension",
                strides_of_each,
            ),
            Is("the sizes that begins, ends and strides give", strided),
        ],
    ),
    Row {
        name: "PAD",
        takes: &[
            Inputs(2, 3),
            All(PADDED),
            One(In(2)),
            SameType(&[In(0), In(2)]),
            If(In(0), &[I8], &[SameQuantization(Out(0), In(2))]),
        ],
        computes: &[(
            If(
                In(0),
                &[I16],
                &[Is("a value to pad with, or the zero point 0", names_zero)],
            ),
            "PAD of int16 pads with a stored 0, not with the zero point",
        )],
    },
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
            // It writes the sizes over the recorded ones.
            Is("an output of no fewer dimensions than it has", gathered),
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
            Is("an output of no fewer dimensions than it has", gathered_nd),
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
            Is("axes that are next to each other", neighbours),
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
            Is("an order that counts from the first dimension", order),
            Is(SAME_RANK, |site| same_rank(site, In(0))),
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
            Is("the sizes that the inputs have together", selected),
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
            "DEQUANTIZE uses the first scale for all channels",
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

fn integers(at: At, site: &Site<'_>) -> Option<Vec<i64>> {
    at.tensor(site)?.as_integers()
}

/// It reads as many, however many there are.
fn strides_of_each(site: &Site<'_>) -> Result<(), String> {
    let rank = In(0).tensor(site).map_or(0, |x| x.shape.len());
    for n in 1..4 {
        if let Some(values) = integers(In(n), site).filter(|values| values.len() < rank) {
            return Err(format!(
                "{} of input {n} for {rank} dimensions",
                values.len()
            ));
        }
    }
    Ok(())
}

fn strided(site: &Site<'_>) -> Result<(), String> {
    let [Some(begin), Some(end), Some(strides)] = [1, 2, 3].map(|n| integers(In(n), site)) else {
        return Ok(());
    };
    let (Some(x), Some(y)) = (In(0).tensor(site), Out(0).tensor(site)) else {
        return Ok(());
    };
    let parts = Strided {
        // The kernel does not know of it.
        offset: false,
        ..Strided::new(site.options(), begin, end, strides)
    };
    match parts.of(&x.shape) {
        Some(shape) if shape == y.shape => Ok(()),
        Some(shape) => Err(format!("{:?} instead of {shape:?}", y.shape)),
        None => Err("a stride of 0".to_owned()),
    }
}

fn neighbours(site: &Site<'_>) -> Result<(), String> {
    let (Some(x), Some(axes)) = (In(0).tensor(site), integers(In(1), site)) else {
        return Ok(());
    };
    let dimensions = axes.iter().map(|axis| dimension(*axis, x.shape.len()));
    let mut dimensions: Vec<usize> = dimensions.flatten().collect();
    dimensions.sort_unstable();
    match dimensions.is_sorted_by(|a, b| a + 1 == *b) {
        true => Ok(()),
        false => Err(format!("{axes:?}")),
    }
}

fn order(site: &Site<'_>) -> Result<(), String> {
    match integers(In(1), site) {
        Some(order) if order.iter().any(|axis| *axis < 0) => Err(format!("{order:?}")),
        _ => Ok(()),
    }
}

fn selected(site: &Site<'_>) -> Result<(), String> {
    let inputs: Option<Vec<&Tensor>> = (0..3).map(|n| In(n).tensor(site)).collect();
    let (Some(inputs), Some(output)) = (inputs, Out(0).tensor(site)) else {
        return Ok(());
    };
    let one = inputs.iter().all(|x| x.elements() == 1) && output.elements() == 1;
    if one || inputs.iter().all(|x| x.shape == inputs[0].shape) {
        return Ok(());
    }
    match broadcast(inputs.iter().map(|x| &x.shape[..])) {
        Some(shape) if shape == output.shape => Ok(()),
        Some(shape) => Err(format!("{:?} instead of {shape:?}", output.shape)),
        None => Err("inputs that do not repeat to one shape".to_owned()),
    }
}

fn same_rank(site: &Site<'_>, at: At) -> Result<(), String> {
    ranks(site, at, |rank| rank)
}

fn packed(site: &Site<'_>) -> Result<(), String> {
    ranks(site, In(0), |rank| rank + 1)
}

fn ranks(site: &Site<'_>, at: At, of: fn(usize) -> usize) -> Result<(), String> {
    let (Some(x), Some(y)) = (at.tensor(site), Out(0).tensor(site)) else {
        return Ok(());
    };
    match y.shape.len() == of(x.shape.len()) {
        true => Ok(()),
        false => Err(format!("{:?} for an input of {:?}", y.shape, x.shape)),
    }
}

fn gathered(site: &Site<'_>) -> Result<(), String> {
    let (Some(x), Some(indices), Some(output)) =
        (In(0).tensor(site), In(1).tensor(site), Out(0).tensor(site))
    else {
        return Ok(());
    };
    let ranks = x.shape.len() + indices.shape.len();
    let batch = match listed(site, "batch_dims") {
        Some(OptionValue::Integer(batch)) if batch < 0 => {
            dimension(batch.into(), indices.shape.len()).unwrap_or(0)
        }
        Some(OptionValue::Integer(batch)) => usize::try_from(batch).unwrap_or(0),
        _ => 0,
    };
    no_fewer(output, ranks.saturating_sub(1 + batch))
}

fn gathered_nd(site: &Site<'_>) -> Result<(), String> {
    let (Some(x), Some(indices), Some(output)) =
        (In(0).tensor(site), In(1).tensor(site), Out(0).tensor(site))
    else {
        return Ok(());
    };
    let Some((depth, places)) = indices.shape.split_last() else {
        return Ok(());
    };
    match *depth {
        0..=5 => no_fewer(output, places.len() + x.shape.len().saturating_sub(*depth)),
        _ => Err(format!("{depth} coordinates, of at most 5")),
    }
}

/// That a recorded shape has room for so many dimensions.
pub(super) fn no_fewer(output: &Tensor, rank: usize) -> Result<(), String> {
    match output.shape.len() >= rank {
        true => Ok(()),
        false => Err(format!("{:?} for {rank} dimensions", output.shape)),
    }
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

/// Whether what is padded with is a stored 0, where the operator names no value.
fn names_zero(site: &Site<'_>) -> Result<(), String> {
    let quantization = Out(0).tensor(site).and_then(|t| t.quantization.as_ref());
    match (In(2).id(site), quantization.map(first)) {
        (None, Some((_, zero_point))) if zero_point != 0 => {
            Err(format!("the zero point {zero_point}"))
        }
        _ => Ok(()),
    }
}

fn concatenated(site: &Site<'_>) -> Result<(), String> {
    let of = |at: At| Some(first(at.tensor(site)?.quantization.as_ref()?));
    let Some(output) = Out(0).tensor(site) else {
        return Ok(());
    };
    let inputs = 0..site.operator.inputs.len();
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
