//! int16 by int8: sums of 64 bits, or of 32 where the bias has so many.

use castiron_runtime::kernels::Int16x8;

use super::weighted::{Foreseen, Sums};
use super::{Format, Product};
use crate::error::Diagnostic;
use crate::graph::{DType, Options, TensorId};
use crate::ops::Site;
use crate::program::{Argument, Choosing};

/// The schema's code of int32, as type of the sums of an operator without a bias.
const INT32: i8 = 2;
/// The greatest shift to the left of a sum of 64 bits.
const MOST_SHIFT: i8 = 7;

impl Format for Int16x8 {
    const TYPES: &'static str = "int16 with int8 weights";

    fn takes(types: [DType; 3]) -> bool {
        types == [DType::Int16, DType::Int8, DType::Int16]
    }

    fn weights(site: &Site<'_>) -> Result<Vec<i8>, Diagnostic> {
        site.constant_i8(1, "weights")
    }

    fn of(
        product: &Product<'_>,
        _: &[i8],
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
    ) -> Result<(Self, Vec<Argument>), Diagnostic> {
        let Sums {
            min,
            max,
            bias,
            multiplier,
            shift,
            wide,
            ..
        } = sums(product, site)?;
        let constants = vec![
            choosing.constant(&bias),
            choosing.constant(&multiplier),
            choosing.constant(&shift),
        ];
        let narrow = !wide;
        Ok((Self { min, max, narrow }, constants))
    }
}

impl Foreseen for Int16x8 {
    fn sums(product: &Product<'_>, _: &[i8], site: &Site<'_>) -> Result<Sums, Diagnostic> {
        sums(product, site)
    }
}

pub(super) fn sums(product: &Product<'_>, site: &Site<'_>) -> Result<Sums, Diagnostic> {
    let y_id = site.output_id(0)?;
    for id in [site.input_id(0)?, site.input_id(1)?, y_id] {
        symmetric(site, id)?;
    }
    let (min, max) = site.integer_range(product.activation, y_id)?;
    let (bias, narrow) = bias(product, site)?;
    let (multiplier, shift) = product.factors(site)?;
    if !narrow && let Some(most) = shift.iter().find(|shift| **shift > MOST_SHIFT) {
        return Err(site
            .error("the scales of inputs and output are too far apart")
            .expected("input scales of less than 128 times the output's")
            .found(format_args!("about 2^{most} times"))
            .help("quantise the model again; the output's range holds next to nothing"));
    }
    Ok(Sums {
        in_zero_point: 0,
        out_zero_point: 0,
        min,
        max,
        bias,
        multiplier,
        shift,
        wide: !narrow,
    })
}

/// Fails where a tensor has a zero point: some reference kernels leave it out of account, and converters write none.
fn symmetric(site: &Site<'_>, id: TensorId) -> Result<(), Diagnostic> {
    let quantization = site.quantization(id)?;
    if quantization.zero_point.iter().all(|z| *z == 0) {
        return Ok(());
    }
    Err(site
        .tensor_error(id, "with int16 activations, tensors must be symmetric")
        .expected("zero point 0")
        .found(format_args!("{:?}", quantization.zero_point))
        .help("quantise the model again; the converter gives these tensors the zero point 0"))
}

/// The biases, and whether sums have 32 bits.
fn bias(product: &Product<'_>, site: &Site<'_>) -> Result<(Vec<i64>, bool), Diagnostic> {
    let without = match site.options() {
        Options::Conv2d(options) => options.bias_type,
        Options::FullyConnected(options) => options.bias_type,
        _ => 0,
    };
    let Some(tensor) = site.optional_input(2) else {
        return Ok((Vec::new(), without == INT32));
    };
    let (bias, narrow) = match tensor.dtype {
        DType::Int32 => {
            let bias = site.constant_i32(2, "the bias")?;
            (bias.into_iter().map(i64::from).collect(), true)
        }
        // TensorFlow Lite Micro widens it.
        DType::Int16 if matches!(site.options(), Options::TransposeConv(_)) => {
            let (bias, _) = site.constant(2, "the bias")?.as_chunks::<2>();
            let widened = bias.iter().map(|b| i16::from_le_bytes(*b).into());
            (widened.collect(), false)
        }
        _ => (site.constant_i64(2, "the bias")?, false),
    };
    let wide = matches!(
        site.options(),
        Options::DepthwiseConv2d(_) | Options::TransposeConv(_)
    );
    if narrow && wide {
        return Err(site
            .tensor_error(site.input_id(2)?, "the bias of this operator must be int64 where its input is int16")
            .expected(DType::Int64)
            .found(tensor.dtype)
            .help("convert the model again without `_experimental_full_integer_quantization_bias_type`; the reference kernels have no int32 sums here"));
    }
    product.expect_biases(site, bias.len())?;
    Ok((bias, narrow))
}
