//! Operators of shapes, and what recorded shapes have to be.

use super::Row;
use super::rule::At;
use super::rule::At::{In, Out};
use super::rule::Rule::{Constant, If, Inputs, Is, Outputs, Rank, SameElements, SameType, Type};
use crate::graph::DType::{Float32 as F32, Int8 as I8, Int16 as I16, Int32 as I32, Int64 as I64};
use crate::graph::Site;
use crate::graph::shapes::{batch_to_space, dimension, sizes, space_to_batch};
use crate::graph::{Options, Tensor};

/// What becomes of an operator whose output was recorded with other sizes than it has.
pub(super) const RECORDED: &str = "it uses the recorded shape, which is not the operator's";

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
            Is("the input's sizes and one of 1 at the axis", expanded),
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
            Is("the sizes that input 1 gives", |site| given(site, In(1))),
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
            Is("the sizes that input 0 gives", |site| given(site, In(0))),
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
            Is(
                "a block for each of the dimensions between batch and channels",
                blocks,
            ),
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
                "SPACE_TO_BATCH_ND pads with a byte that it never sets, 0 in a new arena, not with the zero point",
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
            Is(
                "a block for each of the dimensions between batch and channels",
                blocks,
            ),
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
    let size = |size: usize, filter: usize, stride: usize, dilation: usize| {
        padding.windows(size, filter, stride, dilation).0
    };
    let expected = [
        batch,
        size(height, filter.0, stride.0, dilation.0),
        size(width, filter.1, stride.1, dilation.1),
    ];
    recorded(output, &expected)
}

fn to_batch(site: &Site<'_>) -> Result<(), String> {
    moved(site, space_to_batch)
}

fn to_space(site: &Site<'_>) -> Result<(), String> {
    moved(site, batch_to_space)
}

/// That the recorded sizes are those that blocks and margins give.
fn moved(
    site: &Site<'_>,
    of: impl Fn(&[usize], &[i64], &[i64]) -> Option<Vec<usize>>,
) -> Result<(), String> {
    let (Some(input), Some(output)) = (In(0).tensor(site), Out(0).tensor(site)) else {
        return Ok(());
    };
    let integers = |n: usize| In(n).tensor(site)?.as_integers();
    let (Some(blocks), Some(margins)) = (integers(1), integers(2)) else {
        return Ok(());
    };
    match of(&input.shape, &blocks, &margins) {
        Some(expected) => recorded(output, &expected),
        None => Err(format!("{:?} of blocks {blocks:?}", input.shape)),
    }
}

fn blocks(site: &Site<'_>) -> Result<(), String> {
    let (Some(input), Some(blocks)) = (In(0).tensor(site), In(1).tensor(site)) else {
        return Ok(());
    };
    match blocks.elements() + 2 == input.shape.len() {
        true => Ok(()),
        false => Err(format!("{} for shape {:?}", blocks.elements(), input.shape)),
    }
}

/// That the output has the sizes that an input gives.
fn given(site: &Site<'_>, at: At) -> Result<(), String> {
    let (Some(expected), Some(output)) = (at.tensor(site).and_then(sizes), Out(0).tensor(site))
    else {
        return Ok(());
    };
    match output.shape == expected {
        true => Ok(()),
        false => Err(format!("{:?} instead of {expected:?}", output.shape)),
    }
}

fn expanded(site: &Site<'_>) -> Result<(), String> {
    let (Some(input), Some(axis), Some(output)) =
        (In(0).tensor(site), In(1).tensor(site), Out(0).tensor(site))
    else {
        return Ok(());
    };
    let mut expected = input.shape.clone();
    let axis = axis.as_integers().unwrap_or_default();
    match axis
        .first()
        .and_then(|axis| dimension(*axis, expected.len() + 1))
    {
        Some(axis) => expected.insert(axis, 1),
        None => return Ok(()),
    }
    match output.shape == expected {
        true => Ok(()),
        false => Err(format!("{:?} instead of {expected:?}", output.shape)),
    }
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

/// That the recorded sizes begin with these.
fn recorded(output: &Tensor, expected: &[usize]) -> Result<(), String> {
    match output.shape.starts_with(expected) {
        true => Ok(()),
        false => Err(format!("{:?} instead of {expected:?}", output.shape)),
    }
}
