//! ADD, SUB and MUL: int8, int32 and float32, of two activations or with a constant on either
//! side, of any shapes that broadcast.

use castiron_runtime::kernels::{
    AddConstantI8, AddI8, Arithmetic, BinaryConstantF32, BinaryConstantI32, BinaryF32, BinaryI32,
    Float, Float32, Int32, MulConstantI8, MulI8, Product, Sum,
};

use super::broadcast::Operands;
use super::{Family, Site, quantize};
use crate::error::Diagnostic;
use crate::graph::scales::sum_fits;
use crate::graph::{Activation, BinaryOptions, DType, Options};
use crate::program::Choosing;

/// ADD, SUB or MUL.
pub(super) struct Binary(pub(super) Arithmetic);

impl Family for Binary {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        choosing.in_place(2);
        let BinaryOptions { activation, .. } = match site.options() {
            Options::Binary(options) => *options,
            _ => BinaryOptions::default(),
        };
        let operands = Operands::new(site)?;
        let broadcast = operands.broadcast;
        let arithmetic = match (self.0, operands.first) {
            (Arithmetic::Sub, 1) => Arithmetic::SubFrom,
            (arithmetic, _) => arithmetic,
        };
        let types = [
            site.input(0)?.dtype,
            site.input(1)?.dtype,
            site.output(0)?.dtype,
        ];
        match types {
            [DType::Float32, DType::Float32, DType::Float32] => {
                let float = site.float_range(activation)?;
                let operation = Float32 { arithmetic, float };
                operands.call(
                    site,
                    choosing,
                    BinaryF32 {
                        operation,
                        broadcast,
                    },
                    BinaryConstantF32 {
                        operation,
                        broadcast,
                    },
                )
            }
            [DType::Int32, DType::Int32, DType::Int32] => {
                let (min, max) = int32_range(site, activation)?;
                let operation = Int32 {
                    arithmetic,
                    min,
                    max,
                };
                operands.call(
                    site,
                    choosing,
                    BinaryI32 {
                        operation,
                        broadcast,
                    },
                    BinaryConstantI32 {
                        operation,
                        broadcast,
                    },
                )
            }
            [DType::Int8, DType::Int8, DType::Int8] if arithmetic == Arithmetic::Mul => {
                let quantized = Quantized::new(site, &operands, activation)?;
                let factor = quantize::requantization(site, quantized.product_factor())?;
                let operation = quantized.product(factor);
                let constant = MulConstantI8 {
                    operation,
                    broadcast,
                };
                operands.call_i8(
                    site,
                    choosing,
                    MulI8 {
                        operation,
                        broadcast,
                    },
                    constant,
                    |x, c, y| constant.run(x, c, y),
                )
            }
            [DType::Int8, DType::Int8, DType::Int8] => {
                let quantized = Quantized::new(site, &operands, activation)?;
                let operation = quantized
                    .sum(arithmetic)
                    .ok_or_else(|| too_fine_an_output(site))?;
                let constant = AddConstantI8 {
                    operation,
                    broadcast,
                };
                operands.call_i8(
                    site,
                    choosing,
                    AddI8 {
                        operation,
                        broadcast,
                    },
                    constant,
                    |x, c, y| constant.run(x, c, y),
                )
            }
            _ => Err(site.unsupported_types("float32, int8 or int32, the same for all tensors")),
        }
    }
}

fn too_fine_an_output(site: &Site<'_>) -> Diagnostic {
    site.error("the output's scale is too small for the inputs'")
        .expected("more than 2^-19 times the larger input scale")
        .help("quantise the model again; the output's range does not hold the inputs'")
}

/// The range of an activation on int32, which has no quantisation.
///
/// TensorFlow Lite Micro leaves it out for ADD; TensorFlow does not.
fn int32_range(site: &Site<'_>, activation: Activation) -> Result<(i32, i32), Diagnostic> {
    let Float { min, max } = site.float_range(activation)?;
    // Saturating casts: the ends of float32's range are those of int32's.
    Ok((min as i32, max as i32))
}

/// Scales and zero points of an int8 operator, in the kernel's order of operands.
struct Quantized {
    first: (f32, i32),
    second: (f32, i32),
    y: (f32, i32),
    min: i32,
    max: i32,
}

impl Quantized {
    fn new(
        site: &Site<'_>,
        operands: &Operands,
        activation: Activation,
    ) -> Result<Self, Diagnostic> {
        let y_id = site.output_id(0)?;
        let (min, max) = site.integer_range(activation, y_id)?;
        Ok(Self {
            first: site.per_tensor(site.input_id(operands.first)?)?,
            second: site.per_tensor(site.input_id(operands.second)?)?,
            y: site.per_tensor(y_id)?,
            min,
            max,
        })
    }

    /// Constants of ADD and SUB; `None` where the output's scale is too small.
    ///
    /// The quotients are of double precision for SUB as for ADD, as in TensorFlow; TensorFlow Lite
    /// Micro divides in single precision for SUB, which shows in a multiplier's last bits.
    fn sum(&self, arithmetic: Arithmetic) -> Option<Sum> {
        if !sum_fits(self.first.0, self.second.0, self.y.0, 20) {
            return None;
        }
        let signs = match arithmetic {
            Arithmetic::Sub => (1, -1),
            Arithmetic::SubFrom => (-1, 1),
            _ => (1, 1),
        };
        let first_is_exact = self.first.0 >= self.second.0;
        let (exact, exact_sign, rounded, rounded_sign) = if first_is_exact {
            (self.first, signs.0, self.second, signs.1)
        } else {
            (self.second, signs.1, self.first, signs.0)
        };
        let twice_larger = 2.0 * f64::from(exact.0);
        let (rounded_multiplier, rounded_shift) =
            quantize::multiplier(f64::from(rounded.0) / twice_larger);
        let (out_multiplier, out_shift) =
            quantize::multiplier(twice_larger / (f64::from(1 << 20) * f64::from(self.y.0)));
        let exact_factor = exact_sign << 19;
        Some(Sum {
            first_is_exact,
            exact_factor,
            exact_offset: -exact_factor * exact.1,
            rounded_zero: rounded.1 << 21,
            rounded_multiplier,
            rounded_shift: rounded_shift.into(),
            rounded_sign,
            out_multiplier,
            out_shift: out_shift.into(),
            out_zero_point: self.y.1,
            min: self.min,
            max: self.max,
        })
    }

    /// What MUL multiplies products of stored values by.
    fn product_factor(&self) -> f64 {
        f64::from(self.first.0) * f64::from(self.second.0) / f64::from(self.y.0)
    }

    /// Constants of MUL.
    fn product(&self, (multiplier, shift): (i32, i8)) -> Product {
        Product {
            first_zero_point: self.first.1,
            second_zero_point: self.second.1,
            multiplier,
            shift: i32::from(shift),
            out_zero_point: self.y.1,
            min: self.min,
            max: self.max,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use castiron_runtime::fixed::requantize;

    use super::*;

    const QUANTISATIONS: [[(f32, i32); 3]; 6] = [
        [(0.05, 3), (0.02, -128), (0.07, 0)],
        [(0.02, -7), (0.05, 127), (0.03, -128)],
        [(0.1, 0), (0.1, 0), (0.1, 0)],
        [(1.0, -128), (1e-6, 127), (0.9, 5)],
        [(0.3, 127), (0.299_999_98, -128), (1e-6, 0)],
        [(0.25, 1), (0.125, 2), (0.001, -100)],
    ];

    /// The whole range of int8, and an activation's.
    const RANGES: [(i32, i32); 2] = [(-128, 127), (-100, 90)];

    fn quantized([first, second, y]: [(f32, i32); 3], (min, max): (i32, i32)) -> Quantized {
        Quantized {
            first,
            second,
            y,
            min,
            max,
        }
    }

    fn cases() -> impl Iterator<Item = ([(f32, i32); 3], (i32, i32))> {
        QUANTISATIONS
            .into_iter()
            .flat_map(|quantisation| RANGES.map(|range| (quantisation, range)))
    }

    /// Runs a kernel on every pair of bytes and compares.
    fn compare(
        (min, max): (i32, i32),
        run: impl Fn(&[Cell<i8>], &[Cell<i8>], &[Cell<i8>]),
        expected: impl Fn(i32, i32) -> i32,
    ) {
        let seconds: Vec<Cell<i8>> = (i8::MIN..=i8::MAX).map(Cell::new).collect();
        for first in i8::MIN..=i8::MAX {
            let firsts = vec![Cell::new(first); 256];
            run(&firsts, &seconds, &firsts);
            for (second, y) in seconds.iter().zip(&firsts) {
                let second = second.get();
                let expected = expected(first.into(), second.into()).clamp(min, max);
                assert_eq!(i32::from(y.get()), expected, "{first}, {second}");
            }
        }
    }

    /// Both sides with 20 bits to spare, relative to twice the larger scale.
    #[test]
    fn sums_follow_the_formula() {
        for (quantisation, range) in cases() {
            for (arithmetic, signs) in [
                (Arithmetic::Add, (1, 1)),
                (Arithmetic::Sub, (1, -1)),
                (Arithmetic::SubFrom, (-1, 1)),
            ] {
                let [first, second, y] = quantisation;
                let twice = 2.0 * f64::from(first.0.max(second.0));
                let side = |(scale, zero_point): (f32, i32), x: i32| {
                    let (multiplier, shift) = quantize::multiplier(f64::from(scale) / twice);
                    requantize((x - zero_point) << 20, multiplier, shift.into())
                };
                let out = quantize::multiplier(twice / (f64::from(1 << 20) * f64::from(y.0)));
                let Some(operation) = quantized(quantisation, range).sum(arithmetic) else {
                    assert!(out.1 > 0);
                    continue;
                };
                let kernel = AddI8 {
                    operation,
                    broadcast: None,
                };
                compare(
                    range,
                    |a, b, y| kernel.run(a, b, y),
                    |a, b| {
                        let sum = signs.0 * side(first, a) + signs.1 * side(second, b);
                        requantize(sum, out.0, out.1.into()) + y.1
                    },
                );
            }
        }
    }

    #[test]
    fn products_follow_the_formula() {
        for (quantisation, range) in cases() {
            let [first, second, y] = quantisation;
            let factor = f64::from(first.0) * f64::from(second.0) / f64::from(y.0);
            let (multiplier, shift) = quantize::multiplier(factor);
            let operation = quantized(quantisation, range).product((multiplier, shift));
            let kernel = MulI8 {
                operation,
                broadcast: None,
            };
            compare(
                range,
                |a, b, y| kernel.run(a, b, y),
                |a, b| requantize((a - first.1) * (b - second.1), multiplier, shift.into()) + y.1,
            );
        }
    }

    /// TensorFlow's shift to the left drops what leaves 32 bits: from there on, greater factors do not
    /// saturate every product.
    #[test]
    fn large_factors_wrap_products() {
        for (y_scale, saturates) in [(1e-5, true), (1e-6, false), (1e-7, false), (5e-10, false)] {
            let quantized = quantized([(0.5, 0), (0.5, 0), (y_scale, 3)], RANGES[0]);
            let (multiplier, shift) = quantize::multiplier(quantized.product_factor());
            let operation = quantized.product((multiplier, shift));
            let kernel = MulI8 {
                operation,
                broadcast: None,
            };
            compare(
                RANGES[0],
                |a, b, y| kernel.run(a, b, y),
                |a, b| {
                    let shifted = (i64::from(a * b) << shift) as i32;
                    let scaled = i64::from(shifted) * i64::from(multiplier);
                    let expected = ((scaled + (1 << 30)) >> 31) as i32;
                    assert!(!saturates || expected.signum() == (a * b).signum());
                    expected + 3
                },
            );
        }
    }
}
