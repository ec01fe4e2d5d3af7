//! QUANTIZE, DEQUANTIZE and CAST.

use castiron_runtime::Element;
use castiron_runtime::host::{HostKernel, map};
use castiron_runtime::kernels::{self, Function, Requantize};

use super::channels::Channels;
use super::unary::{look_up, operands, tabulate, types};
use super::{Family, Site, quantize};
use crate::error::Diagnostic;
use crate::graph::DType;
use crate::program::{Argument, Choosing};

/// QUANTIZE.
pub(super) struct Quantize;
/// DEQUANTIZE.
pub(super) struct Dequantize;
/// CAST.
pub(super) struct Cast;

impl Family for Quantize {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let operands = overlapping(site, choosing)?;
        let (x_type, y_type) = types(site)?;
        let (scale, zero_point) = site.per_tensor(site.output_id(0)?)?;
        if x_type == DType::Float32 {
            let quantize = kernels::Quantize { scale, zero_point };
            let kernel = match y_type {
                DType::Int8 => map::<f32, i8>(quantize),
                DType::Uint8 => map::<f32, u8>(quantize),
                DType::Int16 => map::<f32, i16>(quantize),
                _ => return Err(unsupported(site)),
            };
            choosing.call(kernel, operands);
            return Ok(());
        }
        let (x_scale, in_zero_point) = site.per_tensor(site.input_id(0)?)?;
        let factor = f64::from(x_scale) / f64::from(scale);
        let (multiplier, shift) = quantize::requantization(site, factor)?;
        let requantize = Requantize {
            in_zero_point,
            multiplier,
            shift: i32::from(shift),
            out_zero_point: zero_point,
        };
        let kernel = match (x_type, y_type) {
            (DType::Int8 | DType::Uint8, DType::Int8 | DType::Uint8) => {
                let [x, y] = operands;
                let table = tabulate(|stored| match (x_type, y_type) {
                    (DType::Int8, DType::Int8) => requantize.of(stored),
                    (DType::Int8, _) => of_unsigned(requantize.of(stored)),
                    (_, DType::Int8) => requantize.of(stored as u8),
                    _ => of_unsigned(requantize.of(stored as u8)),
                });
                look_up(choosing, x, &table, y);
                return Ok(());
            }
            (DType::Int8, DType::Int16) => map::<i8, i16>(requantize),
            (DType::Int8, DType::Int32) => map::<i8, i32>(requantize),
            (DType::Int16, DType::Int8) => map::<i16, i8>(requantize),
            (DType::Int16, DType::Int16) => map::<i16, i16>(requantize),
            (DType::Int16, DType::Int32) => map::<i16, i32>(requantize),
            (DType::Int32, DType::Int8) => map::<i32, i8>(requantize),
            (DType::Int32, DType::Int16) => map::<i32, i16>(requantize),
            _ => return Err(unsupported(site)),
        };
        choosing.call(kernel, operands);
        Ok(())
    }

    fn channels(&self, _: &Site<'_>) -> Option<Channels> {
        Some(Channels::Each(1))
    }
}

/// The operands, of which the output may overlap the input.
fn overlapping(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<[Argument; 2], Diagnostic> {
    let (x, y) = operands(site, choosing)?;
    let bytes = [x.element.bytes(), y.element.bytes()];
    choosing.overlap(kernels::distance_of_elements(x.len, bytes), 1);
    Ok([x, y])
}

/// The byte of an unsigned value.
fn of_unsigned(value: u8) -> i8 {
    value as i8
}

fn unsupported(site: &Site<'_>) -> Diagnostic {
    site.unsupported_types(
        "float32 to int8, uint8 or int16; or between int8 and uint8; or among int8, int16, int32",
    )
}

impl Family for Dequantize {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let supported = "int8, uint8 or int16 to float32; or float16 constants";
        let (x_type, y_type) = types(site)?;
        if y_type != DType::Float32 || x_type == DType::Float16 {
            return Err(site.unsupported_types(supported));
        }
        let operands = overlapping(site, choosing)?;
        let (scale, zero_point) = site.per_tensor(site.input_id(0)?)?;
        let dequantize = kernels::Dequantize { scale, zero_point };
        let kernel = match x_type {
            DType::Int8 => map::<i8, f32>(dequantize),
            DType::Uint8 => map::<u8, f32>(dequantize),
            DType::Int16 => map::<i16, f32>(dequantize),
            _ => return Err(site.unsupported_types(supported)),
        };
        choosing.call(kernel, operands);
        Ok(())
    }
}

impl Family for Cast {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (x_type, y_type) = types(site)?;
        let kernel = match x_type {
            DType::Int8 => cast::<i8>(y_type),
            DType::Uint8 | DType::Bool => cast::<u8>(y_type),
            DType::Int16 => cast::<i16>(y_type),
            DType::Int32 => cast::<i32>(y_type),
            DType::Uint32 => cast::<u32>(y_type),
            DType::Int64 => cast::<i64>(y_type),
            DType::Float32 => cast::<f32>(y_type),
            _ => None,
        };
        let kernel = kernel.ok_or_else(|| {
            site.unsupported_types("float32, int8, uint8, int16, int32, uint32, int64 or bool")
        })?;
        let operands = overlapping(site, choosing)?;
        choosing.call(kernel, operands);
        Ok(())
    }
}

/// CAST from a type.
fn cast<X: Element>(y_type: DType) -> Option<Box<dyn HostKernel>>
where
    kernels::Truth: Function<X, u8>,
    kernels::Cast: Function<X, i8>
        + Function<X, u8>
        + Function<X, i16>
        + Function<X, i32>
        + Function<X, u32>
        + Function<X, i64>
        + Function<X, f32>,
{
    Some(match y_type {
        DType::Int8 => map::<X, i8>(kernels::Cast),
        DType::Uint8 => map::<X, u8>(kernels::Cast),
        DType::Int16 => map::<X, i16>(kernels::Cast),
        DType::Int32 => map::<X, i32>(kernels::Cast),
        DType::Uint32 => map::<X, u32>(kernels::Cast),
        DType::Int64 => map::<X, i64>(kernels::Cast),
        DType::Float32 => map::<X, f32>(kernels::Cast),
        DType::Bool => map::<X, u8>(kernels::Truth),
        _ => return None,
    })
}
