//! The formulas.

use crate::graph::Site;
use crate::graph::{Options, Tensor};

/// How the work of an operator follows from its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Bytes are moved, named or chosen, and nothing is computed; also control flow, whose
    /// subgraphs count for themselves.
    Moves,
    /// So many operations for each element of the first output.
    Outputs(u64),
    /// So many operations for each element of the first input.
    Inputs(u64),
    /// One operation for each element but the first of what is added up to an output.
    Addends,
    /// The window's elements for each element of the output.
    Pool,
    /// Filter height × width × input channels for each element of the output.
    Conv2d,
    /// Filter height × width for each element of the output.
    DepthwiseConv2d,
    /// Filter height × width × output channels for each element of the input.
    TransposeConv,
    /// Filter depth × height × width × input channels for each element of the output.
    Conv3d,
    /// Filter depth × height × width × output channels for each element of the input.
    Conv3dTranspose,
    /// The input's depth for each element of the output.
    FullyConnected,
    /// The contracted dimension for each element of the output.
    BatchMatmul,
    /// For each row of the input, both filters' elements.
    Svdf,
    /// For each row of the input, the elements of all weight matrices.
    Recurrent,
    /// Two operations for each element and doubling of the last dimension's transform.
    Fourier,
}

type Terms = Vec<Vec<u64>>;

impl Rule {
    pub(super) fn multiplies(self) -> bool {
        matches!(
            self,
            Self::Conv2d
                | Self::DepthwiseConv2d
                | Self::TransposeConv
                | Self::Conv3d
                | Self::Conv3dTranspose
                | Self::FullyConnected
                | Self::BatchMatmul
                | Self::Svdf
                | Self::Recurrent
        )
    }

    /// The products whose sum is the work; `None` where a tensor is missing.
    pub(super) fn terms(self, site: &Site<'_>) -> Option<Terms> {
        let product = match self {
            Self::Moves => return Some(Vec::new()),
            Self::Outputs(each) => per_element(each, output(site)?),
            Self::Inputs(each) => per_element(each, input(site, 0)?),
            Self::Addends => {
                let others = site.operator.inputs.iter().flatten().count();
                per_element(others.saturating_sub(1) as u64, output(site)?)
            }
            Self::Pool => pool(site)?,
            Self::Conv2d => convolution(site)?,
            Self::DepthwiseConv2d => {
                let [_, height, width, _] = dims(input(site, 1)?)?;
                with_batches(vec![height, width], output(site)?, [])
            }
            Self::TransposeConv => {
                // Input 0 is the output's shape.
                let [out_c, height, width, _] = dims(input(site, 1)?)?;
                with_batches(vec![height, width], input(site, 2)?, [out_c])
            }
            Self::Conv3d => {
                let [depth, height, width, in_c, _] = dims(input(site, 1)?)?;
                with_batches(vec![depth, height, width], output(site)?, [in_c])
            }
            Self::Conv3dTranspose => {
                let [depth, height, width, out_c, _] = dims(input(site, 1)?)?;
                with_batches(vec![depth, height, width], input(site, 2)?, [out_c])
            }
            Self::FullyConnected => {
                let depth = last(input(site, 1)?);
                let (rows, units) = rows(output(site)?);
                vec![depth, rows, units]
            }
            Self::BatchMatmul => {
                let left = &input(site, 0)?.shape;
                let swapped = matches!(site.options(), Options::BatchMatmul(o) if o.adj_x);
                let contracted = *left.iter().rev().nth(usize::from(swapped))?;
                let mut product = vec![contracted as u64];
                product.extend(sizes(output(site)?));
                product
            }
            Self::Svdf => return svdf(site),
            Self::Recurrent => return recurrent(site),
            Self::Fourier => {
                let tensor = input(site, 0)?;
                let doublings = u64::from(last(tensor).max(2).ilog2());
                per_element(2 * doublings, tensor)
            }
        };
        Some(vec![product])
    }
}

fn input<'a>(site: &Site<'a>, position: usize) -> Option<&'a Tensor> {
    site.optional_input(position)
}

fn output<'a>(site: &Site<'a>) -> Option<&'a Tensor> {
    site.output(0).ok()
}

fn sizes(tensor: &Tensor) -> impl Iterator<Item = u64> {
    tensor.shape.iter().map(|d| *d as u64)
}

fn dims<const N: usize>(tensor: &Tensor) -> Option<[u64; N]> {
    sizes(tensor).collect::<Vec<_>>().try_into().ok()
}

fn last(tensor: &Tensor) -> u64 {
    sizes(tensor).last().unwrap_or(1)
}

/// Rows of a tensor, and elements of a row.
fn rows(tensor: &Tensor) -> (u64, u64) {
    let row = last(tensor);
    (
        (tensor.elements() as u64).checked_div(row).unwrap_or(0),
        row,
    )
}

/// One operation for each is left out of the product.
fn per_element(each: u64, tensor: &Tensor) -> Vec<u64> {
    let each = (each != 1).then_some(each);
    each.into_iter().chain([tensor.elements() as u64]).collect()
}

/// Filter sizes × the sizes of an image × channels; batches come last, where there are several.
fn with_batches<const N: usize>(
    mut product: Vec<u64>,
    image: &Tensor,
    channels: [u64; N],
) -> Vec<u64> {
    product.extend(sizes(image).skip(1));
    product.extend(channels);
    product.extend(sizes(image).next().filter(|batches| *batches != 1));
    product
}

fn convolution(site: &Site<'_>) -> Option<Vec<u64>> {
    let [_, height, width, in_c] = dims(input(site, 1)?)?;
    Some(with_batches(vec![height, width], output(site)?, [in_c]))
}

fn pool(site: &Site<'_>) -> Option<Vec<u64>> {
    let Options::Pool2d(options) = site.options() else {
        return Some(per_element(1, input(site, 0)?));
    };
    let window = [options.filter.0 as u64, options.filter.1 as u64];
    Some(with_batches(window.to_vec(), output(site)?, []))
}

/// Filters over the features of this step, then over the results of the steps remembered.
fn svdf(site: &Site<'_>) -> Option<Terms> {
    let (batches, _) = rows(input(site, 0)?);
    let [filters, features] = dims(input(site, 1)?)?;
    let [_, memory] = dims(input(site, 2)?)?;
    Some(vec![
        vec![filters, features, batches],
        vec![filters, memory, batches],
    ])
}

/// Matrices of two dimensions are weights; vectors are biases and peepholes, and states are not
/// constant.
fn recurrent(site: &Site<'_>) -> Option<Terms> {
    let (rows, _) = rows(input(site, 0)?);
    let weights = (1..site.operator.inputs.len()).filter_map(|position| input(site, position));
    let weights = weights.filter(|tensor| tensor.is_constant());
    let matrices = weights.filter_map(dims::<2>);
    Some(matrices.map(|[n, m]| vec![n, m, rows]).collect())
}
