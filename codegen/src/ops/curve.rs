//! Functions of int16 by table, with straight lines between the entries.

use castiron_runtime::kernels::{Interpolate, Sigmoid};

use super::Site;
use crate::error::Diagnostic;
use crate::graph::{BuiltinOperator as Op, OpKind};
use crate::program::{Argument, Choosing};

/// Whether references compute an operator so.
pub(super) fn has(site: &Site<'_>) -> bool {
    let curves = [Op::Exp, Op::Log, Op::Logistic, Op::Rsqrt, Op::Tanh];
    curves
        .iter()
        .any(|op| site.operator.kind == OpKind::Builtin(*op))
}

/// Adds what computes an operator that references compute so.
pub(super) fn choose(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    x: Argument,
    y: Argument,
) -> Result<(), Diagnostic> {
    let OpKind::Builtin(operator) = site.operator.kind else {
        return Ok(());
    };
    let [x_scale, y_scale] = [
        symmetric(site, site.input_id(0)?)?,
        symmetric(site, site.output_id(0)?)?,
    ];
    let table = |function: &dyn Fn(f32) -> f32| table((x_scale, 0), (y_scale, 0), function);
    let table = match operator {
        Op::Logistic | Op::Tanh => return sigmoid(site, choosing, x, y),
        Op::Exp => table(&exp),
        // Where there is no logarithm, the least value.
        Op::Log => table(&|x| if x > 0.0 { log(x) } else { -32768.0 * y_scale }),
        _ => table(&|x| {
            if x > 0.0 {
                1.0 / x.sqrt()
            } else {
                32767.0 * y_scale
            }
        }),
    };
    let table = choosing.constant(&table);
    choosing.call(Interpolate, [x, table, y]);
    Ok(())
}

/// A function of the references' library in single precision, which is the nearest number but for ties.
pub(super) fn exp(x: f32) -> f32 {
    libm::exp(x.into()) as f32
}

fn log(x: f32) -> f32 {
    libm::log(x.into()) as f32
}

/// The scale of a tensor whose zero point is 0.
fn symmetric(site: &Site<'_>, id: crate::graph::TensorId) -> Result<f32, Diagnostic> {
    let (scale, zero_point) = site.per_tensor(id)?;
    if zero_point == 0 {
        return Ok(scale);
    }
    Err(site
        .tensor_error(id, "the operator takes symmetric int16 alone")
        .expected("zero point 0")
        .found(zero_point)
        .help("quantise the model again; the converter gives int16 tensors the zero point 0"))
}

/// The entries of a function of stored values, as TensorFlow Lite makes them: half the error that a straight line has at its
/// middle is taken off.
pub(super) fn table(x: (f32, i32), y: (f32, i32), function: &dyn Fn(f32) -> f32) -> Vec<i16> {
    const STEPS: i16 = 512;
    let ends = |(scale, zero_point): (f32, i32)| {
        [i16::MIN, i16::MAX].map(|stored| scale * (i32::from(stored) - zero_point) as f32)
    };
    let ([first, last], [least, greatest]) = (ends(x), ends(y));
    let step = (last - first) / f32::from(STEPS);
    let stored = 65536.0 / (greatest - least);
    // Of what is no number, as the error beside a value beyond single precision, the conversion makes 0.
    let word = |value: f32| value as i16;
    let entry = |i: i16| {
        let at = first + f32::from(i) * step;
        let [this, middle, next] =
            [at, at + step / 2.0, first + f32::from(i + 1) * step].map(function);
        let this = (this * stored).round();
        let line = ((next * stored + this) / 2.0).round();
        let error = line - (middle * stored).round();
        word(this - (error / 2.0).round())
    };
    let mut entries: Vec<i16> = (0..STEPS).map(entry).collect();
    entries.push(word((function(last) * stored).round()));
    entries
}

/// LOGISTIC and TANH.
fn sigmoid(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    x: Argument,
    y: Argument,
) -> Result<(), Diagnostic> {
    let tanh = site.operator.kind == OpKind::Builtin(Op::Tanh);
    let (y_id, y_scale) = (site.output_id(0)?, symmetric(site, site.output_id(0)?)?);
    if power_of_two(y_scale) != Some(-15) {
        return Err(site
            .tensor_error(
                y_id,
                "the operator's int16 result has one scale by definition",
            )
            .expected("scale 2^-15")
            .found(y_scale)
            .help("quantise the model again with a current converter"));
    }
    let x_scale = symmetric(site, site.input_id(0)?)?;
    let whole = match power_of_two(x_scale) {
        Some(-12) => Some(3),
        Some(-11) if tanh => Some(6),
        _ => None,
    };
    let (multiplier, shift) = match whole {
        Some(multiplier) => (multiplier, 0),
        None => steps(x_scale).ok_or_else(|| {
            site.error("the input's scale is too large")
                .expected("a scale of at most 2.6")
                .found(x_scale)
                .help("quantise the model again; every value but 0 saturates")
        })?,
    };
    let table = choosing.constant(&logistic());
    let sigmoid = Sigmoid {
        tanh,
        multiplier,
        shift,
    };
    choosing.call(sigmoid, [x, table, y]);
    Ok(())
}

/// The power of two that a scale is nearly, as the references decide it.
pub fn power_of_two(scale: f32) -> Option<i32> {
    let log = log(scale) * (1.0 / std::f32::consts::LN_2);
    ((log - log.round()).abs() < 1e-3).then(|| log.round() as i32)
}

/// The multiplier, of at most 15 bits, that brings stored values to steps of 1 / (3 × 2¹²); and its fractional bits.
fn steps(scale: f32) -> Option<(i32, u32)> {
    let mut multiplier = f64::from(scale) * 3.0 * 4096.0;
    let mut shift = 0;
    while multiplier <= 32767.0 / 2.0 && shift <= 30 {
        multiplier *= 2.0;
        shift += 1;
    }
    (multiplier < 32768.0).then_some((multiplier as i32, shift))
}

/// LOGISTIC of multiples of 1/24, with 16 fractional bits: half the error that a straight line has at its middle is taken off.
pub fn logistic() -> Vec<u16> {
    let exact = |i: u8, further: f64| 65536.0 / (1.0 + libm::exp(-(f64::from(i) + further) / 24.0));
    let entry = |i| {
        let [this, middle, next] = [0.0, 0.5, 1.0].map(|further| exact(i, further));
        (this - ((this + next) / 2.0 - middle) / 2.0).round() as u16
    };
    let mut entries: Vec<u16> = (0..u8::MAX).map(entry).collect();
    entries.push(u16::MAX);
    entries
}
