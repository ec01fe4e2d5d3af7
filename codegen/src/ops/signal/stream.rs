//! Delay, framer, stacker and overlap-add: streams with what they keep of earlier runs.

use castiron_runtime::kernels::{Delay, Framer, Overlap, OverlapAddF32, OverlapAddI16, Stacker};

use super::{Site, elements, option, size, types};
use crate::error::Diagnostic;
use crate::graph::{DType, Options, flex};
use crate::program::{Choosing, ElementType};

/// Elements of the last dimension, and how many such rows there are.
fn rows(site: &Site<'_>) -> Result<(usize, usize), Diagnostic> {
    let x = site.input(0)?;
    let row = x.shape.last().copied().unwrap_or(0);
    match x.elements().checked_div(row) {
        Some(rows) if rows > 0 => Ok((row, rows)),
        _ => Err(site
            .tensor_error(site.input_id(0)?, "the input has no samples")
            .expected("rows of samples")
            .found(format_args!("{:?}", x.shape))),
    }
}

pub(super) fn delay(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
    types(site, &[DType::Int16], &[DType::Int16])?;
    let (frame, rows) = rows(site)?;
    let delay = option(site, "delay_length", 0..=1 << 20)? as usize;
    let x = choosing.activation(site.input_id(0)?)?;
    let y = choosing.activation(site.output_id(0)?)?;
    elements(y.len, x.len, "the output", site)?;
    let kept = choosing.kept(site.index, ElementType::I16, rows * delay)?;
    choosing.call(Delay { frame, delay }, [x, kept, y]);
    Ok(())
}

/// The reference leaves frames that it has no samples for as they are; here they are zeros.
pub(super) fn framer(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
    types(site, &[DType::Int16], &[DType::Int16, DType::Bool])?;
    let (row, rows) = rows(site)?;
    let (frame, step) = (size(site, "frame_size")?, size(site, "frame_step")?);
    let prefill = match site.options() {
        Options::Custom(bytes) => flex::number(bytes, "prefill") == Some(1),
        _ => false,
    };
    if !row.is_multiple_of(step) || (prefill && frame < step) {
        return Err(site
            .error("frames do not fit the input")
            .expected(
                "rows of whole steps, and frames that are as long as a step if they are prefilled",
            )
            .found(format_args!(
                "rows of {row}, steps of {step}, frames of {frame}"
            ))
            .help("change frame_size or frame_step"));
    }
    // Without zeros before the first samples, frames come as late as whole steps make them.
    let whole = frame.next_multiple_of(step);
    let (kept, missing) = match prefill {
        true => (frame - step, 0),
        false => (whole - step, whole / step - 1),
    };
    let x = choosing.activation(site.input_id(0)?)?;
    let y = choosing.activation(site.output_id(0)?)?;
    let valid = choosing.activation(site.output_id(1)?)?;
    elements(y.len, x.len / step * frame, "the output", site)?;
    elements(valid.len, 1, "the output's validity", site)?;
    let kernel = Framer {
        row,
        frame,
        step,
        kept,
        missing: missing as u32,
    };
    let kept = choosing.kept(site.index, ElementType::I16, rows * kept)?;
    let count = choosing.kept(site.index, ElementType::U32, 1)?;
    choosing.call(kernel, [x, kept, count, y, valid]);
    Ok(())
}

/// As [`framer`], of outputs that are none.
pub(super) fn stacker(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
    types(site, &[DType::Int16], &[DType::Int16, DType::Bool])?;
    let channels = size(site, "num_channels")?;
    let left = option(site, "stacker_left_context", 0..=1 << 16)?;
    let right = option(site, "stacker_right_context", 0..=1 << 16)?;
    let vectors = left + right + 1;
    let step = option(site, "stacker_step", 1..=vectors.into())?;
    let x = choosing.activation(site.input_id(0)?)?;
    let y = choosing.activation(site.output_id(0)?)?;
    let valid = choosing.activation(site.output_id(1)?)?;
    elements(x.len, channels, "the input", site)?;
    elements(y.len, channels * vectors as usize, "the output", site)?;
    elements(valid.len, 1, "the output's validity", site)?;
    let kernel = Stacker {
        channels,
        left,
        vectors,
        step,
    };
    let kept = choosing.kept(site.index, ElementType::I16, y.len - channels)?;
    let count = choosing.kept(site.index, ElementType::U32, 1)?;
    choosing.call(kernel, [x, kept, count, y, valid]);
    Ok(())
}

pub(super) fn overlap_add(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
    let dtype = site.input(0)?.dtype;
    types(site, &[dtype], &[dtype])?;
    let (frame, all) = rows(site)?;
    let shape = &site.input(0)?.shape;
    let frames = match shape[..] {
        [.., frames, _] if frames > 0 => frames,
        _ => {
            return Err(site
                .tensor_error(site.input_id(0)?, "the input's rank is wrong")
                .expected("at least 2 dimensions: frames, samples")
                .found(format_args!("{shape:?}")));
        }
    };
    let step = option(site, "frame_step", 1..=frame as i64)? as usize;
    let sizes = Overlap {
        frames,
        frame,
        step,
    };
    let x = choosing.activation(site.input_id(0)?)?;
    let y = choosing.activation(site.output_id(0)?)?;
    elements(y.len, all * step, "the output", site)?;
    let kept = choosing.kept(site.index, x.element, all / frames * (frame - step))?;
    match dtype {
        DType::Int16 => choosing.call(OverlapAddI16 { sizes }, [x, kept, y]),
        DType::Float32 => choosing.call(OverlapAddF32 { sizes }, [x, kept, y]),
        _ => return Err(site.unsupported_types("int16 or float32")),
    }
    Ok(())
}
