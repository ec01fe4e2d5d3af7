//! QUANTIZE and DEQUANTIZE.

use castiron_runtime::fixed::requantize;
use castiron_runtime::kernels::{
    DequantizeI8, DequantizeI16, DequantizeU8, QuantizeI8, QuantizeI16, QuantizeU8,
    RequantizeI8I16, RequantizeI8I32, RequantizeI16I8, RequantizeI16I16, RequantizeI16I32,
    RequantizeI32I8, RequantizeI32I16,
};

use super::unary::{look_up, operands, tabulate, types};
use super::{Family, Site, quantize};
use crate::error::Diagnostic;
use crate::graph::DType;
use crate::program::Choosing;

/// QUANTIZE.
pub(super) struct Quantize;
/// DEQUANTIZE.
pub(super) struct Dequantize;

impl Family for Quantize {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        choosing.in_place(1);
        let operands: [_; 2] = operands(site, choosing)?.into();
        let (x_type, y_type) = types(site)?;
        let (scale, zero_point) = site.per_tensor(site.output_id(0)?)?;
        if x_type == DType::Float32 {
            match y_type {
                DType::Int8 => choosing.call(QuantizeI8 { scale, zero_point }, operands),
                DType::Uint8 => choosing.call(QuantizeU8 { scale, zero_point }, operands),
                DType::Int16 => choosing.call(QuantizeI16 { scale, zero_point }, operands),
                _ => return Err(unsupported(site)),
            }
            return Ok(());
        }
        let (x_scale, in_zero_point) = site.per_tensor(site.input_id(0)?)?;
        let factor = f64::from(x_scale) / f64::from(scale);
        let (multiplier, shift) = quantize::requantization(site, factor)?;
        let shift = i32::from(shift);
        macro_rules! requantize {
            ($kernel:ident) => {{
                let out_zero_point = zero_point;
                let kernel = $kernel {
                    in_zero_point,
                    multiplier,
                    shift,
                    out_zero_point,
                };
                choosing.call(kernel, operands);
            }};
        }
        match (x_type, y_type) {
            (DType::Int8 | DType::Uint8, DType::Int8 | DType::Uint8) => {
                let [x, y] = operands;
                let table = tabulate(|stored| {
                    let stored = match x_type {
                        DType::Int8 => i32::from(stored),
                        _ => i32::from(stored as u8),
                    };
                    let scaled = requantize(stored - in_zero_point, multiplier, shift);
                    let result = scaled.saturating_add(zero_point);
                    match y_type {
                        DType::Int8 => result.clamp(-128, 127) as i8,
                        _ => result.clamp(0, 255) as u8 as i8,
                    }
                });
                look_up(choosing, x, &table, y);
            }
            (DType::Int8, DType::Int16) => requantize!(RequantizeI8I16),
            (DType::Int8, DType::Int32) => requantize!(RequantizeI8I32),
            (DType::Int16, DType::Int8) => requantize!(RequantizeI16I8),
            (DType::Int16, DType::Int16) => requantize!(RequantizeI16I16),
            (DType::Int16, DType::Int32) => requantize!(RequantizeI16I32),
            (DType::Int32, DType::Int8) => requantize!(RequantizeI32I8),
            (DType::Int32, DType::Int16) => requantize!(RequantizeI32I16),
            _ => return Err(unsupported(site)),
        }
        Ok(())
    }
}

fn unsupported(site: &Site<'_>) -> Diagnostic {
    site.unsupported_types(
        "float32 to int8, uint8 or int16; or between int8 and uint8; or among int8, int16, int32",
    )
}

impl Family for Dequantize {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        choosing.in_place(1);
        let supported = "int8, uint8 or int16 to float32; or float16 constants";
        let (x_type, y_type) = types(site)?;
        if y_type != DType::Float32 || x_type == DType::Float16 {
            return Err(site.unsupported_types(supported));
        }
        let operands: [_; 2] = operands(site, choosing)?.into();
        let (scale, zero_point) = site.per_tensor(site.input_id(0)?)?;
        match x_type {
            DType::Int8 => choosing.call(DequantizeI8 { scale, zero_point }, operands),
            DType::Uint8 => choosing.call(DequantizeU8 { scale, zero_point }, operands),
            DType::Int16 => choosing.call(DequantizeI16 { scale, zero_point }, operands),
            _ => return Err(site.unsupported_types(supported)),
        }
        Ok(())
    }
}
