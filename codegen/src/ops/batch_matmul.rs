//! BATCH_MATMUL: float32, int8 and int16. A constant right side of one batch makes it a FULLY_CONNECTED, which may be hybrid.

use castiron_runtime::host::HostKernel;
use castiron_runtime::kernels::{
    BatchMatmulF32, BatchMatmulI8, BatchMatmulI16, BatchMatmulSizes, FullyConnectedSizes,
};

use super::numbers::{Product, ScalePrecision};
use super::{Family, Site, broadcast, quantize};
use crate::error::Diagnostic;
use crate::graph::{Activation, BatchMatmulOptions, DType, Options, Tensor};
use crate::program::Choosing;

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
        // The second operand is computed at run time, whichever is constant.
        let exchanged = site.input(1)?.is_constant();
        let (batches, [first, second], y, order) = match exchanged {
            false => (batches, [left, right], [right.outer, 1], [0, 1]),
            true => {
                let exchanged = batches.map(|dim| castiron_runtime::kernels::OuterDim {
                    first: dim.second,
                    second: dim.first,
                    ..dim
                });
                (exchanged, [right, left], [1, right.outer], [1, 0])
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

/// Whether rows of the left side are multiplied by one constant matrix, of numbers that kernels take as weights.
fn is_plain(site: &Site<'_>, [left, right]: &[Matrix<'_>; 2]) -> Result<bool, Diagnostic> {
    let weights = site.input(1)?;
    let symmetric = match weights.dtype {
        DType::Float32 => true,
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
        _ => return Err(site.unsupported_types("float32, int8 or int16, the same for all tensors, or float32 by one constant int8 matrix",
            )),
    })
}
