//! Fourier transforms of real samples: factors, order and roots of unity, as Kiss FFT has them.

use std::f64::consts::PI;

use castiron_runtime::kernels::{
    FFT_FACTORS, Fft, IrfftF32, IrfftI16, IrfftI32, RfftF32, RfftI16, RfftI32,
};

use super::{Site, elements, option, types};
use crate::error::Diagnostic;
use crate::graph::DType;
use crate::program::{Argument, Choosing, Constant};

/// The longest transform: places have 16 bits.
const MOST_SAMPLES: i64 = 1 << 16;

pub(super) fn forward(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
    let (fft, [x, y]) = transform(site, choosing, |samples, row| (row <= samples, samples + 2))?;
    let place = place(&fft);
    let place = choosing.constant(&place);
    match site.input(0)?.dtype {
        DType::Int16 => {
            let [roots, split] = constants::<i16>(&fft, -1.0, choosing);
            choosing.call(RfftI16 { fft }, [x, place, roots, split, y]);
        }
        DType::Int32 => {
            let [roots, split] = constants::<i32>(&fft, -1.0, choosing);
            choosing.call(RfftI32 { fft }, [x, place, roots, split, y]);
        }
        _ => {
            let [roots, split] = constants::<f32>(&fft, -1.0, choosing);
            choosing.call(RfftF32 { fft }, [x, place, roots, split, y]);
        }
    }
    Ok(())
}

pub(super) fn backward(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
    let (fft, [x, y]) = transform(site, choosing, |samples, row| (row >= samples + 2, samples))?;
    let place = place(&fft);
    let place = choosing.constant(&place);
    match site.input(0)?.dtype {
        DType::Int16 => {
            let [roots, split] = constants::<i16>(&fft, 1.0, choosing);
            choosing.call(IrfftI16 { fft }, [x, place, roots, split, y]);
        }
        DType::Int32 => {
            let [roots, split] = constants::<i32>(&fft, 1.0, choosing);
            choosing.call(IrfftI32 { fft }, [x, place, roots, split, y]);
        }
        _ => {
            let [roots, split] = constants::<f32>(&fft, 1.0, choosing);
            choosing.call(IrfftF32 { fft }, [x, place, roots, split, y]);
        }
    }
    Ok(())
}

/// The transform, and its input and output. `sizes` says of the number of samples and of an input row's elements whether
/// they fit, and how many elements a row of the output has.
fn transform(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    sizes: impl Fn(usize, usize) -> (bool, usize),
) -> Result<(Fft, [Argument; 2]), Diagnostic> {
    let dtype = site.input(0)?.dtype;
    if !matches!(dtype, DType::Int16 | DType::Int32 | DType::Float32) {
        return Err(site.unsupported_types("int16, int32 or float32"));
    }
    types(site, &[dtype], &[dtype])?;
    let samples = option(site, "fft_length", 2..=MOST_SAMPLES)? as usize;
    let factors = match samples.is_multiple_of(2) {
        true => factors(samples / 2),
        false => None,
    };
    let factors = factors.ok_or_else(|| {
        site.error("the transform's length is not supported")
            .expected("an even number of at least 4 samples, a product of 2, 3 and 5")
            .found(samples)
            .help("change fft_length; the reference kernel has no memory for other factors")
    })?;
    let x = choosing.activation(site.input_id(0)?)?;
    let y = choosing.activation(site.output_id(0)?)?;
    let row = site.input(0)?.shape.last().copied().unwrap_or(0);
    let (fits, out) = sizes(samples, row);
    let Some(rows) = x.len.checked_div(row).filter(|_| fits) else {
        return Err(site
            .tensor_error(
                site.input_id(0)?,
                "the input does not fit the transform's length",
            )
            .found(format_args!("rows of {row} for {samples} samples")));
    };
    elements(y.len, rows * out, "the output", site)?;
    let fft = Fft {
        numbers: samples / 2,
        row,
        factors,
    };
    Ok((fft, [x, y]))
}

/// Factors of a number, 4 first; zeros behind them. `None` where one is not known.
pub fn factors(mut rest: usize) -> Option<[u8; FFT_FACTORS]> {
    let root = rest.isqrt();
    let mut factors = [0; FFT_FACTORS];
    let (mut factor, mut count) = (4, 0);
    while rest > 1 || count == 0 {
        while !rest.is_multiple_of(factor) {
            factor = match factor {
                4 => 2,
                2 => 3,
                other => other + 2,
            };
            if factor > root {
                factor = rest;
            }
        }
        rest /= factor;
        *factors.get_mut(count)? = u8::try_from(factor).ok().filter(|f| (2..=5).contains(f))?;
        count += 1;
    }
    Some(factors)
}

/// Where each number goes at first: stages take every so many numbers of the stage before, and lay them side by side.
fn place(fft: &Fft) -> Vec<u16> {
    let place = |number: usize| {
        let (mut rest, mut size, mut place) = (number, fft.numbers, 0);
        for factor in fft.factors.iter().filter(|factor| **factor > 0) {
            let factor = usize::from(*factor);
            size /= factor;
            place += rest % factor * size;
            rest /= factor;
        }
        place as u16
    };
    (0..fft.numbers).map(place).collect()
}

/// A number of a transform.
trait Sample: Constant {
    /// A real number of at most 1.
    fn of(real: f64) -> Self;
}

impl Sample for i16 {
    fn of(real: f64) -> Self {
        (0.5 + f64::from(Self::MAX) * real).floor() as Self
    }
}

impl Sample for i32 {
    fn of(real: f64) -> Self {
        (0.5 + f64::from(Self::MAX) * real).floor() as Self
    }
}

impl Sample for f32 {
    fn of(real: f64) -> Self {
        real as Self
    }
}

/// The roots of unity, and those that separate even from odd samples.
fn constants<T: Sample>(fft: &Fft, sign: f64, choosing: &mut Choosing<'_>) -> [Argument; 2] {
    let all = fft.numbers as f64;
    // In the order of the reference's products, which are rounded.
    let roots = points(fft.numbers, &|i| sign * (2.0 * PI * i as f64 / all));
    let split = points(fft.numbers / 2, &|i| {
        sign * (PI * ((i + 1) as f64 / all + 0.5))
    });
    let mut constant = |points: &[f64]| {
        let samples: Vec<T> = points.iter().map(|real| T::of(*real)).collect();
        choosing.constant(&samples)
    };
    [constant(&roots), constant(&split)]
}

/// The cosine and the sine of each phase.
fn points(count: usize, phase: &dyn Fn(usize) -> f64) -> Vec<f64> {
    let mut points = Vec::with_capacity(2 * count);
    for phase in (0..count).map(phase) {
        points.extend([libm::cos(phase), libm::sin(phase)]);
    }
    points
}
