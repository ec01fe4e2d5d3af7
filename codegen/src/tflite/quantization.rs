//! Scales and zero points.

use super::schema::QuantizationParameters;
use crate::error::Diagnostic;
use crate::graph::{Blocks, DType, Quantization, Tensor, TensorId};

/// Tags of the union of schemes beyond scale and zero point.
const BLOCKWISE: u8 = 2;
const MULTI_AXIS: u8 = 3;

/// Reads a tensor's quantisation; `None` for a tensor that has none.
pub(super) fn read(
    raw: Option<QuantizationParameters<'_>>,
    tensor: &Tensor,
) -> Result<Option<Quantization>, Diagnostic> {
    let Some(raw) = raw else { return Ok(None) };
    match raw.details_type() {
        BLOCKWISE => return Ok(None),
        MULTI_AXIS => {
            return Err(
                Diagnostic::new("the tensor's quantisation scheme is not supported")
                    .expected("one scale per tensor, per channel or per block")
                    .found("multi-axis")
                    .help("quantise the model per channel"),
            );
        }
        _ => {}
    }
    let scales = raw.scale();
    let zero_points = raw.zero_point();
    let quantized = tensor.dtype.integer_range().is_some();
    if scales.is_empty() && (zero_points.is_empty() || !quantized) {
        // Only ranges seen in training, which are of no use after conversion.
        return Ok(None);
    }
    normalise(
        scales.to_vec(),
        &zero_points.to_vec(),
        raw.quantized_dimension(),
        tensor,
    )
    .map(Some)
}

/// Reads the blocks of a tensor that is quantised in blocks, of a subgraph of so many tensors.
pub(super) fn blocks(
    raw: Option<QuantizationParameters<'_>>,
    tensors: usize,
) -> Result<Option<Blocks>, Diagnostic> {
    let Some(raw) = raw.filter(|raw| raw.details_type() == BLOCKWISE) else {
        return Ok(None);
    };
    let (scales, size) = raw
        .details()
        .map_or((-1, 0), |details| (details.scales(), details.block_size()));
    match (u32::try_from(scales), usize::try_from(size)) {
        (Ok(id), Ok(size)) if (id as usize) < tensors && size > 0 => Ok(Some(Blocks {
            scales: TensorId(id),
            size,
        })),
        _ => Err(blocks_misfit(
            format_args!("a tensor of scales below {tensors}, and blocks of 1 element or more"),
            format_args!("tensor {scales}, and blocks of {size}"),
        )),
    }
}

/// Checks the blocks of a tensor against the scales, once all tensors have been read.
pub(super) fn check_blocks(tensor: &Tensor, tensors: &[Tensor]) -> Option<Diagnostic> {
    let blocks = tensor.blocks?;
    let scales = tensors.get(blocks.scales.index())?;
    let last = tensor.shape.last().copied().unwrap_or(1);
    if !last.is_multiple_of(blocks.size) {
        return Some(blocks_misfit(
            format_args!("blocks that divide the last of {:?}", tensor.shape),
            blocks.size,
        ));
    }
    let count = tensor.elements() / blocks.size;
    let is_right =
        scales.is_constant() && scales.dtype == DType::Float16 && scales.elements() == count;
    (!is_right).then(|| {
        blocks_misfit(
            format_args!("{count} constant scales of FLOAT16"),
            format_args!("{:?} of {}", scales.shape, scales.dtype),
        )
    })
}

fn blocks_misfit(expected: impl std::fmt::Display, found: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::new("the tensor's blocks have no right scales")
        .expected(expected)
        .found(found)
        .help("the file is damaged, or was quantised otherwise; quantise the model per channel")
}

pub fn normalise(
    scale: Vec<f32>,
    zero_points: &[i64],
    dimension: i32,
    tensor: &Tensor,
) -> Result<Quantization, Diagnostic> {
    const AGAIN: &str = "the file is damaged or was edited; quantise the model again";
    if scale.is_empty() {
        return Err(Diagnostic::new("the tensor has a zero point but no scale")
            .expected("as many scales as zero points")
            .found(format_args!(
                "no scale for {} zero point(s)",
                zero_points.len()
            ))
            .help(AGAIN));
    }
    // A channel of nothing but zeros gets scale 0 from some converters, and computes to zero.
    let per_channel = scale.len() > 1;
    let right = |s: f32| s.is_finite() && (s > 0.0 || (per_channel && s == 0.0));
    if let Some((channel, bad)) = scale.iter().enumerate().find(|(_, s)| !right(**s)) {
        let at = if per_channel {
            format!(" in channel {channel}")
        } else {
            String::new()
        };
        return Err(Diagnostic::new("the scale is not a positive number")
            .expected("a finite scale above 0")
            .found(format_args!("{bad}{at}"))
            .help("calibrate the model with data that covers this tensor's range"));
    }
    let (low, high) = tensor
        .dtype
        .integer_range()
        .unwrap_or((i64::from(i32::MIN), i64::from(i32::MAX)));
    let zero_point = match zero_points {
        // TensorFlow Lite refuses the file, and TFLM takes the tensor for one without quantisation.
        [] if tensor.dtype.integer_range().is_some() => {
            return Err(Diagnostic::new("the tensor has a scale but no zero point")
                .expected("as many zero points as scales")
                .found("none")
                .help(AGAIN));
        }
        [] => vec![0],
        points => points
            .iter()
            .map(|point| {
                i32::try_from(*point)
                    .ok()
                    .filter(|_| (low..=high).contains(point))
                    .ok_or_else(|| {
                        Diagnostic::new("the zero point is outside the type's range")
                            .expected(format_args!("{low} to {high} for {}", tensor.dtype))
                            .found(point)
                            .help(AGAIN)
                    })
            })
            .collect::<Result<Vec<i32>, _>>()?,
    };
    let zero_point = match &zero_point[..] {
        [one] => vec![*one; scale.len()],
        points if points.len() == scale.len() => zero_point,
        points => {
            return Err(Diagnostic::new("scales and zero points differ in number")
                .expected(format_args!("{} zero points, or one", scale.len()))
                .found(points.len())
                .help(AGAIN));
        }
    };
    let dimension = if per_channel {
        channel_dimension(scale.len(), dimension, tensor)?
    } else {
        0
    };
    Ok(Quantization {
        scale,
        zero_point,
        dimension,
    })
}

/// The dimension that the scales run along.
fn channel_dimension(scales: usize, dimension: i32, tensor: &Tensor) -> Result<usize, Diagnostic> {
    // Early converters gave biases the weights' dimension. A bias only has one to choose from.
    let dimension = match &tensor.shape[..] {
        [_] => Some(0),
        shape => usize::try_from(dimension).ok().filter(|d| *d < shape.len()),
    };
    let Some(dimension) = dimension else {
        return Err(Diagnostic::new("the quantised dimension is out of range")
            .expected(format_args!("a dimension of shape {:?}", tensor.shape))
            .found("one beyond")
            .help("the file is damaged or was edited; quantise the model again"));
    };
    if tensor.shape.get(dimension) == Some(&scales) {
        return Ok(dimension);
    }
    Err(
        Diagnostic::new("the number of scales does not match the shape")
            .expected(format_args!(
                "one scale, or one for each channel along dimension {dimension} of shape {:?}",
                tensor.shape
            ))
            .found(format_args!("{scales} scales"))
            .help("the file is damaged or was edited; quantise the model again"),
    )
}
