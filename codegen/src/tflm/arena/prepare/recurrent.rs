//! Operators with state.

use super::site::{element_bytes, product};
use super::{Look, Requests, dim};
use crate::error::Diagnostic;
use crate::graph::{DType, Options};
use crate::tflm::arena::cmsis;

/// `SVDF`.
pub(super) fn svdf(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    let site = r.site;
    let (input, weights) = (site.input(0)?, site.input(1)?);
    let (batch, filters) = (dim(input, 0)?, dim(weights, 0)?);
    r.look(&[Look::InputsFrom(0), Look::Output(0)]);
    r.scratch(product([4, batch, filters]));
    if input.dtype != DType::Int8 {
        return Ok(());
    }
    r.scratch(product([4, batch, dim(site.output(0)?, 1)?]));
    let sums = match r.is_reference() {
        true => 0,
        false => cmsis::kernel_sums(r.simd, filters),
    };
    if sums > 0 {
        r.keep(sums);
    }
    Ok(())
}

/// `UNIDIRECTIONAL_SEQUENCE_LSTM`.
pub(super) fn lstm(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    const HIDDEN: usize = 18;
    const CELL: usize = 19;
    let site = r.site;
    let (input, hidden, cell) = (site.input(0)?, site.input(HIDDEN)?, site.input(CELL)?);
    let batch = match site.options() {
        Options::SequenceLstm(options) if options.time_major => dim(input, 1)?,
        _ => dim(input, 0)?,
    };
    let units = dim(hidden, hidden.shape.len().saturating_sub(1))?;
    let element = element_bytes(cell.dtype).ok_or_else(|| site.unfit("cells of float or int16"))?;
    r.look(&[Look::InputsFrom(0), Look::Output(0)]);
    let mut buffers = 4;
    if !r.is_reference() && cell.dtype == DType::Int16 {
        // Biases with the input's zero point folded in: two for each of four gates.
        let bias = match input.dtype {
            DType::Int16 => 8,
            _ => 4,
        };
        for _ in 0..8 {
            r.keep(bias * units);
        }
        buffers = 3;
    }
    for _ in 0..buffers {
        r.scratch(product([batch, units, element]));
    }
    Ok(())
}
