//! Operators of TFLM's signal library. What they keep follows from shapes and custom options.

use super::{Requests, bytes, dim, fft, option};
use crate::error::Diagnostic;

/// Each row has a buffer of its own; more would fit no microcontroller.
const MOST_ROWS: usize = 4096;

/// What a signal operator keeps besides its parameters.
pub(super) fn requests(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    match r.site.name() {
        "SignalDelay" => {
            let (rows, columns) = rows(r)?;
            let capacity = columns + option(r, "delay_length")?;
            circular_buffers(r, rows, capacity);
        }
        "SignalFramer" => {
            let (frame, step) = (option(r, "frame_size")?, option(r, "frame_step")?.max(1));
            let rows = rows(r)?.0;
            circular_buffers(r, rows, frame.next_multiple_of(step));
        }
        "SignalStacker" => {
            let context = option(r, "stacker_left_context")? + option(r, "stacker_right_context")?;
            let capacity = option(r, "num_channels")? * (context + 1);
            r.keep(circular_buffer(r, capacity));
        }
        "SignalFilterBank" => {
            let channels = option(r, "num_channels")?;
            r.keep(8 * (channels + 1));
        }
        "SignalFilterBankSpectralSubtraction" => {
            let channels = option(r, "num_channels")?;
            r.keep(4 * channels);
        }
        "SignalRfft" => fft::forward(r)?,
        "SignalIrfft" => fft::inverse(r)?,
        "SignalOverlapAdd" => {
            let input = r.site.input(0)?;
            let (rows, frame) = rows(r)?;
            let frames = dim(input, input.shape.len().wrapping_sub(2))?.max(1);
            let value = bytes(input).ok_or_else(|| r.site.unfit("int16 or float32"))?;
            let element = value / input.elements().max(1);
            r.keep(4 * (rows / frames));
            for _ in 0..rows / frames {
                r.keep(frame * element);
            }
        }
        _ => {}
    }
    Ok(())
}

/// The input as rows of its last dimension: how many, and how long.
fn rows(r: &Requests<'_>) -> Result<(usize, usize), Diagnostic> {
    let input = r.site.input(0)?;
    let columns = dim(input, input.shape.len().wrapping_sub(1))?;
    let rows = input.elements() / columns.max(1);
    if rows > MOST_ROWS {
        return Err(r.site.unfit("a few rows of samples"));
    }
    Ok((rows, columns))
}

/// A list of the buffers' places, one of the buffers, and the buffers.
fn circular_buffers(r: &mut Requests<'_>, count: usize, capacity: usize) {
    r.keep(4 * count);
    r.keep(4 * count);
    for _ in 0..count {
        r.keep(circular_buffer(r, capacity));
    }
}

/// Its samples are there twice, so that any window of them is in one piece.
fn circular_buffer(r: &Requests<'_>, capacity: usize) -> usize {
    r.table.late.circular_buffer + 2 * 2 * capacity
}
