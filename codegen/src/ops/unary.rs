//! Functions of one value as quantised numbers: tables of int8, and those of int16 that are straight on both
//! sides of 0.

use castiron_runtime::fixed::{requantize, rounding_shift_right};
use castiron_runtime::functions;
use castiron_runtime::kernels::{Bent, Function as _, Lookup};

use super::{Site, quantize};
use crate::error::Diagnostic;
use crate::graph::{BuiltinOperator as Op, DType, OpKind, OptionValue, TensorId};
use crate::program::{Action, Argument, Choice, Choosing, ElementType, Place};

/// How the stored values of an operator's output follow from those of its input.
#[derive(Clone, Copy)]
pub enum Quantized {
    /// Int8 and int16: a factor on each side of 0.
    Bent(fn(&Site<'_>) -> Result<Bent, Diagnostic>),
    /// Int8, by rules of its own.
    Table(fn(&Site<'_>) -> Result<[i8; 256], Diagnostic>),
    /// Int8, through the real numbers that it stands for.
    Reals(fn(f32) -> f32),
}

/// What TensorFlow Lite computes otherwise than through real numbers.
pub(super) fn quantized(site: &Site<'_>) -> Option<Quantized> {
    let OpKind::Builtin(operator) = site.operator.kind else {
        return None;
    };
    Some(match operator {
        Op::Abs => Quantized::Bent(abs),
        Op::HardSwish => Quantized::Table(hard_swish),
        Op::LeakyRelu => Quantized::Bent(leaky_relu),
        Op::Logistic => Quantized::Table(logistic),
        Op::Relu => Quantized::Bent(|site| relu(site, 0.0, f32::INFINITY)),
        Op::Relu0To1 => Quantized::Bent(|site| relu(site, 0.0, 1.0)),
        Op::Relu6 => Quantized::Bent(|site| relu(site, 0.0, 6.0)),
        Op::ReluN1To1 => Quantized::Bent(|site| relu(site, -1.0, 1.0)),
        Op::Rsqrt => Quantized::Table(rsqrt),
        Op::Tanh => Quantized::Table(tanh),
        _ => return None,
    })
}

impl Quantized {
    /// The results of all bytes.
    ///
    /// Those of uint8 are the results of int8 of the same numbers, for which stored values and zero points are less by 128.
    pub(super) fn table(self, site: &Site<'_>) -> Result<[i8; 256], Diagnostic> {
        let signed = self.signed_table(site)?;
        Ok(match site.input(0)?.dtype {
            DType::Uint8 => std::array::from_fn(|byte| signed[byte ^ 128] ^ i8::MIN),
            _ => signed,
        })
    }

    fn signed_table(self, site: &Site<'_>) -> Result<[i8; 256], Diagnostic> {
        Ok(match self {
            Self::Table(table) => table(site)?,
            Self::Bent(bent) => {
                let bent = bent(site)?;
                tabulate(|stored| bent.of(stored))
            }
            Self::Reals(function) => {
                let [x, y] = scales(site)?;
                let steps = 1.0 / y.0;
                tabulate(|stored| {
                    let x = x.0 * (i32::from(stored) - x.1) as f32;
                    let y = (function(x) * steps).round() + y.1 as f32;
                    y as i8
                })
            }
        })
    }
}

/// Scales and zero points of input and output; zero points of uint8 as those of int8.
fn scales(site: &Site<'_>) -> Result<[(f32, i32); 2], Diagnostic> {
    let signed = |id: TensorId| {
        let (scale, zero_point) = site.per_tensor(id)?;
        Ok(match site.graph.tensor(id).dtype {
            DType::Uint8 => (scale, zero_point - 128),
            _ => (scale, zero_point),
        })
    };
    Ok([signed(site.input_id(0)?)?, signed(site.output_id(0)?)?])
}

/// ABS. Words without a scale are numbers as they are.
fn abs(site: &Site<'_>) -> Result<Bent, Diagnostic> {
    let plain = |tensor: &crate::graph::Tensor| tensor.quantization.is_none();
    let [x, y] = match site.input(0)? {
        tensor if tensor.dtype == DType::Int16 && plain(tensor) => [(1.0, 0); 2],
        _ => scales(site)?,
    };
    let bent = straight(site, x, y)?;
    Ok(Bent {
        folded: true,
        ..bent
    })
}

fn leaky_relu(site: &Site<'_>) -> Result<Bent, Diagnostic> {
    let alpha = match site.options().listed("alpha") {
        Some(OptionValue::Float(alpha)) => alpha,
        _ => 0.0,
    };
    let [x, y] = scales(site)?;
    let factor = f64::from(x.0 * alpha / y.0);
    let (negative_multiplier, shift) = quantize::requantization(site, factor.abs())?;
    Ok(Bent {
        negative_multiplier,
        negative_shift: shift.into(),
        negative_sign: if factor < 0.0 { -1 } else { 1 },
        ..straight(site, x, y)?
    })
}

/// RELU and its relatives: a range of real values.
fn relu(site: &Site<'_>, min: f32, max: f32) -> Result<Bent, Diagnostic> {
    let [x, y] = scales(site)?;
    Ok(in_range(straight(site, x, y)?, y, min, max))
}

/// A range of real values.
///
/// TensorFlow requantises from the input's scale to the output's and clamps there.
/// TensorFlow Lite Micro does so for RELU, but for RELU6 clamps the stored input and copies
/// it, which is wrong unless both quantisations are the same.
pub fn in_range(bent: Bent, y: (f32, i32), min: f32, max: f32) -> Bent {
    let stored = |real: f32| y.1.saturating_add((real / y.0).round() as i32);
    Bent {
        min: stored(min),
        max: stored(max),
        ..bent
    }
}

/// The identity, from the input's scale to the output's.
fn straight(site: &Site<'_>, x: (f32, i32), y: (f32, i32)) -> Result<Bent, Diagnostic> {
    // The quotient is one of single precision in TensorFlow.
    let factor = quantize::requantization(site, f64::from(x.0 / y.0))?;
    Ok(between(x.1, factor, y.1))
}

pub fn between(zero_point: i32, (multiplier, shift): (i32, i8), out_zero_point: i32) -> Bent {
    let shift = i32::from(shift);
    Bent {
        zero_point,
        folded: false,
        multiplier,
        shift,
        negative_multiplier: multiplier,
        negative_shift: shift,
        negative_sign: 1,
        out_zero_point,
        min: i32::MIN,
        max: i32::MAX,
    }
}

fn logistic(site: &Site<'_>) -> Result<[i8; 256], Diagnostic> {
    expect_quantization(site, 1.0 / 256.0, -128)?;
    let [(scale, zero_point), _] = scales(site)?;
    Ok(saturating_table(scale, zero_point, |x| {
        rounding_shift_right(functions::logistic(x), 23) - 128
    }))
}

fn tanh(site: &Site<'_>) -> Result<[i8; 256], Diagnostic> {
    expect_quantization(site, 1.0 / 128.0, 0)?;
    let [(scale, zero_point), _] = scales(site)?;
    Ok(saturating_table(scale, zero_point, |x| {
        rounding_shift_right(functions::tanh(x), 24)
    }))
}

/// HARD_SWISH in words, as TensorFlow Lite has it: x × relu6(x + 3) / 6, where the second factor is a fraction that
/// saturates at 3 and −3.
fn hard_swish(site: &Site<'_>) -> Result<[i8; 256], Diagnostic> {
    let [x, y] = scales(site)?;
    // Seven bits to spare.
    let fine = x.0 / 128.0;
    let (out_multiplier, out_shift) = quantize::multiplier(f64::from(fine / y.0));
    if out_shift > 0 {
        return Err(site
            .error("the output's scale is too small for the input's")
            .expected("an input's scale of less than 128 times the output's")
            .found(format_args!("{} and {}", x.0, y.0))
            .help("quantise the model again; the output's range does not hold the input's"));
    }
    let (fraction_multiplier, fraction_shift) =
        quantize::multiplier(f64::from(fine / (3.0 / 32768.0)));
    let [out_multiplier, fraction_multiplier] =
        [out_multiplier, fraction_multiplier].map(|m| m.saturating_add(1 << 15) >> 16);
    let right = u32::from((-out_shift).cast_unsigned());
    Ok(tabulate(|stored| {
        let x = (i32::from(stored) - x.1) << 7;
        let mut fraction = x;
        // The last bit to the left comes after the product, so that only it saturates.
        if fraction_shift > 0 {
            fraction = word(i64::from(fraction) << (fraction_shift - 1).min(31));
        }
        fraction = word_product(fraction, fraction_multiplier);
        if fraction_shift > 0 {
            fraction = word(i64::from(fraction) << 1);
        } else {
            fraction = rounding_shift_right(fraction, (-fraction_shift).cast_unsigned().into());
        }
        let fraction = (fraction + (1 << 15)) >> 1;
        // Towards zero, against the bias of the roundings before.
        let product = fraction * word_product(x, out_multiplier) / (1 << 15);
        // The references shift words: what is shifted out of them counts as one step.
        let steps = match right {
            0..=15 => rounding_shift_right(product, right),
            _ if product < 0 => -1,
            _ => 1,
        };
        (steps + y.1).clamp(-128, 127) as i8
    }))
}

/// The nearest value of 16 bits.
fn word(value: i64) -> i32 {
    value.clamp(i16::MIN.into(), i16::MAX.into()) as i32
}

/// `round(a × b / 2¹⁵)` of words, ties away from zero.
fn word_product(a: i32, b: i32) -> i32 {
    let product = a * b;
    let nudge = if product >= 0 { 1 << 14 } else { 1 - (1 << 14) };
    (product + nudge) / (1 << 15)
}

/// RSQRT. Of 0 it is the greatest value; negative numbers, which TensorFlow Lite Micro refuses when it meets them,
/// count as 0.
fn rsqrt(site: &Site<'_>) -> Result<[i8; 256], Diagnostic> {
    /// Bits that keep the root of a small number an integer.
    const SPARE: i32 = 20;
    let [x, y] = scales(site)?;
    let factor = 1.0 / f64::from(x.0.sqrt() * y.0);
    let (multiplier, shift) = quantize::requantization(site, factor)?;
    Ok(tabulate(|stored| {
        let x = i32::from(stored) - x.1;
        if x <= 0 {
            return i8::MAX;
        }
        let (root, root_shift) = functions::inverse_root(x);
        let root = requantize(1, root, root_shift + SPARE);
        let scaled = requantize(root, multiplier, i32::from(shift) - SPARE);
        scaled.saturating_add(y.1).clamp(-128, 127) as i8
    }))
}

/// Input and output, as large as each other.
pub fn operands(
    site: &Site<'_>,
    choosing: &Choosing<'_>,
) -> Result<(Argument, Argument), Diagnostic> {
    let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
    site.expect_shape(y_id, &site.input(0)?.shape)?;
    Ok((choosing.activation(x_id)?, choosing.activation(y_id)?))
}

/// Element types of input and output.
pub fn types(site: &Site<'_>) -> Result<(DType, DType), Diagnostic> {
    Ok((site.input(0)?.dtype, site.output(0)?.dtype))
}

/// The results of a function of stored bytes, in the order of the bytes.
pub fn tabulate(function: impl Fn(i8) -> i8) -> [i8; 256] {
    std::array::from_fn(|byte| function(byte as u8 as i8))
}

/// Chooses the look-up in the table of an operator that a pass made.
pub(super) fn tabulated(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    table: &[i8; 256],
) -> Result<(), Diagnostic> {
    choosing.in_place(1);
    // One of the operators may have broadcast its input to more dimensions of one element.
    let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
    let (x, y) = (choosing.activation(x_id)?, choosing.activation(y_id)?);
    if x.len != y.len {
        return site.expect_shape(y_id, &site.input(0)?.shape);
    }
    look_up(choosing, x, table, y);
    Ok(())
}

/// What an operator gives for each byte of a tensor, if a table is all that computes it.
pub(super) fn table_of(choice: &Choice) -> Option<(TensorId, [i8; 256])> {
    let [Action::Call(call)] = &choice.actions[..] else {
        return None;
    };
    let ([x, table, _], true) = (&call.arguments[..], call.kernel.name() == "Lookup") else {
        return None;
    };
    let (Place::Tensor(x), Place::Constant(table)) = (x.place, table.place) else {
        return None;
    };
    let (_, bytes) = choice.constants.get(table)?;
    let bytes = <[u8; 256]>::try_from(&bytes[..]).ok()?;
    Some((x, bytes.map(u8::cast_signed)))
}

/// Adds the look-up in a table of 8-bit values, signed or not.
pub fn look_up(choosing: &mut Choosing<'_>, x: Argument, table: &[i8; 256], y: Argument) {
    let bytes = |operand| Argument {
        element: ElementType::U8,
        ..operand
    };
    let table = bytes(choosing.constant(table));
    choosing.call(Lookup, [bytes(x), table, bytes(y)]);
}

/// The quantisation that an operator's fixed-point result has by definition.
fn expect_quantization(site: &Site<'_>, scale: f32, zero_point: i32) -> Result<(), Diagnostic> {
    let y_id: TensorId = site.output_id(0)?;
    let [_, signed] = scales(site)?;
    if signed == (scale, zero_point) {
        return Ok(());
    }
    let found = site.per_tensor(y_id)?;
    let zero_point = zero_point + found.1 - signed.1;
    Err(site
        .tensor_error(
            y_id,
            "the operator's 8-bit result has one quantisation by definition",
        )
        .expected(format_args!("scale {scale} and zero point {zero_point}"))
        .found(format_args!("scale {} and zero point {}", found.0, found.1))
        .help("quantise the model again with a current converter"))
}

/// The table of a function of Q4 that has reached its limits at ±15, as TensorFlow Lite takes it.
///
/// The shift is at most 30, so that no limit is below 1. TensorFlow Lite Micro shifts further for
/// input scales of 8 and more: its limit is 0, and the function of 0 the least value.
pub fn saturating_table(scale: f32, zero_point: i32, function: impl Fn(i32) -> i32) -> [i8; 256] {
    const INTEGER_BITS: i32 = 4;
    let factor = f64::from(scale) * f64::from(1 << (31 - INTEGER_BITS));
    let (multiplier, shift) = quantize::multiplier(factor.min(f64::from(1 << 30) - 0.5));
    let limit = f64::from(15 << (31 - INTEGER_BITS)) / f64::from(shift).exp2();
    let limit = limit.floor() as i32;
    tabulate(|stored| {
        let x = i32::from(stored) - zero_point;
        let y = if x <= -limit {
            -128
        } else if x >= limit {
            127
        } else {
            function(requantize(x, multiplier, i32::from(shift)))
        };
        y.clamp(-128, 127) as i8
    })
}
