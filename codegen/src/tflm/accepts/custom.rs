//! Custom operators that TFLM ships: signal processing, and what goes to an accelerator.

use super::Row;
use super::rule::At::{In, Out};
use super::rule::Rule::{Inputs, Is, Outputs, Rank, SameType, Type};
use super::rule::{At, Rule};
use crate::graph::DType::{
    Bool, Float32 as F32, Int8 as I8, Int16 as I16, Int32 as I32, Uint32 as U32, Uint64 as U64,
};
use crate::graph::{Options, Site, flex};

/// Detections of a class where the options do not say how many.
const OF_A_CLASS: i64 = 100;

/// Detections that are left of the classes before are sorted with all of a class; there is room for `max_detections` of each box.
fn has_room(site: &Site<'_>) -> Result<(), String> {
    let Options::Custom(bytes) = &site.operator.options else {
        return Ok(());
    };
    let option = |name| flex::number(bytes, name).unwrap_or(0);
    let boxes = In(0).tensor(site).and_then(|x| x.shape.get(1));
    let boxes = boxes.and_then(|n| i64::try_from(*n).ok()).unwrap_or(0);
    let of_a_class = flex::number(bytes, "detections_per_class").unwrap_or(OF_A_CLASS);
    let of_a_class = of_a_class.min(boxes);
    let (most, before) = (option("max_detections"), option("num_classes") - 1);
    let room = most.saturating_mul(boxes);
    let needed = most.min(of_a_class.saturating_mul(before)) + of_a_class;
    match option("use_regular_nms") == 0 || needed <= room {
        true => Ok(()),
        false => Err(format!("room for {room} detections, and {needed} of them")),
    }
}

fn one_slot(site: &Site<'_>) -> Result<(), String> {
    let [Some(x), Some(y)] = [In(0), Out(0)].map(|at| at.tensor(site)) else {
        return Ok(());
    };
    let mut expected = y.shape.clone();
    expected.splice(1..2, [1]);
    match x.shape == expected {
        true => Ok(()),
        false => Err(format!("{:?} instead of {expected:?}", x.shape)),
    }
}

fn kept(site: &Site<'_>) -> Result<(), String> {
    match Out(0).tensor(site) {
        Some(buffer) if !buffer.is_variable => Err("a tensor of one run".to_owned()),
        _ => Ok(()),
    }
}

fn one_batch(site: &Site<'_>) -> Result<(), String> {
    let batches = Out(0).tensor(site).and_then(|y| y.shape.first());
    match batches {
        Some(batches) if *batches != 1 => Err(batches.to_string()),
        _ => Ok(()),
    }
}

const fn flat(at: At) -> Rule {
    Rank(at, 1, 1)
}

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "CIRCULAR_BUFFER",
        takes: &[
            Type(In(0), &[I8]),
            SameType(&[In(0), Out(0)]),
            Rank(In(0), 4, 4),
            Rank(Out(0), 4, 4),
            Is("an input of one slot of the buffer", one_slot),
        ],
        computes: &[
            (
                Is("a variable for the buffer", kept),
                "CIRCULAR_BUFFER writes into memory that other tensors may take before the next run",
            ),
            (
                Is("batch 1", one_batch),
                "CIRCULAR_BUFFER shifts the first batch alone",
            ),
        ],
    },
    row!(
        "SignalDelay",
        &[
            Inputs(1, 1),
            Outputs(1, 1),
            Type(In(0), &[I16]),
            Type(Out(0), &[I16]),
        ],
    ),
    row!(
        "SignalEnergy",
        &[
            Inputs(1, 1),
            Outputs(1, 1),
            flat(In(0)),
            flat(Out(0)),
            Type(In(0), &[I16]),
            Type(Out(0), &[U32]),
        ],
    ),
    row!(
        "SignalFftAutoScale",
        &[
            Inputs(1, 1),
            Outputs(2, 2),
            flat(In(0)),
            flat(Out(0)),
            Rank(Out(1), 0, 0),
            Type(In(0), &[I16]),
            Type(Out(0), &[I16]),
            Type(Out(1), &[I32]),
        ],
    ),
    row!(
        "SignalFilterBank",
        &[
            Inputs(6, 6),
            Outputs(1, 1),
            flat(In(0)),
            Type(In(0), &[U32]),
            Type(In(1), &[I16]),
            Type(In(2), &[I16]),
            Type(In(3), &[I16]),
            Type(In(4), &[I16]),
            Type(In(5), &[I16]),
            Type(Out(0), &[U64]),
        ],
    ),
    row!(
        "SignalFilterBankLog",
        &[
            Inputs(1, 1),
            Outputs(1, 1),
            flat(In(0)),
            flat(Out(0)),
            Type(In(0), &[U32]),
            Type(Out(0), &[I16]),
        ],
    ),
    row!(
        "SignalFilterBankSpectralSubtraction",
        &[
            Inputs(1, 1),
            Outputs(2, 2),
            flat(In(0)),
            flat(Out(0)),
            flat(Out(1)),
            Type(In(0), &[U32]),
            Type(Out(0), &[U32]),
            Type(Out(1), &[U32]),
        ],
    ),
    row!(
        "SignalFilterBankSquareRoot",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            flat(In(0)),
            Rank(In(1), 0, 0),
            flat(Out(0)),
            Type(In(0), &[U64]),
            Type(In(1), &[I32]),
            Type(Out(0), &[U32]),
        ],
    ),
    row!(
        "SignalFramer",
        &[
            Inputs(1, 1),
            Outputs(2, 2),
            Type(In(0), &[I16]),
            Type(Out(0), &[I16]),
            Rank(Out(1), 0, 0),
            Type(Out(1), &[Bool]),
        ],
    ),
    row!(
        "SignalIrfft",
        &[
            Inputs(1, 1),
            Outputs(1, 1),
            Type(In(0), &[F32, I16, I32]),
            SameType(&[In(0), Out(0)]),
        ],
    ),
    row!(
        "SignalOverlapAdd",
        &[
            Inputs(1, 1),
            Outputs(1, 1),
            Type(In(0), &[F32, I16]),
            SameType(&[In(0), Out(0)]),
            Rank(In(0), 2, usize::MAX),
        ],
    ),
    row!(
        "SignalPCAN",
        &[
            Inputs(3, 3),
            Outputs(1, 1),
            flat(In(0)),
            flat(In(1)),
            flat(In(2)),
            flat(Out(0)),
            Type(In(0), &[U32]),
            Type(In(1), &[U32]),
            Type(In(2), &[I16]),
            Type(Out(0), &[U32]),
        ],
    ),
    row!(
        "SignalRfft",
        &[
            Inputs(1, 1),
            Outputs(1, 1),
            Type(In(0), &[F32, I16, I32]),
            SameType(&[In(0), Out(0)]),
        ],
    ),
    row!(
        "SignalStacker",
        &[
            Inputs(1, 1),
            Outputs(2, 2),
            flat(In(0)),
            flat(Out(0)),
            Rank(Out(1), 0, 0),
            Type(In(0), &[I16]),
            Type(Out(0), &[I16]),
            Type(Out(1), &[Bool]),
        ],
    ),
    row!(
        "SignalWindow",
        &[
            Inputs(2, 2),
            Outputs(1, 1),
            Type(In(0), &[I16]),
            Type(In(1), &[I16]),
            flat(In(1)),
            Type(Out(0), &[I16]),
        ],
    ),
    row!("TFLM_DECODE", &[]),
    Row {
        name: "TFLite_Detection_PostProcess",
        takes: &[
            Inputs(3, 3),
            Outputs(4, 4),
            Rank(In(0), 3, 3),
            Rank(In(1), 3, 3),
            Rank(In(2), 2, 2),
            Type(In(0), &[F32]),
            Type(In(1), &[F32]),
            Type(In(2), &[F32]),
        ],
        computes: &[(
            Is("room for what is sorted", has_room),
            "TFLite_Detection_PostProcess writes behind its working memory",
        )],
    },
    // What goes to the accelerator its compiler has seen.
    row!("ethos-u", &[]),
];
