//! Working memory that CMSIS-NN's functions ask for.
//!
//! It depends on the vector instructions they are compiled for. These are the sizes with GCC and
//! Clang; compiled with Arm's own compiler, some functions ask for others.

use super::Simd;
use super::site::product;

/// A convolution as CMSIS-NN sees it. Pairs are (height, width).
#[derive(Debug, Clone, Copy)]
pub struct Conv {
    pub stride: (usize, usize),
    pub dilation: (usize, usize),
    pub padding: (usize, usize),
    /// Batch, height, width, channels.
    pub input: [usize; 4],
    /// Height and width.
    pub filter: (usize, usize),
    /// Channels that one output sees: fewer than the input's with groups.
    pub filter_channels: usize,
    /// Batch, height, width, channels.
    pub output: [usize; 4],
}

/// From how many output channels on a depthwise convolution of one channel runs as a plain one.
const ONE_CHANNEL_AS_CONV: usize = 1;
/// Channels that a depthwise convolution for MVE takes at a time.
const DEPTHWISE_BLOCK: usize = 124;
/// From how many channels on a transposed convolution turns into a plain one.
const REVERSED_ABOVE: usize = 16;

impl Conv {
    fn is_pointwise(&self) -> bool {
        self.padding == (0, 0)
            && self.filter == (1, 1)
            && self.dilation == (1, 1)
            && self.input[3] == self.filter_channels
    }

    /// Inputs of one output.
    fn column(&self) -> usize {
        product([self.filter.0, self.filter.1, self.input[3]])
    }

    /// `CONV_2D` of int8.
    pub fn int8(&self, simd: Simd) -> usize {
        if self.is_pointwise() {
            return 0;
        }
        if simd == Simd::Mve && self.is_row() {
            return self.row();
        }
        im2col(simd, self.column())
    }

    /// `CONV_2D` of int16 with int8 weights.
    pub fn int16(&self, simd: Simd) -> usize {
        let column = self.column();
        match simd {
            Simd::Mve => 4 * column.next_multiple_of(8) * 2,
            Simd::None | Simd::Dsp => 2 * column * 2,
        }
    }

    /// Whether it is a convolution along rows that the MVE kernel takes apart by padding.
    fn is_row(&self) -> bool {
        self.input[1] == 1
            && self.filter.0 == 1
            && self.dilation.1 == 1
            && (self.stride.1 * self.input[3]).is_multiple_of(4)
            && self.input[3] == self.filter_channels
    }

    fn row(&self) -> usize {
        // Signed, as windows that leave columns of the input over count as negative padding.
        let signed = |n: usize| i64::try_from(n).unwrap_or(i64::MAX / 8);
        let (output, kernel) = (signed(self.output[2]), signed(self.filter.1));
        let (stride, padding) = (signed(self.stride.1), signed(self.padding.1));
        let uneven = ((output - 1) * stride + kernel - signed(self.input[2])) % 2;
        let columns = |padding: i64| match padding {
            0 => 0,
            _ => ((padding + stride - 1) / stride).max(1),
        };
        let (left, right) = (columns(padding), columns(padding + uneven));
        if left + right > output {
            return im2col(Simd::Mve, product([self.filter.1, self.input[3]]));
        }
        let beyond = if uneven == 0 { padding } else { right };
        let columns = (kernel + padding).max(kernel - 1 + beyond);
        product([usize::try_from(columns).unwrap_or(0), self.input[3]])
    }

    /// `DEPTHWISE_CONV_2D` of int8, with weights of int8 or, where `packed`, of int4.
    pub fn depthwise(&self, simd: Simd, packed: bool) -> usize {
        let (channels, filters) = (self.input[3], self.output[3]);
        let area = product([self.filter.0, self.filter.1]);
        if simd == Simd::Mve && !packed && channels == 1 && filters > ONE_CHANNEL_AS_CONV {
            return self.int8(Simd::Mve) + product([filters, area]);
        }
        if channels != filters || self.input[0] != 1 || self.dilation != (1, 1) {
            return 0;
        }
        let small = self.filter == (3, 3) && self.padding.0 <= 1 && self.padding.1 <= 1;
        match (simd, packed) {
            (Simd::Mve, _) => product([4, DEPTHWISE_BLOCK, area]),
            (_, false) if small => 0,
            (Simd::None, false) => 0,
            (Simd::Dsp, _) | (Simd::None, true) => product([2, channels, area]),
        }
    }

    /// `TRANSPOSE_CONV` of int8: a working buffer and the reversed filter.
    pub fn transposed(&self, simd: Simd) -> [usize; 2] {
        let (channels, filters) = (self.input[3], self.output[3]);
        let (height, width) = self.filter;
        if self.stride.0 <= 2 && self.stride.1 <= 2 && channels > REVERSED_ABOVE {
            let filter = self.column();
            return [im2col(simd, filter), product([filter, filters])];
        }
        // The row's width is widened by the vertical stride: so it stands in CMSIS-NN.
        let row = product([self.input[2].max(1) - 1, self.stride.1]) + width.max(self.stride.0);
        [product([4, row, filters, height.max(self.stride.0)]), 0]
    }
}

/// Columns of int8 inputs for a matrix product.
fn im2col(simd: Simd, column: usize) -> usize {
    match simd {
        Simd::Mve => 4 * column.next_multiple_of(16),
        Simd::None | Simd::Dsp => 2 * column.next_multiple_of(4) * 2,
    }
}

/// `AVERAGE_POOL_2D` of int8 and int16.
pub(super) fn average_pool(simd: Simd, channels: usize) -> usize {
    match simd {
        Simd::Dsp => 4 * channels,
        Simd::None | Simd::Mve => 0,
    }
}

/// Sums of weights that matrix products of int8 keep, one for each row.
pub(super) fn kernel_sums(simd: Simd, rows: usize) -> usize {
    match simd {
        Simd::Mve => 4 * rows,
        Simd::None | Simd::Dsp => 0,
    }
}
