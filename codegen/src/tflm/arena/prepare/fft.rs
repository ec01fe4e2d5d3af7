//! The Fourier transforms of TFLM's signal library, which are Kiss FFT's.
//!
//! What a transform keeps follows from its length and from the type of its samples. A transform
//! of real samples is one of half as many complex numbers, with a few steps before or after.

use super::{Requests, option};
use crate::error::Diagnostic;

/// Three pointers: the inner transform, room for numbers, and factors.
const STATE: usize = 12;
/// The inner transform's length and direction, and 32 pairs of a factor and a length.
const INNER: usize = 4 + 4 + 32 * 2 * 4;
/// Before an inverse transform of floats: its length, to divide by, and a pointer.
const SCALED: usize = 8;

/// The schema's numbers of the types.
const FLOAT32: usize = 0;
const INT32: usize = 2;
const INT16: usize = 7;

/// `SignalRfft`.
pub(super) fn forward(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    let (length, sample) = parameters(r)?;
    r.keep_early(state(length, sample));
    r.scratch(length * sample);
    Ok(())
}

/// `SignalIrfft`.
pub(super) fn inverse(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    let (length, sample) = parameters(r)?;
    let scaled = match option(r, "T")? {
        FLOAT32 => SCALED,
        _ => 0,
    };
    r.keep_early(scaled + state(length, sample));
    Ok(())
}

/// The transform's length and the bytes of a sample.
fn parameters(r: &Requests<'_>) -> Result<(usize, usize), Diagnostic> {
    let sample = match option(r, "T")? {
        FLOAT32 | INT32 => 4,
        INT16 => 2,
        _ => return Err(r.site.unfit("samples of float32, int32 or int16")),
    };
    let length = option(r, "fft_length")?;
    if length == 0 || !length.is_multiple_of(2) {
        return Err(r.site.unfit("an even number of samples"));
    }
    Ok((length, sample))
}

fn state(length: usize, sample: usize) -> usize {
    let (complex, half) = (2 * sample, length / 2);
    let factors = half;
    let room = half * 3 / 2;
    STATE + INNER + complex * (factors + room)
}
