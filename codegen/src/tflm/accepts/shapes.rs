//! Operators of shapes, and what recorded shapes have to be.

use super::Row;
use super::rule::At::{In, Out};
use super::rule::Rule::{Constant, If, Inputs, Is, Outputs, Rank, SameElements, SameType, Type};
use crate::graph::DType::{Float32 as F32, Int8 as I8, Int16 as I16, Int32 as I32, Int64 as I64};
use crate::graph::{Options, Padding, Tensor};
use crate::tflm::arena::Site;

/// What becomes of an operator whose output was recorded with other sizes than it has.
pub(super) const RECORDED: &str = "it goes by the recorded shape, which is not the operator's";

pub(super) const ROWS: &[Row] = &[
    row!(
        "RESHAPE",
        &[
            Inputs(1, 2),
            Outputs(1, 1),
            SameType(&[In(0), Out(0)]),
            SameElements(In(0), Out(0)),
        ],
    ),
    row!(
        "SQUEEZE",
        &[
            Inputs(1, 1),
            Outputs(1, 1),
            Rank(In(0), 0, 8),
            SameType(&[In(0), Out(0)]),
            SameElements(In(0), Out(0)),
        ],
    ),
    row!(
        "EXPAND_DIMS",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Constant(In(1)),
            Type(In(1), &[I32]),
            Rank(In(1), 0, 1),
            Type(In(0), &[F32, I16, I8]),
            SameType(&[In(0), Out(0)]),
            SameElements(In(0), Out(0)),
        ],
    ),
    row!(
        "SHAPE",
        &[Inputs(1, 1), Outputs(1, 1), Type(Out(0), &[I32])],
    ),
    row!(
        "BROADCAST_ARGS",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Type(In(0), &[I32, I64]),
            SameType(&[In(0), In(1), Out(0)]),
            Rank(In(0), 1, 1),
            Rank(In(1), 1, 1),
            Rank(Out(0), 1, 1),
        ],
    ),
    row!(
        "BROADCAST_TO",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Rank(In(0), 0, 5),
            Rank(Out(0), 0, 5),
            Type(In(1), &[I32, I64]),
            Constant(In(1)),
            SameType(&[In(0), Out(0)]),
        ],
    ),
    row!(
        "FILL",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Constant(In(0)),
            Type(In(0), &[I8, I16, I32, I64]),
            Rank(In(1), 0, 0),
            SameType(&[In(1), Out(0)]),
            Type(In(1), &[F32, I32, I8]),
        ],
    ),
    Row {
        name: "SPACE_TO_BATCH_ND",
        takes: &[
            Inputs(3, 3),
            Outputs(1, 1),
            Type(In(0), &[F32, I8]),
            SameType(&[In(0), Out(0)]),
            Rank(In(0), 3, 4),
            Rank(Out(0), 3, 4),
        ],
        computes: &[
            (
                Is("the sizes that blocks and paddings give", to_batch),
                RECORDED,
            ),
            (
                If(
                    In(0),
                    &[I8],
                    &[Is("zero point 0, or no paddings", zero_padding)],
                ),
                "SPACE_TO_BATCH_ND pads with 0, not with the zero point",
            ),
        ],
    },
    Row {
        name: "BATCH_TO_SPACE_ND",
        takes: &[
            Inputs(3, 3),
            Outputs(1, 1),
            Type(In(0), &[F32, I8]),
            SameType(&[In(0), Out(0)]),
            Rank(In(0), 3, 4),
            Rank(Out(0), 3, 4),
        ],
        computes: &[(
            Is("the sizes that blocks and crops give", to_space),
            RECORDED,
        )],
    },
];

/// The output's sizes of a window that slides over an image.
pub(super) fn window(site: &Site<'_>) -> Result<(), String> {
    let (Some(input), Some(output)) = (In(0).tensor(site), Out(0).tensor(site)) else {
        return Ok(());
    };
    let filter = In(1).tensor(site).map(|filter| &filter.shape[..]);
    let (padding, stride, dilation, filter) = match (site.options(), filter) {
        (Options::Conv2d(o), Some([_, h, w, _])) => (o.padding, o.stride, o.dilation, (*h, *w)),
        (Options::DepthwiseConv2d(o), Some([_, h, w, _])) => {
            (o.padding, o.stride, o.dilation, (*h, *w))
        }
        (Options::Pool2d(o), _) => (o.padding, o.stride, (1, 1), o.filter),
        _ => return Ok(()),
    };
    let (&[batch, height, width, _], &[.., _]) = (&input.shape[..], &output.shape[..]) else {
        return Ok(());
    };
    let size = |size: usize, filter: usize, stride: usize, dilation: usize| match padding {
        Padding::Same => size.div_ceil(stride.max(1)),
        Padding::Valid => {
            let reach = (filter.max(1) - 1).saturating_mul(dilation) + 1;
            (size + stride).saturating_sub(reach) / stride.max(1)
        }
    };
    let expected = [
        batch,
        size(height, filter.0, stride.0, dilation.0),
        size(width, filter.1, stride.1, dilation.1),
    ];
    recorded(output, &expected)
}

fn to_batch(site: &Site<'_>) -> Result<(), String> {
    moved(site, |batch, size, block, pads| {
        *size = size.saturating_add_signed(pads) / block;
        *batch = batch.saturating_mul(block);
    })
}

fn to_space(site: &Site<'_>) -> Result<(), String> {
    moved(site, |batch, size, block, crops| {
        let whole = size.saturating_mul(block);
        *size = whole.saturating_add_signed(crops.saturating_neg());
        *batch /= block;
    })
}

/// That the recorded sizes are those that blocks between the batch and the other dimensions give: `of` changes the batch and one size by
/// its block and what is added or cut there.
fn moved(site: &Site<'_>, of: impl Fn(&mut usize, &mut usize, usize, isize)) -> Result<(), String> {
    let Some((input, blocks, margins, output)) = blocks(site) else {
        return Ok(());
    };
    let Some((first, rest)) = input.shape.split_first() else {
        return Ok(());
    };
    let (mut batch, mut sizes) = (*first, rest.to_vec());
    for (axis, block) in blocks.iter().enumerate() {
        let margins = margins.get(2 * axis..2 * axis + 2).unwrap_or_default();
        let margin = margins.iter().copied().fold(0, i64::saturating_add);
        let Some(size) = sizes.get_mut(axis) else {
            return Ok(());
        };
        of(
            &mut batch,
            size,
            *block,
            isize::try_from(margin).unwrap_or(0),
        );
    }
    sizes.insert(0, batch);
    recorded(output, &sizes)
}

fn zero_padding(site: &Site<'_>) -> Result<(), String> {
    let zero_point = In(0).tensor(site).and_then(|t| t.quantization.as_ref());
    let zero_point = zero_point.map_or(0, |q| super::rule::first(q).1);
    let pads = In(2).tensor(site).and_then(Tensor::as_integers);
    match zero_point != 0 && pads.is_none_or(|pads| pads.iter().any(|pad| *pad != 0)) {
        true => Err(format!("zero point {zero_point}")),
        false => Ok(()),
    }
}

/// Input, blocks, paddings or crops, and output, where they are known.
fn blocks<'a>(site: &Site<'a>) -> Option<(&'a Tensor, Vec<usize>, Vec<i64>, &'a Tensor)> {
    let integers = |n: usize| In(n).tensor(site)?.as_integers();
    let blocks: Option<Vec<usize>> = integers(1)?
        .into_iter()
        .map(|block| usize::try_from(block).ok().filter(|block| *block > 0))
        .collect();
    Some((
        In(0).tensor(site)?,
        blocks?,
        integers(2)?,
        Out(0).tensor(site)?,
    ))
}

/// That the recorded sizes begin with these.
fn recorded(output: &Tensor, expected: &[usize]) -> Result<(), String> {
    match output.shape.starts_with(expected) {
        true => Ok(()),
        false => Err(format!("{:?} instead of {expected:?}", output.shape)),
    }
}
