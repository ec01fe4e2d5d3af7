//! SOFTMAX: int8 (to int8 or int16), uint8, int16 and float32.

use castiron_runtime::functions::exp_of_negative;
use castiron_runtime::kernels::{SoftmaxF32, SoftmaxI8, SoftmaxI8I16, SoftmaxI16, SoftmaxU8};

use super::{Family, Site, curve, quantize};
use crate::error::Diagnostic;
use crate::graph::{DType, Options};
use crate::program::Choosing;

/// Integer bits of differences to the maximum, as TensorFlow Lite scales them.
const INTEGER_BITS: u32 = 5;

pub(super) struct Softmax;

impl Family for Softmax {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let Options::Softmax(options) = site.options() else {
            return Err(site.error("the operator has no options"));
        };
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let (x, y) = (site.input(0)?, site.output(0)?);
        if x.dtype == y.dtype {
            choosing.in_place(1);
        }
        site.expect_shape(y_id, &x.shape)?;
        let Some(&depth) = x.shape.last() else {
            return Err(site
                .tensor_error(x_id, "the input is a scalar")
                .expected("at least one dimension"));
        };
        let (x_operand, y_operand) = (choosing.activation(x_id)?, choosing.activation(y_id)?);
        match (x.dtype, y.dtype) {
            (DType::Float32, DType::Float32) => {
                let beta = finite(site, options.beta)?;
                choosing.call(SoftmaxF32 { depth, beta }, [x_operand, y_operand]);
            }
            (DType::Int8, DType::Int8 | DType::Int16) | (DType::Uint8, DType::Uint8) => {
                let real =
                    f64::from(finite(site, options.beta)?) * f64::from(site.per_tensor(x_id)?.0);
                let exp = exponentials(real).ok_or_else(|| {
                    site.error("beta is out of range for the input's scale")
                        .expected("a positive factor")
                        .found(options.beta)
                })?;
                let exp = choosing.constant(&exp);
                let operands = [x_operand, exp, y_operand];
                match y.dtype {
                    DType::Int8 => {
                        expect_output(site, 1.0 / 256.0, -128)?;
                        choosing.call(SoftmaxI8 { depth }, operands);
                    }
                    DType::Uint8 => {
                        expect_output(site, 1.0 / 256.0, 0)?;
                        choosing.call(SoftmaxU8 { depth }, operands);
                    }
                    _ => {
                        expect_output(site, 1.0 / 65536.0, -32768)?;
                        choosing.call(SoftmaxI8I16 { depth }, operands);
                    }
                }
            }
            (DType::Int16, DType::Int16) => {
                expect_output(site, 1.0 / 32768.0, 0)?;
                let real =
                    f64::from(site.per_tensor(x_id)?.0) * f64::from(finite(site, options.beta)?);
                let (multiplier, shift) = quantize::requantization(site, real / (10.0 / 65535.0))?;
                let [exp, inverse] = tables();
                let operands = [
                    x_operand,
                    choosing.constant(&exp),
                    choosing.constant(&inverse),
                    y_operand,
                ];
                let softmax = SoftmaxI16 {
                    depth,
                    multiplier,
                    shift: shift.into(),
                };
                choosing.call(softmax, operands);
            }
            _ => {
                return Err(
                    site.unsupported_types("float32, int16 or uint8; or int8 to int8 or int16")
                );
            }
        }
        Ok(())
    }
}

fn finite(site: &Site<'_>, beta: f32) -> Result<f32, Diagnostic> {
    if beta.is_finite() {
        return Ok(beta);
    }
    Err(site.error("beta must be finite").found(beta))
}

/// Checks the one quantisation that the kernel computes in.
pub(super) fn expect_output(
    site: &Site<'_>,
    scale: f32,
    zero_point: i32,
) -> Result<(), Diagnostic> {
    let id = site.output_id(0)?;
    let found = site.per_tensor(id)?;
    if (found.0 - scale).abs() <= 0.001 * scale && found.1 == zero_point {
        return Ok(());
    }
    Err(site
        .tensor_error(id, "the output's quantisation is not the operator's")
        .expected(format_args!("scale {scale}, zero point {zero_point}"))
        .found(format_args!("scale {}, zero point {}", found.0, found.1))
        .help("quantise the model again; the converter fixes this quantisation"))
}

/// The exponential from −10 to 0 and 1 / (1 + x) from 0 to 1, for int16.
fn tables() -> [Vec<i16>; 2] {
    const STEPS: f32 = 65535.0;
    let y = (2.0 / STEPS, 0);
    [
        curve::table((10.0 / STEPS, 32767), y, &curve::exp),
        curve::table((1.0 / STEPS, -32768), y, &|x| 1.0 / (1.0 + x)),
    ]
}

/// What brings differences to five integer bits, a multiplier and a shift, and the farthest one that they hold; `None` where the
/// reference has no such factor.
pub(super) fn exponents(real: f64) -> Option<(i32, i32, i32)> {
    let one = f64::from(1u32 << (31 - INTEGER_BITS));
    let factor = real * one;
    if factor.is_nan() || factor <= 1.0 {
        return None;
    }
    let (multiplier, shift) = quantize::multiplier(factor.min(f64::from(i32::MAX)));
    let shift = u32::from(shift.unsigned_abs());
    let farthest = (((1u64 << INTEGER_BITS) - 1) << (31 - INTEGER_BITS)) >> shift;
    Some((multiplier, shift as i32, farthest as i32))
}

/// exp(−d × `real`) for d = 0, 1, …, without the zeros at the end; `None` where the reference
/// has no such factor.
pub fn exponentials(real: f64) -> Option<Vec<i32>> {
    // Differences that would leave the integer bits count as minus infinity.
    let (multiplier, shift, farthest) = exponents(real)?;
    let mut table: Vec<i32> = (0..=farthest.min(255))
        .map(|d| {
            let x = castiron_runtime::fixed::requantize(-d, multiplier, shift);
            exp_of_negative(x, INTEGER_BITS)
        })
        .collect();
    while table.last() == Some(&0) {
        table.pop();
    }
    Some(table)
}
