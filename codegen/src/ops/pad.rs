//! PAD and PADV2 of any types: the value in all of the output, then a copy of the input.

use castiron_runtime::kernels::{Fill, LOOPS};

use super::channels::Channels;
use super::walk::{Copy, Walk};
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::{DType, Tensor, TensorId};
use crate::program::{Argument, Choosing};

pub(super) struct Pad;

impl Family for Pad {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let (x, y) = (site.input(0)?, site.output(0)?);
        if x.dtype != y.dtype {
            return Err(site.unsupported_types("one type for input and output"));
        }
        let before = paddings(site)?;
        let value = value(site)?;
        let (x_operand, y_operand) = (choosing.tensor(x_id)?, choosing.activation(y_id)?);
        if x.shape != y.shape {
            match value {
                Value::Known(value) => {
                    let pattern = pattern(&value);
                    choosing.call(Fill { pattern }, [y_operand.as_bytes()]);
                }
                Value::Computed(id) => everywhere(choosing, id, y_operand)?,
            }
        }
        let mut inside = Walk::of(&y.shape);
        for (axis, before) in before.into_iter().enumerate() {
            inside = inside.part(axis, before, x.shape[axis], 1);
        }
        match Copy::new(&Walk::of(&x.shape), &inside) {
            Some(copy) if copy.choose(choosing, x_operand, y_operand) => Ok(()),
            _ => Err(site
                .error("too many dimensions are padded")
                .expected(format_args!("up to {LOOPS}"))
                .found(format_args!("{:?} of {:?}", y.shape, x.shape))),
        }
    }

    fn channels(&self, site: &Site<'_>) -> Option<Channels> {
        let Value::Known(_) = value(site).ok()? else {
            return None;
        };
        let pads_channels = paddings(site).ok()?.last() != Some(&0);
        let of = |tensor: &Tensor| tensor.shape.last().copied();
        let are_as_many = of(site.input(0).ok()?) == of(site.output(0).ok()?);
        (are_as_many && !pads_channels).then_some(Channels::Each(1))
    }
}

/// A value's bytes, repeated to eight.
pub(super) fn pattern(value: &[u8]) -> [u8; 8] {
    let mut pattern = [0; 8];
    for (to, from) in pattern.iter_mut().zip(value.iter().cycle()) {
        *to = *from;
    }
    pattern
}

/// Elements before the input, by dimension, checked against the output's shape.
fn paddings(site: &Site<'_>) -> Result<Vec<usize>, Diagnostic> {
    let values = site.integers(1, "the paddings")?;
    let (x, paddings_id) = (site.input(0)?, site.input_id(1)?);
    let (pairs, rest) = values.as_chunks::<2>();
    if pairs.len() != x.shape.len() || !rest.is_empty() {
        return Err(site
            .tensor_error(
                paddings_id,
                "the number of paddings does not match the input's rank",
            )
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

/// What the output is padded with.
enum Value {
    /// The bytes of a constant.
    Known(Vec<u8>),
    /// A scalar that is computed at run time.
    Computed(TensorId),
}

/// Puts a scalar that is computed at run time into all of an output.
pub(super) fn everywhere(
    choosing: &mut Choosing<'_>,
    value: TensorId,
    y: Argument,
) -> Result<(), Diagnostic> {
    let value = choosing.activation(value)?;
    let repeated = Walk::of(&[]).repeated(0, y.len);
    let copy = Copy::new(&repeated, &Walk::of(&[y.len]));
    match copy.is_some_and(|copy| copy.choose(choosing, value, y)) {
        true => Ok(()),
        false => Err(Diagnostic::fault("a scalar takes more than one loop")),
    }
}

/// PADV2's third input, or zero as the output's quantisation represents it.
fn value(site: &Site<'_>) -> Result<Value, Diagnostic> {
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
        return Ok(match &value.data {
            Some(bytes) => Value::Known(bytes.to_vec()),
            None => Value::Computed(id),
        });
    }
    zero(site, y_id).map(Value::Known)
}

/// The bytes of zero as a tensor's quantisation represents it.
pub(super) fn zero(site: &Site<'_>, id: TensorId) -> Result<Vec<u8>, Diagnostic> {
    let tensor = site.graph.tensor(id);
    let zero = match (tensor.dtype, &tensor.quantization) {
        (DType::Int8 | DType::Uint8 | DType::Int16, Some(_)) => site.per_tensor(id)?.1,
        _ => 0,
    };
    // A zero point fits its type, and little-endian bytes can be cut.
    let mut bytes = i64::from(zero).to_le_bytes().to_vec();
    bytes.truncate((tensor.dtype.bits() / 8).clamp(1, 8));
    Ok(bytes)
}
