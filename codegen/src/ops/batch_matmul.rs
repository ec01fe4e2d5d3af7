//! BATCH_MATMUL: float32, int8 and int16; and float32 by int8, whose left side is quantised at run time. A constant right side of one
//! batch makes it a FULLY_CONNECTED.

use castiron_runtime::host::HostKernel;
use castiron_runtime::kernels::{
    BatchMatmulF32, BatchMatmulHybrid, BatchMatmulI8, BatchMatmulI16, BatchMatmulSizes,
    FullyConnectedSizes, OuterDim,
};

use super::numbers::{Product, ScalePrecision, quantize_rows};
use super::walk::{Copy, Walk};
use super::{Family, Site, broadcast, quantize};
use crate::error::Diagnostic;
use crate::graph::{Activation, BatchMatmulOptions, DType, Options, Tensor};
use crate::program::{Argument, Choosing, ElementType};

pub(super) struct BatchMatmul;

impl Family for BatchMatmul {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let options = match site.options() {
            Options::BatchMatmul(options) => *options,
            _ => BatchMatmulOptions::default(),
        };
        let matrices = [
            Matrix::new(site, 0, options.adj_x)?,
            Matrix::new(site, 1, !options.adj_y)?,
        ];
        let [left, right] = &matrices;
        if left.depth != right.depth {
            return Err(site
                .error("the matrices do not fit each other")
                .expected(format_args!("{} rows on the right", left.depth))
                .found(right.depth));
        }
        let batches = broadcast::outer(
            [left.batches, right.batches],
            [left.outer * left.depth, right.outer * right.depth],
        );
        let Some((batches, mut shape)) = batches else {
            return Err(site
                .error("the batches do not fit each other")
                .expected("sizes that are equal, or 1 in one of the inputs")
                .found(format_args!("{:?} and {:?}", left.batches, right.batches)));
        };
        shape.extend([left.outer, right.outer]);
        site.expect_shape(site.output_id(0)?, &shape)?;
        if is_plain(site, &matrices)? {
            return fully_connected(site, choosing, &matrices);
        }
        if is_hybrid(site)? {
            let asymmetric = options.asymmetric_quantize_inputs;
            return hybrid(site, choosing, batches, &matrices, asymmetric);
        }
        // The second operand is computed at run time, whichever is constant.
        let exchanged = site.input(1)?.is_constant();
        let (batches, [first, second], y, order) = match exchanged {
            false => (batches, [left, right], [right.outer, 1], [0, 1]),
            true => {
                let batches = batches.map(exchange);
                (batches, [right, left], [1, right.outer], [1, 0])
            }
        };
        let sizes = BatchMatmulSizes {
            batches,
            rows: first.outer,
            columns: second.outer,
            depth: left.depth,
            first: first.steps,
            second: second.steps,
            y,
        };
        let kernel = kernel(site, sizes, order)?;
        let operands = [
            choosing.tensor(site.input_id(order[0])?)?,
            choosing.activation(site.input_id(order[1])?)?,
            choosing.activation(site.output_id(0)?)?,
        ];
        choosing.call(kernel, operands);
        Ok(())
    }
}

/// One side of the product.
struct Matrix<'a> {
    batches: &'a [usize],
    /// Rows of the left side, columns of the right one.
    outer: usize,
    /// Products in a sum.
    depth: usize,
    /// Elements from one of `outer` to the next, and from product to product.
    steps: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// An input whose last dimension is `outer`, if `swapped`, or the one before.
    fn new(site: &Site<'a>, position: usize, swapped: bool) -> Result<Self, Diagnostic> {
        let tensor: &'a Tensor = site.graph.tensor(site.input_id(position)?);
        let [batches @ .., height, width] = &tensor.shape[..] else {
            return Err(site
                .tensor_error(site.input_id(position)?, "the input is not a matrix")
                .expected("2 dimensions or more")
                .found(format_args!("{:?}", tensor.shape)));
        };
        let (outer, depth, steps) = match swapped {
            false => (*height, *width, [*width, 1]),
            true => (*width, *height, [1, *width]),
        };
        Ok(Self {
            batches,
            outer,
            depth,
            steps,
        })
    }
}

/// A dimension of batches with the operands in the other order.
fn exchange(dim: OuterDim) -> OuterDim {
    OuterDim {
        first: dim.second,
        second: dim.first,
        ..dim
    }
}

/// Whether the left side is quantised at run time.
fn is_hybrid(site: &Site<'_>) -> Result<bool, Diagnostic> {
    let types = [
        site.input(0)?.dtype,
        site.input(1)?.dtype,
        site.output(0)?.dtype,
    ];
    Ok(types == [DType::Float32, DType::Int8, DType::Float32])
}

/// The right side's scales: one for all, or one for each column.
fn scales<'a>(site: &Site<'a>, right: &Matrix<'_>) -> Result<&'a [f32], Diagnostic> {
    let id = site.input_id(1)?;
    let quantization = site.quantization(id)?;
    if quantization.zero_point.iter().any(|zero| *zero != 0) {
        return Err(site
            .tensor_error(id, "the int8 matrix must be symmetric")
            .expected("zero point 0")
            .found(format_args!("{:?}", quantization.zero_point))
            .help("quantise the model again; the converter gives it the zero point 0"));
    }
    let rank = site.graph.tensor(id).shape.len();
    let columns = if right.steps[1] == 1 {
        rank - 2
    } else {
        rank - 1
    };
    let scales = &quantization.scale;
    if scales.len() != 1 && (scales.len(), quantization.dimension) != (right.outer, columns) {
        return Err(site
            .tensor_error(id, "the int8 matrix's scales are not those of its columns")
            .expected(format_args!("{} along dimension {columns}", right.outer))
            .found(format_args!(
                "{} along dimension {}",
                scales.len(),
                quantization.dimension
            )));
    }
    Ok(scales)
}

/// Adds the product of reals by integers: rows of the left side are quantised by what is in them.
fn hybrid(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    batches: [OuterDim; castiron_runtime::kernels::OUTER_DIMS],
    [left, right]: &[Matrix<'_>; 2],
    asymmetric: bool,
) -> Result<(), Diagnostic> {
    let scales = scales(site, right)?;
    let x = rows_of(site, choosing, left)?;
    let rows = left.batches.iter().product::<usize>() * left.outer;
    let [quantized, row_scales] = quantize_rows(x, rows, asymmetric, choosing);
    let sizes = BatchMatmulSizes {
        batches: batches.map(exchange),
        rows: right.outer,
        columns: left.outer,
        depth: left.depth,
        first: right.steps,
        second: [left.depth, 1],
        y: [1, right.outer],
    };
    let operands = [
        choosing.tensor(site.input_id(1)?)?,
        choosing.constant(scales),
        quantized,
        row_scales,
        choosing.activation(site.output_id(0)?)?,
    ];
    choosing.call(BatchMatmulHybrid { sizes }, operands);
    Ok(())
}

/// The left side with its rows one behind the other.
fn rows_of(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    left: &Matrix<'_>,
) -> Result<Argument, Diagnostic> {
    let id = site.input_id(0)?;
    if left.steps[1] == 1 {
        return choosing.in_memory(id);
    }
    let x = choosing.tensor(id)?;
    let batches = left.batches.iter().product();
    let lines = choosing.scratch(ElementType::F32, x.len);
    let from = Walk::of(&[batches, left.depth, left.outer]).in_order(&[0, 2, 1]);
    let to = Walk::of(&[batches, left.outer, left.depth]);
    let copied = Copy::new(&from, &to).is_some_and(|copy| copy.choose(choosing, x, lines));
    copied
        .then_some(lines)
        .ok_or_else(|| site.error("the left side is too large to be transposed"))
}

/// Whether rows of the left side are multiplied by one constant matrix, of numbers that kernels take as weights.
fn is_plain(site: &Site<'_>, [left, right]: &[Matrix<'_>; 2]) -> Result<bool, Diagnostic> {
    let weights = site.input(1)?;
    let symmetric = match weights.dtype {
        DType::Float32 => true,
        DType::Int8 if is_hybrid(site)? => {
            scales(site, right)?;
            true
        }
        DType::Int8 => site.per_tensor(site.input_id(1)?)?.1 == 0,
        _ => false,
    };
    let one =
        right.batches.iter().all(|size| *size == 1) && right.batches.len() <= left.batches.len();
    Ok(symmetric
        && one
        && left.steps == [left.depth, 1]
        && weights.is_constant()
        && !site.input(0)?.is_constant())
}

fn fully_connected(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    [left, right]: &[Matrix<'_>; 2],
) -> Result<(), Diagnostic> {
    let product = Product {
        activation: Activation::None,
        precision: ScalePrecision::SingleForOneScale,
        channels: right.outer,
        index: &|output, i| output * right.steps[0] + i * right.steps[1],
        pads: false,
    };
    let sizes = FullyConnectedSizes {
        rows: left.batches.iter().product::<usize>() * left.outer,
        inputs: left.depth,
        outputs: right.outer,
    };
    product.choose(&sizes, site, choosing)
}

/// The kernel of the tensors' type, with the inputs in this order.
fn kernel(
    site: &Site<'_>,
    sizes: BatchMatmulSizes,
    order: [usize; 2],
) -> Result<Box<dyn HostKernel>, Diagnostic> {
    let types = [site.input(0)?, site.input(1)?, site.output(0)?].map(|tensor| tensor.dtype);
    let quantized = || {
        let [first, second] = order.map(|position| site.per_tensor(site.input_id(position)?));
        let (first, second, y) = (first?, second?, site.per_tensor(site.output_id(0)?)?);
        // The product is one of single precision in TensorFlow.
        let factor = f64::from(first.0 * second.0) / f64::from(y.0);
        let (multiplier, shift) = quantize::requantization(site, factor)?;
        Ok([first.1, second.1, y.1, multiplier, shift.into()])
    };
    Ok(match types {
        [DType::Float32, DType::Float32, DType::Float32] => Box::new(BatchMatmulF32 { sizes }),
        [DType::Int8, DType::Int8, DType::Int8] => {
            let [
                first_zero_point,
                second_zero_point,
                out_zero_point,
                multiplier,
                shift,
            ] = quantized()?;
            Box::new(BatchMatmulI8 {
                sizes,
                first_zero_point,
                second_zero_point,
                out_zero_point,
                multiplier,
                shift,
            })
        }
        [DType::Int16, DType::Int16, DType::Int16] => {
            let [zero_points @ .., multiplier, shift] = quantized()?;
            if zero_points != [0; 3] || shift > 7 {
                return Err(site
                    .error("the quantisation of int16 matrices is not one that kernels take")
                    .expected("zero points 0, and input scales of less than 128 times the output's")
                    .found(format_args!(
                        "zero points {zero_points:?}, about 2^{shift} times"
                    ))
                    .help("quantise the model again with a current converter"));
            }
            Box::new(BatchMatmulI16 {
                sizes,
                multiplier,
                shift,
            })
        }
        _ => {
            return Err(site.unsupported_types(
                "float32, int8 or int16, the same for all tensors, or float32 by int8 to float32",
            ));
        }
    })
}
