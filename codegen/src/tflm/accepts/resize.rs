//! Images of another size.

use super::Row;
use super::arithmetic::FINE;
use super::rule::At::{In, Out};
use super::rule::Rule::{Constant, If, Inputs, Is, One, Outputs, Rank, SameShape, SameType, Type};
use super::rule::listed;
use crate::graph::DType::{Float32 as F32, Int8 as I8, Int16 as I16, Int32 as I32};
use crate::graph::OptionValue;
use crate::graph::Site;

pub(super) const ROWS: &[Row] = &[
    row!(
        "RESIZE_BILINEAR",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Rank(In(0), 4, 4),
            Rank(In(1), 1, 1),
            Type(In(1), &[I32]),
            Constant(In(1)),
            Type(Out(0), &[F32, I8]),
            SameType(&[In(0), Out(0)]),
            Is("half_pixel_centers or align_corners, not both", one_of_both),
        ],
    ),
    row!(
        "RESIZE_NEAREST_NEIGHBOR",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Rank(In(0), 4, 4),
            Rank(In(1), 1, 1),
            Type(In(1), &[I32]),
            Constant(In(1)),
            Type(Out(0), &[F32, I8, I16]),
            SameType(&[In(0), Out(0)]),
        ],
    ),
    row!(
        "SPACE_TO_DEPTH",
        &[
            Inputs(1, 1),
            Outputs(1, 1),
            Rank(In(0), 4, 4),
            Type(In(0), &[F32, I8]),
            SameType(&[In(0), Out(0)]),
        ],
    ),
    row!(
        "DEPTH_TO_SPACE",
        &[
            Inputs(1, 1),
            Outputs(1, 1),
            Rank(In(0), 4, 4),
            Type(In(0), &[F32, I8]),
            SameType(&[In(0), Out(0)]),
        ],
    ),
    row!(
        "ARG_MAX",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Type(In(0), &[F32, I8]),
            Type(In(1), &[I32]),
            Type(Out(0), &[I32]),
        ],
    ),
    row!(
        "ARG_MIN",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Type(In(0), &[F32, I8]),
            Type(In(1), &[I32]),
            Type(Out(0), &[I32]),
        ],
    ),
    row!(
        "CUMSUM",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Type(In(0), &[F32, I8]),
            Type(In(1), &[I32]),
            One(In(1)),
            Rank(In(0), 1, usize::MAX),
            SameType(&[In(0), Out(0)]),
            SameShape(In(0), Out(0)),
            If(In(0), &[I8], &[FINE]),
        ],
    ),
];

fn one_of_both(site: &Site<'_>) -> Result<(), String> {
    let set = |name: &str| listed(site, name) == Some(OptionValue::Bool(true));
    match set("half_pixel_centers") && set("align_corners") {
        true => Err("both".to_owned()),
        false => Ok(()),
    }
}
