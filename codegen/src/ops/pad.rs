//! PAD and PADV2 of any types: a fill of the output, then copies of the input's blocks.

use castiron_runtime::kernels::Fill;

use super::blocks::{Loop, bytes_from, copy};
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::DType;
use crate::program::Choosing;

pub(super) struct Pad;

impl Family for Pad {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let (x, y) = (site.input(0)?, site.output(0)?);
        if x.dtype != y.dtype {
            return Err(site.unsupported_types("one type for input and output"));
        }
        let before = paddings(site)?;
        site.same_quantization(x_id, y_id)?;
        let value = value(site)?;
        let (x_operand, y_operand) = (choosing.tensor(x_id)?, choosing.activation(y_id)?);
        if x.shape != y.shape {
            let mut pattern = [0; 8];
            for (to, from) in pattern.iter_mut().zip(value.iter().cycle()) {
                *to = *from;
            }
            choosing.call(Fill { pattern }, [bytes_from(y_operand, 0)]);
        }
        let (start, loops, block) = blocks(&x.shape, &y.shape, &before);
        if copy(choosing, (x_operand, y_operand, start), &loops, block) {
            return Ok(());
        }
        Err(site
            .error("too many dimensions are padded")
            .expected("up to 5")
            .found(loops.len() + 1))
    }
}

/// Elements before the input, by dimension, checked against the output's shape.
fn paddings(site: &Site<'_>) -> Result<Vec<usize>, Diagnostic> {
    site.constant(1, "the paddings")?;
    let (x, paddings_id) = (site.input(0)?, site.input_id(1)?);
    let values = site
        .input(1)?
        .as_integers()
        .ok_or_else(|| site.unsupported_types("int32 or int64 paddings"))?;
    let (pairs, rest) = values.as_chunks::<2>();
    if pairs.len() != x.shape.len() || !rest.is_empty() {
        return Err(site
            .tensor_error(paddings_id, "the paddings do not fit the input's rank")
            .expected(format_args!("[{}, 2]", x.shape.len()))
            .found(format_args!("{:?}", site.input(1)?.shape)));
    }
    let mut shape = Vec::new();
    let mut before = Vec::new();
    for (size, [head, tail]) in x.shape.iter().zip(pairs) {
        let (Ok(head), Ok(tail)) = (u32::try_from(*head), u32::try_from(*tail)) else {
            return Err(site
                .tensor_error(paddings_id, "paddings must not be negative")
                .found(format_args!("{values:?}")));
        };
        shape.push(size + head as usize + tail as usize);
        before.push(head as usize);
    }
    site.expect_shape(site.output_id(0)?, &shape)?;
    Ok(before)
}

/// The bytes of the value that the output is padded with: PADV2's third input, or zero as the
/// output's quantisation represents it.
fn value(site: &Site<'_>) -> Result<Vec<u8>, Diagnostic> {
    let (y_id, y) = (site.output_id(0)?, site.output(0)?);
    if let Some(id) = site.optional_input_id(2) {
        let value = site.input(2)?;
        if value.dtype != y.dtype {
            return Err(site.unsupported_types("a value of the output's type"));
        }
        if value.elements() != 1 {
            return Err(site
                .tensor_error(id, "the value must be a scalar")
                .found(format_args!("{:?}", value.shape)));
        }
        site.same_quantization(id, y_id)?;
        return site.constant(2, "the value").map(<[u8]>::to_vec);
    }
    let zero = match (y.dtype, &y.quantization) {
        (DType::Int8 | DType::Uint8 | DType::Int16, Some(_)) => site.per_tensor(y_id)?.1,
        _ => 0,
    };
    // A zero point fits its type, and little-endian bytes can be cut.
    let mut bytes = i64::from(zero).to_le_bytes().to_vec();
    bytes.truncate((y.dtype.bits() / 8).clamp(1, 8));
    Ok(bytes)
}

/// Where in the output the input begins, the loops from the outermost, and the block they copy.
///
/// A dimension whose inner neighbours are not padded forms one block with them.
fn blocks(x: &[usize], y: &[usize], before: &[usize]) -> (usize, Vec<Loop>, usize) {
    let mut loops = Vec::new();
    let mut start = 0;
    let (mut block, mut x_step, mut y_step) = (1, 1, 1);
    for ((&x_size, &y_size), &before) in x.iter().zip(y).zip(before).rev() {
        start += before * y_step;
        if x_step == y_step {
            block = x_step * x_size;
        } else {
            loops.push(Loop {
                count: x_size,
                x_step,
                y_step,
            });
        }
        x_step *= x_size;
        y_step *= y_size;
    }
    loops.reverse();
    (start, loops, block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpadded_inner_dimensions_are_one_block() {
        let (start, loops, block) = blocks(&[1, 4, 5, 3], &[1, 6, 7, 3], &[0, 1, 1, 0]);
        assert_eq!(start, 7 * 3 + 3);
        assert_eq!(block, 15);
        let rows = Loop {
            count: 4,
            x_step: 15,
            y_step: 21,
        };
        assert!(loops.contains(&rows));
    }

    #[test]
    fn padding_of_the_outermost_dimension_is_one_block() {
        let (start, loops, block) = blocks(&[3, 4, 2], &[5, 4, 2], &[1, 0, 0]);
        assert_eq!((start, loops, block), (8, vec![], 24));
    }
}
