//! Reductions.

use super::site::is_int8_or_int16;
use super::{Look, Requests};
use crate::error::Diagnostic;
use crate::graph::DType;

const TENSORS: &[Look] = &[Look::Input(0), Look::Output(0), Look::Input(1)];

/// What all reductions look at once more.
fn look_simply(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    r.look(&[Look::Input(0), Look::Input(1)]);
    if r.site.input(0)?.dtype == DType::Int8 {
        r.look(&[Look::Output(0)]);
    }
    Ok(())
}

/// A position in the input, and the axes in order.
fn scratch(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    let (input, axes) = (r.site.input(0)?, r.site.input(1)?);
    r.scratch(4 * input.shape.len());
    r.scratch(4 * axes.elements());
    Ok(())
}

/// `MEAN` and `SUM`.
pub(super) fn mean_or_sum(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    r.look(TENSORS);
    if is_int8_or_int16(r.site.input(0)?) {
        r.scratch(4 * r.site.output(0)?.elements());
    }
    scratch(r)?;
    look_simply(r)
}

/// `REDUCE_MAX` and `REDUCE_MIN`.
pub(super) fn extreme(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    look_simply(r)?;
    r.look(TENSORS);
    scratch(r)
}

/// `REDUCE_ALL`.
pub(super) fn all(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    r.look(TENSORS);
    look_simply(r)?;
    scratch(r)
}
