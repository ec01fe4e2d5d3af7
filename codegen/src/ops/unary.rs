//! LOGISTIC, TANH and the RELUs: int8 by table, float32 computed.

use castiron_runtime::fixed::{requantize, rounding_shift_right};
use castiron_runtime::functions;
use castiron_runtime::kernels::{ClampF32, Float, LogisticF32, Lookup, ReluF32, TanhF32};

use super::{Family, Site, quantize};
use crate::error::Diagnostic;
use crate::graph::{DType, TensorId};
use crate::program::{Argument, Choosing, ElementType};

/// LOGISTIC.
pub(super) struct Logistic;
/// TANH.
pub(super) struct Tanh;
/// RELU and its relatives: a range of real values; from 0 where it has no end.
pub(super) struct Relu {
    pub(super) min: f32,
    pub(super) max: f32,
}

impl Family for Logistic {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        choosing.in_place(1);
        let (x, y) = operands(site, choosing)?;
        match types(site)? {
            (DType::Float32, DType::Float32) => choosing.call(LogisticF32, [x, y]),
            (DType::Int8, DType::Int8) => {
                expect_quantization(site, 1.0 / 256.0, -128)?;
                let (scale, zero_point) = site.per_tensor(site.input_id(0)?)?;
                let table = saturating_table(scale, zero_point, |x| {
                    rounding_shift_right(functions::logistic(x), 23) - 128
                });
                look_up(choosing, x, &table, y);
            }
            _ => return Err(site.unsupported_types("float32 or int8")),
        }
        Ok(())
    }
}

impl Family for Tanh {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        choosing.in_place(1);
        let (x, y) = operands(site, choosing)?;
        match types(site)? {
            (DType::Float32, DType::Float32) => choosing.call(TanhF32, [x, y]),
            (DType::Int8, DType::Int8) => {
                expect_quantization(site, 1.0 / 128.0, 0)?;
                let (scale, zero_point) = site.per_tensor(site.input_id(0)?)?;
                let table = saturating_table(scale, zero_point, |x| {
                    rounding_shift_right(functions::tanh(x), 24)
                });
                look_up(choosing, x, &table, y);
            }
            _ => return Err(site.unsupported_types("float32 or int8")),
        }
        Ok(())
    }
}

impl Family for Relu {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        choosing.in_place(1);
        let (x, y) = operands(site, choosing)?;
        match types(site)? {
            (DType::Float32, DType::Float32) => {
                let Self { min, max } = *self;
                if max.is_finite() {
                    let float = Float { min, max };
                    choosing.call(ClampF32 { float }, [x, y]);
                } else {
                    choosing.call(ReluF32, [x, y]);
                }
            }
            (DType::Int8, DType::Int8) => {
                let x_quant = site.per_tensor(site.input_id(0)?)?;
                let y_quant = site.per_tensor(site.output_id(0)?)?;
                // The quotient is one of single precision in TensorFlow.
                let factor = f64::from(x_quant.0 / y_quant.0);
                let factor = quantize::requantization(site, factor)?;
                look_up(choosing, x, &self.table(x_quant.1, factor, y_quant), y);
            }
            _ => return Err(site.unsupported_types("float32 or int8")),
        }
        Ok(())
    }
}

impl Relu {
    /// The int8 function for the input's zero point, the factor of the scales, and the output's
    /// quantisation.
    ///
    /// TensorFlow requantises from the input's scale to the output's and clamps there.
    /// TensorFlow Lite Micro does so for RELU, but for RELU6 clamps the stored input and copies
    /// it, which is wrong unless both quantisations are the same.
    fn table(&self, x_zero_point: i32, (multiplier, shift): (i32, i8), y: (f32, i32)) -> [i8; 256] {
        let stored = |real: f32| y.1.saturating_add((real / y.0).round() as i32);
        let (min, max) = (stored(self.min).max(-128), stored(self.max).min(127));
        tabulate(|stored| {
            let scaled = requantize(
                i32::from(stored) - x_zero_point,
                multiplier,
                i32::from(shift),
            );
            scaled.saturating_add(y.1).max(min).min(max) as i8
        })
    }
}

/// Input and output, as large as each other.
pub(super) fn operands(
    site: &Site<'_>,
    choosing: &Choosing<'_>,
) -> Result<(Argument, Argument), Diagnostic> {
    let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
    site.expect_shape(y_id, &site.input(0)?.shape)?;
    Ok((choosing.activation(x_id)?, choosing.activation(y_id)?))
}

/// Element types of input and output.
pub(super) fn types(site: &Site<'_>) -> Result<(DType, DType), Diagnostic> {
    Ok((site.input(0)?.dtype, site.output(0)?.dtype))
}

/// The results of a function of stored bytes, in the order of the bytes.
pub(super) fn tabulate(function: impl Fn(i8) -> i8) -> [i8; 256] {
    std::array::from_fn(|byte| function(byte as u8 as i8))
}

/// Adds the look-up in a table of 8-bit values, signed or not.
pub(super) fn look_up(choosing: &mut Choosing<'_>, x: Argument, table: &[i8; 256], y: Argument) {
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
    let found = site.per_tensor(y_id)?;
    if found == (scale, zero_point) {
        return Ok(());
    }
    Err(site
        .tensor_error(
            y_id,
            "the operator's int8 result has one quantisation by definition",
        )
        .expected(format_args!("scale {scale} and zero point {zero_point}"))
        .found(format_args!("scale {} and zero point {}", found.0, found.1))
        .help("quantise the model again with a current converter"))
}

/// The table of a function of Q4 that has reached its limits at ±15, as TensorFlow Lite takes it.
///
/// The shift is at most 30, so that no limit is below 1. TensorFlow Lite Micro shifts further for
/// input scales of 8 and more: its limit is 0, and the function of 0 the least value.
fn saturating_table(scale: f32, zero_point: i32, function: impl Fn(i32) -> i32) -> [i8; 256] {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(table: &[i8; 256], stored: i8) -> i8 {
        table[usize::from(stored as u8)]
    }

    /// Where TensorFlow Lite Micro differs: it would give min(x, 6 in the input's scale).
    #[test]
    fn relu6_requantises_to_the_output() {
        let relu6 = Relu { min: 0.0, max: 6.0 };
        let table = relu6.table(-28, quantize::multiplier(2.0), (0.05, -128));
        // 0.1 × (22 + 28) = 5 = 0.05 × (−28 + 128)
        assert_eq!(of(&table, 22), -28);
        assert_eq!(of(&table, 127), -128 + 120);
        assert_eq!(of(&table, -100), -128);
    }

    #[test]
    fn relu_without_an_upper_bound_reaches_the_greatest_byte() {
        let relu = Relu {
            min: 0.0,
            max: f32::INFINITY,
        };
        let table = relu.table(0, quantize::multiplier(10.0), (0.01, 5));
        assert_eq!(of(&table, 127), 127);
        assert_eq!(of(&table, 3), 35);
        assert_eq!(of(&table, -3), 5);
    }

    /// Where TensorFlow Lite Micro differs: it would give −128 for 0.
    #[test]
    fn the_middle_of_a_coarse_input_is_the_functions() {
        for scale in [7.9, 8.0, 14.3, 450.5] {
            let logistic = saturating_table(scale, 5, |x| {
                rounding_shift_right(functions::logistic(x), 23) - 128
            });
            let tanh = saturating_table(scale, 5, |x| rounding_shift_right(functions::tanh(x), 24));
            assert_eq!([4, 5, 6].map(|x| of(&logistic, x)), [-128, 0, 127]);
            assert_eq!([4, 5, 6].map(|x| of(&tanh, x)), [-128, 0, 127]);
        }
    }

    #[test]
    fn tables_are_near_the_functions() {
        for scale in [0.001f32, 0.02, 0.07, 0.5] {
            for zero_point in [-128, -3, 0, 127] {
                let logistic = saturating_table(scale, zero_point, |x| {
                    rounding_shift_right(functions::logistic(x), 23) - 128
                });
                let tanh = saturating_table(scale, zero_point, |x| {
                    rounding_shift_right(functions::tanh(x), 24)
                });
                for stored in i8::MIN..=i8::MAX {
                    let x = f64::from(scale) * f64::from(i32::from(stored) - zero_point);
                    let expected = (256.0 / (1.0 + (-x).exp()) - 128.0).min(127.0);
                    assert!((f64::from(of(&logistic, stored)) - expected).abs() < 0.51);
                    let expected = (128.0 * x.tanh()).min(127.0);
                    assert!((f64::from(of(&tanh, stored)) - expected).abs() < 0.51);
                }
            }
        }
    }
}
