//! float32 by int8 in integers: each row of inputs is quantised at run time, by what is in it.
//!
//! The kernel is that of any other format, between one that makes integers of the inputs and one that makes real numbers of
//! the sums. These lie where the output will be.

use castiron_runtime::kernels::{self, Conv2dSizes, FullyConnectedSizes, Hybrid, Window};

use super::{Call, Product, ScalePrecision, Sizes, float, narrow};
use crate::error::Diagnostic;
use crate::graph::{Activation, BuiltinOperator, DType, OpKind, Options};
use crate::ops::Site;
use crate::program::{Argument, Choosing, ElementType};

/// The element types that the format is for, in words.
pub(super) const TYPES: &str = "float32 with int8 or int4 weights";

/// Whether it is for these types of input, weights and output.
pub(super) fn takes(types: [DType; 3]) -> bool {
    use DType::{Float32, Int4, Int8};
    matches!(types, [Float32, Int8 | Int4, Float32])
}

/// Adds the three calls.
pub(super) fn choose(
    product: &Product<'_>,
    sizes: &impl Sizes,
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
) -> Result<(), Diagnostic> {
    let weights = weights(site)?;
    let weight_scales = product.weight_scales(site)?;
    let rows = Rows::of(product, site, &weights, weight_scales)?;
    let range = site.float_range(product.activation)?;
    let bias = float::bias(product, site)?;
    let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
    let (x, y) = (choosing.activation(x_id)?, choosing.activation(y_id)?);

    let [quantized, scales] = quantize_rows(x, rows.count, rows.asymmetric, choosing);
    let sums = Argument {
        element: ElementType::I32,
        ..y
    };
    let dtype = site.input(1)?.dtype;
    sum(product, &weights, [quantized, sums], dtype, sizes, choosing);
    let kernel = kernels::ScaleSums {
        channels: product.channels,
        blocks: 1,
        pixels: (y.len.checked_div(rows.count))
            .and_then(|row| row.checked_div(product.channels))
            .unwrap_or(0),
        apart: rows.apart,
        range,
    };
    let constants = [choosing.constant(weight_scales), choosing.constant(&bias)];
    let [weight_scales, bias] = constants;
    choosing.call(kernel, [sums, scales, weight_scales, bias, y]);
    Ok(())
}

/// Adds the call that makes integers of so many rows of reals; gives these and the rows' scales.
pub(in crate::ops) fn quantize_rows(
    x: Argument,
    rows: usize,
    asymmetric: bool,
    choosing: &mut Choosing<'_>,
) -> [Argument; 2] {
    let quantized = choosing.scratch(ElementType::I16, x.len);
    let scales = choosing.scratch(ElementType::F32, rows);
    let row = x.len.checked_div(rows).unwrap_or(0);
    let operands = [x, quantized, scales];
    match asymmetric {
        true => choosing.call(kernels::QuantizeRowsAsymmetric { row }, operands),
        false => choosing.call(kernels::QuantizeRows { row }, operands),
    }
    [quantized, scales]
}

/// Adds the call that makes sums of quantised inputs.
fn sum(
    product: &Product<'_>,
    weights: &[i8],
    [x, y]: [Argument; 2],
    dtype: DType,
    sizes: &impl Sizes,
    choosing: &mut Choosing<'_>,
) {
    let call = Call {
        numbers: Hybrid,
        weight: &|channel, i| weights[(product.index)(channel, i)],
        x,
        constants: Vec::new(),
        y,
    };
    narrow::call(dtype, call, sizes, choosing);
}

/// The weights, which the references take for symmetric whatever the file says.
fn weights(site: &Site<'_>) -> Result<Vec<i8>, Diagnostic> {
    let w_id = site.input_id(1)?;
    let weights = site.constant_i8(1, "weights")?;
    let quantization = site.quantization(w_id)?;
    if quantization.zero_point.iter().all(|zero| *zero == 0) {
        return Ok(weights);
    }
    Err(site
        .tensor_error(
            w_id,
            "int8 weights must be symmetric where the input is float32",
        )
        .expected("zero point 0")
        .found(format_args!("{:?}", quantization.zero_point))
        .help("quantise the model again; the converter gives such weights the zero point 0"))
}

/// Adds a FULLY_CONNECTED whose weights have a scale for each block of inputs: a convolution whose groups are the blocks,
/// each with sums for all outputs, and what makes real numbers of them all.
pub(in crate::ops) fn choose_in_blocks(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    matrix: FullyConnectedSizes,
    activation: Activation,
) -> Result<(), Diagnostic> {
    let (x_id, w_id, y_id) = (site.input_id(0)?, site.input_id(1)?, site.output_id(0)?);
    let types = [x_id, w_id, y_id].map(|id| site.graph.tensor(id).dtype);
    let blocks = site.graph.tensor(w_id).blocks;
    let scales = blocks.and_then(|blocks| site.graph.tensor(blocks.scales).as_halves());
    let (true, Some(blocks), Some(scales)) = (takes(types), blocks, scales) else {
        return Err(
            site.unsupported_types("float32 with int8 or int4 weights, where those are in blocks")
        );
    };
    let FullyConnectedSizes {
        rows,
        inputs,
        outputs,
    } = matrix;
    let groups = inputs / blocks.size;
    let sizes = Conv2dSizes {
        window: Window {
            batches: 1,
            in_h: 1,
            in_w: rows,
            in_c: inputs,
            out_h: 1,
            out_w: rows,
            out_c: groups * outputs,
            filter_h: 1,
            filter_w: 1,
            stride_h: 1,
            stride_w: 1,
            dilation_h: 1,
            dilation_w: 1,
            pad_top: 0,
            pad_left: 0,
        },
        groups,
        group_in: blocks.size,
        group_out: outputs,
    };
    let product = Product {
        activation,
        precision: ScalePrecision::Double,
        channels: outputs,
        index: &|channel, i| channel % outputs * inputs + channel / outputs * blocks.size + i,
        pads: false,
    };
    let weights = site.constant_i8(1, "weights")?;
    let range = site.float_range(activation)?;
    let bias = float::bias(&product, site)?;
    let (x, y) = (choosing.activation(x_id)?, choosing.activation(y_id)?);
    let [quantized, row_scales] = quantize_rows(x, rows, true, choosing);
    let sums = choosing.scratch(ElementType::I32, rows * groups * outputs);
    sum(
        &product,
        &weights,
        [quantized, sums],
        types[1],
        &sizes,
        choosing,
    );
    let by_block = (0..groups).flat_map(|block| (0..outputs).map(move |o| o * groups + block));
    let by_block: Vec<f32> = by_block.map(|at| scales[at]).collect();
    let kernel = kernels::ScaleSums {
        channels: outputs,
        blocks: groups,
        pixels: 1,
        apart: true,
        range,
    };
    let (scales, bias) = (choosing.constant(&by_block), choosing.constant(&bias));
    choosing.call(kernel, [sums, row_scales, scales, bias, y]);
    Ok(())
}

/// How the reference quantises inputs.
struct Rows {
    /// Rows of inputs with a scale of their own.
    count: usize,
    asymmetric: bool,
    /// See [`kernels::ScaleSums`].
    apart: bool,
}

impl Rows {
    fn of(
        product: &Product<'_>,
        site: &Site<'_>,
        weights: &[i8],
        scales: &[f32],
    ) -> Result<Self, Diagnostic> {
        use BuiltinOperator::{BatchMatmul, Conv2d, DepthwiseConv2d, FullyConnected};
        let (x, w) = (site.input(0)?, site.input(1)?);
        let images = x.shape.first().copied().unwrap_or(0);
        Ok(match site.operator.kind {
            OpKind::Builtin(FullyConnected | BatchMatmul) => {
                let inputs = weights.len().checked_div(product.channels).unwrap_or(0);
                Self {
                    count: x.elements().checked_div(inputs).unwrap_or(0),
                    asymmetric: match site.options() {
                        Options::FullyConnected(o) => o.asymmetric_quantize_inputs,
                        Options::BatchMatmul(o) => o.asymmetric_quantize_inputs,
                        _ => false,
                    },
                    apart: false,
                }
            }
            OpKind::Builtin(Conv2d) => {
                let grouped = x.shape.last() != w.shape.last();
                let per_channel = grouped || scales.iter().any(|scale| *scale != scales[0]);
                Self {
                    count: images,
                    asymmetric: per_channel,
                    apart: per_channel,
                }
            }
            OpKind::Builtin(DepthwiseConv2d) => Self {
                count: images,
                asymmetric: true,
                apart: false,
            },
            _ => return Err(site.unsupported_types("float32, int8, int16 or uint8 throughout")),
        })
    }
}
