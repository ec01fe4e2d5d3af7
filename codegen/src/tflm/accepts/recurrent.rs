//! Layers with state.

use super::Row;
use super::rule::At::{In, Out};
use super::rule::Rule::{If, Inputs, Is, Outputs, Present, Rank, SameType, Type, Types};
use super::rule::{At, listed, scale_of};
use crate::graph::DType::{Float32 as F32, Int8 as I8, Int16 as I16, Int32 as I32};
use crate::graph::Site;
use crate::graph::{Activation, OptionValue, Options, SequenceLstmOptions};

/// The positions of state among an LSTM's inputs.
const HIDDEN: usize = 18;
const CELL: usize = 19;

/// What the kernel asks of an LSTM.
pub(super) const PLAIN: &str = "a plain LSTM: four gates with weights and biases";

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
            Is(
                "an output of the input's batch and the filters' units",
                units
            ),
            If(
                In(0),
                &[I8],
                &[Is(
                    "a bias whose scale is the state's times the time weights'",
                    bias
                )],
            ),
        ],
    ),
    Row {
        name: "UNIDIRECTIONAL_SEQUENCE_LSTM",
        takes: &[
            Inputs(24, 24),
            Outputs(1, 1),
            Type(In(0), &[F32, I8, I16]),
            SameType(&[In(0), Out(0), In(HIDDEN)]),
            SameType(&[In(1), In(2), In(3), In(4), In(5), In(6), In(7), In(8)]),
            Is(PLAIN, plain),
            SameType(&[In(12), In(13), In(14), In(15)]),
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
            Is(
                "sizes of weights and states that follow from input and output",
                lstm_sizes,
            ),
        ],
        computes: &[(
            Is("the cells' activation TANH", tanh),
            "the kernel leaves out other activations, or ends the process",
        )],
    },
];

fn variable(site: &Site<'_>, position: usize) -> Result<(), String> {
    match In(position).tensor(site) {
        Some(state) if state.is_variable => Ok(()),
        Some(_) => Err("a tensor that is none".to_owned()),
        None => Err("no tensor".to_owned()),
    }
}

fn units(site: &Site<'_>) -> Result<(), String> {
    let [Some(x), Some(filters), Some(y)] = [In(0), In(1), Out(0)].map(|at| at.tensor(site)) else {
        return Ok(());
    };
    let rank = match listed(site, "rank") {
        Some(OptionValue::Integer(rank)) => usize::try_from(rank).unwrap_or(0),
        _ => 0,
    };
    let (Some(batch), Some(filters)) = (x.shape.first(), filters.shape.first()) else {
        return Ok(());
    };
    match filters.checked_div(rank) {
        Some(units) if y.shape == [*batch, units] => Ok(()),
        Some(units) => Err(format!("{:?} instead of {:?}", y.shape, [*batch, units])),
        None => Err("a rank of 0".to_owned()),
    }
}

fn bias(site: &Site<'_>) -> Result<(), String> {
    let scales = [In(2), In(3), In(4)].map(|at| scale_of(at, site).unwrap_or(0.0));
    let [time, bias, state] = scales;
    let product = state * time;
    match (f64::from(bias) - f64::from(product)).abs() < 1.0e-5 {
        true => Ok(()),
        false => Err(format!("{bias} beside {product}")),
    }
}

/// What other kinds of LSTM have is not to be there.
fn plain(site: &Site<'_>) -> Result<(), String> {
    let has = |position: usize| In(position).id(site).is_some();
    if let Some(missing) = (1..9).chain(12..16).find(|position| !has(*position)) {
        return Err(format!("no input {missing}"));
    }
    for (mut positions, what) in SequenceLstmOptions::VARIANTS {
        if let Some(position) = positions.find(|position| has(*position)) {
            return Err(format!("{what}: input {position}"));
        }
    }
    Ok(())
}

fn tanh(site: &Site<'_>) -> Result<(), String> {
    match site.options() {
        Options::SequenceLstm(options) if options.activation != Activation::Tanh => {
            Err(format!("{:?}", options.activation))
        }
        _ => Ok(()),
    }
}

fn lstm_sizes(site: &Site<'_>) -> Result<(), String> {
    let of = |at: At| at.tensor(site).map(|tensor| &tensor.shape[..]);
    let Options::SequenceLstm(options) = site.options() else {
        return Ok(());
    };
    let (Some(&[first, second, inputs]), Some(hidden)) = (of(In(0)), of(In(HIDDEN))) else {
        return Err(format!("input of {:?}", of(In(0)).unwrap_or_default()));
    };
    let batch = if options.time_major { second } else { first };
    let Some(state) = hidden.get(1).copied() else {
        return Err(format!("a hidden state of {hidden:?}"));
    };
    let held = |position: usize, expected: &[usize]| match of(In(position)) {
        Some(found) if found != expected => {
            Err(format!("input {position} of {found:?}, not {expected:?}"))
        }
        _ => Ok(()),
    };
    (1..5).try_for_each(|n| held(n, &[state, inputs]))?;
    (5..9).try_for_each(|n| held(n, &[state, state]))?;
    (12..16).try_for_each(|n| held(n, &[state]))?;
    for position in [HIDDEN, CELL] {
        let elements = In(position)
            .tensor(site)
            .map(crate::graph::Tensor::elements);
        if elements.is_some_and(|elements| elements != batch.saturating_mul(state)) {
            return Err(format!(
                "a state of {:?}",
                of(In(position)).unwrap_or_default()
            ));
        }
    }
    match of(Out(0)) {
        Some(y) if y != [first, second, state] => Err(format!(
            "an output of {y:?}, not {:?}",
            [first, second, state]
        )),
        _ => Ok(()),
    }
}
