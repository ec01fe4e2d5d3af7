//! Matrix products.

use super::site::is_int8_or_int16;
use super::{Look, Requests, bytes, dim};
use crate::error::Diagnostic;
use crate::graph::{BatchMatmulOptions, DType, Options, Tensor};
use crate::tflm::arena::cmsis;

/// `FULLY_CONNECTED`.
pub(super) fn fully_connected(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    let site = r.site;
    let (input, filter, output) = (site.input(0)?, site.input(1)?, site.output(0)?);
    let scales = filter.quantization.as_ref().map_or(0, |q| q.scale.len());
    let per_channel = scales > 1;
    r.look(&[
        Look::Input(0),
        Look::Input(1),
        Look::Input(2),
        Look::Output(0),
    ]);
    if input.dtype != DType::Float32 && per_channel {
        r.keep(4 * scales);
        r.keep(4 * scales);
    }
    if r.is_reference() {
        if filter.dtype == DType::Int4 {
            r.scratch(filter.elements());
        }
        return Ok(());
    }
    if input.dtype != DType::Int8 || filter.dtype == DType::Int4 {
        return Ok(());
    }
    let rank = output.shape.len();
    let depth = dim(filter, filter.shape.len().saturating_sub(1))?;
    let rows = dim(output, rank.saturating_sub(1))?;
    if rank > 2 && depth.is_multiple_of(4) {
        // It runs as a pointwise convolution, which wants a multiplier for each channel.
        if !per_channel {
            r.scratch(8 * rows);
        }
        return Ok(());
    }
    let sums = cmsis::kernel_sums(r.simd, rows);
    let bias = site.optional_input_id(2).map(|id| site.graph.tensor(id));
    if sums > 0 && filter.is_constant() && bias.is_none_or(Tensor::is_constant) {
        r.keep(sums);
    } else {
        r.scratch_if_any(sums);
    }
    Ok(())
}

/// `BATCH_MATMUL`.
pub(super) fn batch_matmul(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    let site = r.site;
    let (left, right, output) = (site.input(0)?, site.input(1)?, site.output(0)?);
    let options = match site.options() {
        Options::BatchMatmul(options) => *options,
        _ => BatchMatmulOptions::default(),
    };
    r.look(&[Look::Input(0), Look::Input(1), Look::Output(0)]);
    if is_int8_or_int16(left) {
        r.keep(r.table.late.batch_matmul_quantization);
    }
    if options.adj_x {
        keep_transposed(r, left)?;
    }
    // Rows of the right operand are read as columns, so this is the usual case.
    if !options.adj_y {
        keep_transposed(r, right)?;
    }
    r.keep_dims(output.shape.len());
    if !r.is_reference() && left.dtype == DType::Int8 {
        let columns = dim(output, output.shape.len().saturating_sub(1))?;
        r.scratch_if_any(cmsis::kernel_sums(r.simd, columns));
    }
    Ok(())
}

/// A tensor of its own: the struct, its sizes, and its value.
fn keep_transposed(r: &mut Requests<'_>, tensor: &Tensor) -> Result<(), Diagnostic> {
    let value = bytes(tensor).ok_or_else(|| r.site.unfit("float32, int8 or int16"))?;
    r.keep(r.table.core.eval_tensor);
    r.keep_dims(tensor.shape.len());
    r.keep(value);
    Ok(())
}
