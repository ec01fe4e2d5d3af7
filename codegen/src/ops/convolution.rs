//! What CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED share: packed weights and the choice of
//! kernel by element type.

use std::ops::Range;

use castiron_runtime::host::HostKernel;
use castiron_runtime::kernels::{Float, Int8, Window};

use super::Site;
use super::conv_int8::{self, Constants, ScalePrecision, WeightSum};
use crate::error::Diagnostic;
use crate::graph::{Activation, DType};
use crate::program::Choosing;

/// A convolution-like operator, with input, weights and bias at 0, 1 and 2.
pub(super) struct Convolution<I> {
    pub(super) activation: Activation,
    pub(super) precision: ScalePrecision,
    /// The output channels in the order in which the kernel wants their weights.
    pub(super) blocks: Vec<Range<usize>>,
    /// Channels of a whole block; smaller ones are filled up with zeros.
    pub(super) width: usize,
    /// Where the file has weight *i* of a channel: `index(channel, i)`.
    pub(super) index: I,
    /// Whether the kernel needs a plain bias.
    pub(super) border: Border,
}

/// What windows do at the border of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Border {
    /// There are no windows: a matrix product.
    NoWindow,
    /// No window crosses it.
    Inside,
    /// Some cross it.
    Crossed,
}

impl Border {
    pub(super) fn of(window: &Window) -> Self {
        match window.pads() {
            true => Self::Crossed,
            false => Self::Inside,
        }
    }
}

impl<I: Fn(usize, usize) -> usize> Convolution<I> {
    /// Adds the call of one of two kernels, by the operator's element types.
    pub(super) fn call<A: HostKernel + 'static, B: HostKernel + 'static>(
        &self,
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
        int8: impl FnOnce(Int8) -> A,
        float32: impl FnOnce(Float) -> B,
    ) -> Result<(), Diagnostic> {
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let (x, y) = (choosing.activation(x_id)?, choosing.activation(y_id)?);
        let types = (
            site.input(0)?.dtype,
            site.input(1)?.dtype,
            site.output(0)?.dtype,
        );
        match types {
            (DType::Float32, DType::Float32, DType::Float32) => {
                let weights = site.constant_f32(1, "weights")?;
                let float = site.float_range(self.activation)?;
                let bias = match site.optional_input(2) {
                    Some(_) => {
                        let bias = site.constant_f32(2, "the bias")?;
                        expect_biases(site, bias.len(), self.channels())?;
                        bias
                    }
                    None => Vec::new(),
                };
                let weights = choosing.constant(&self.packed(&weights));
                let bias = choosing.constant(&bias);
                choosing.call(float32(float), [x, weights, bias, y]);
            }
            (DType::Int8, DType::Int8 | DType::Int4, DType::Int8) => {
                let weights = conv_int8::symmetric(site, site.constant_i8(1, "weights")?)?;
                let sums = WeightSum::of_channels(&weights, self.channels(), &self.index);
                let constants = Constants::new(site, self.activation, &sums, self.precision)?;
                let mut operands = vec![
                    x,
                    choosing.constant(&self.packed(&weights)),
                    choosing.constant(&constants.folded),
                ];
                match self.border {
                    Border::NoWindow => {}
                    Border::Inside => operands.push(choosing.constant::<i32>(&[])),
                    Border::Crossed => operands.push(choosing.constant(&constants.bias)),
                }
                operands.push(choosing.constant(&constants.multiplier));
                operands.push(choosing.constant(&constants.shift));
                operands.push(y);
                choosing.call(int8(constants.int8), operands);
            }
            _ => {
                return Err(site.unsupported_types("float32, or int8 with int8 or int4 weights"));
            }
        }
        Ok(())
    }

    /// Output channels.
    fn channels(&self) -> usize {
        self.blocks.iter().map(|b| b.len()).sum()
    }

    /// Weights in the order of channel blocks, the channel innermost.
    fn packed<T: Copy + Default>(&self, weights: &[T]) -> Vec<T> {
        let per_channel = weights.len() / self.channels().max(1);
        let mut packed = Vec::with_capacity(weights.len());
        for block in &self.blocks {
            for i in 0..per_channel {
                packed.extend(block.clone().map(|c| weights[(self.index)(c, i)]));
                packed.extend((block.len()..self.width).map(|_| T::default()));
            }
        }
        packed
    }
}

/// Checks that the bias has one value per output channel.
pub(super) fn expect_biases(
    site: &Site<'_>,
    biases: usize,
    channels: usize,
) -> Result<(), Diagnostic> {
    if biases == channels {
        return Ok(());
    }
    Err(site
        .tensor_error(
            site.input_id(2)?,
            "the bias has not one value per output channel",
        )
        .expected(channels)
        .found(biases))
}
