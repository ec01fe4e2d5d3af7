//! LOG_SOFTMAX along the last axis: float32, int8 and uint8.

use castiron_runtime::kernels::{LogSoftmaxF32, LogSoftmaxI8, LogSoftmaxU8};

use super::softmax::{expect_output, exponentials, exponents};
use super::{Family, Site, quantize, unary};
use crate::error::Diagnostic;
use crate::graph::DType;
use crate::program::Choosing;

pub(super) struct LogSoftmax;

impl Family for LogSoftmax {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        choosing.in_place(1);
        let (x, y) = unary::operands(site, choosing)?;
        let depth = site.input(0)?.shape.last().copied().unwrap_or(1);
        match unary::types(site)? {
            (DType::Float32, DType::Float32) => choosing.call(LogSoftmaxF32 { depth }, [x, y]),
            (DType::Int8, DType::Int8) => {
                expect_output(site, 1.0 / 16.0, 127)?;
                let (scale, _) = site.per_tensor(site.input_id(0)?)?;
                let table = exponents(scale.into()).zip(exponentials(scale.into()));
                let Some(((multiplier, shift, farthest), exp)) = table else {
                    return Err(site
                        .tensor_error(site.input_id(0)?, "the scale is too small")
                        .expected("a scale of more than 2^-26")
                        .found(scale)
                        .help("quantise the model again"));
                };
                let inverse = f64::from(1u32 << (31 - shift)) / f64::from(multiplier);
                let (inverse_multiplier, inverse_shift) = quantize::multiplier(inverse);
                let kernel = LogSoftmaxI8 {
                    depth,
                    multiplier,
                    shift,
                    inverse_multiplier,
                    inverse_shift: inverse_shift.into(),
                    least: -farthest - 1,
                };
                let exp = choosing.constant(&exp);
                choosing.call(kernel, [x, exp, y]);
            }
            (DType::Uint8, DType::Uint8) => {
                expect_output(site, 1.0 / 16.0, 255)?;
                let (scale, _) = site.per_tensor(site.input_id(0)?)?;
                let (out_scale, out_zero_point) = site.per_tensor(site.output_id(0)?)?;
                let exp: Vec<f32> = (0..=u8::MAX)
                    .map(|step| libm::exp(f64::from(-scale * f32::from(step))) as f32)
                    .collect();
                let kernel = LogSoftmaxU8 {
                    depth,
                    scale,
                    out_scale,
                    out_zero_point,
                };
                let exp = choosing.constant(&exp);
                choosing.call(kernel, [x, exp, y]);
            }
            _ => return Err(site.unsupported_types("float32, int8 or uint8, alike in and out")),
        }
        Ok(())
    }
}
