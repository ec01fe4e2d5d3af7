//! Subgraphs that an operator calls, and variables that they share.

use super::Row;
use super::rule::At::{In, Out};
use super::rule::Rule::{Inputs, One, Outputs, Present, Type};
use crate::graph::DType::{Bool, Int32 as I32, Resource};

pub(super) const ROWS: &[Row] = &[
    row!("CALL_ONCE", &[Inputs(0, 0), Outputs(0, 0)]),
    row!(
        "IF",
        &[
            Inputs(1, usize::MAX),
            Present(In(0)),
            Type(In(0), &[Bool]),
            One(In(0)),
        ],
    ),
    row!("WHILE", &[]),
    row!("VAR_HANDLE", &[Outputs(1, 1)]),
    row!(
        "READ_VARIABLE",
        &[
            Inputs(1, 1),
            Outputs(1, 1),
            Present(In(0)),
            Type(In(0), &[Resource]),
            One(In(0)),
            Present(Out(0)),
        ],
    ),
    row!(
        "ASSIGN_VARIABLE",
        &[
            Inputs(2, 2),
            Outputs(0, 0),
            Present(In(0)),
            Type(In(0), &[Resource, I32]),
            One(In(0)),
            Present(In(1)),
        ],
    ),
];
