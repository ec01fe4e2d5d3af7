//! TRANSPOSE_CONV, by what comes together in each output.
//!
//! Outputs that are a stride apart meet the same taps of the filter, so an operator of stride s along an axis is s
//! ordinary convolutions of stride 1, each with every s-th tap of the filter, backwards. Sums are complete at once, and
//! no memory for them is needed.

use core::cell::Cell;

use super::window::{Taps, taps};
use super::{
    Block, Dot, Numbers, Repeat, Runs, Window, Windows, multiply_accumulate, parameters, part,
    split,
};

parameters! {
    /// Sizes of a transposed convolution.
    pub struct TransposeConvSizes {
        /// Geometry: strides and paddings are in the output.
        pub window: Window,
    }

    /// Transposed convolution.
    pub struct TransposeConv<N, D> {
        /// Sizes.
        pub sizes: TransposeConvSizes,
        /// The number format.
        pub numbers: N,
        /// The micro-kernel.
        pub dot: D,
    }
}

multiply_accumulate!(TransposeConv<N, D>);

/// A window by itself.
const ONE: Repeat = Repeat {
    count: 1,
    x_step: 0,
    y_step: 0,
};

/// Along one axis, outputs that are a stride apart.
#[derive(Debug, Clone, Copy)]
struct Phase {
    /// Taps of the filter that they meet.
    taps: usize,
    /// The first output.
    first: usize,
    /// The input that the first output meets with the first tap.
    input: usize,
}

impl Phase {
    /// Outputs that meet the filter's tap `tap` and each a stride after it.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    fn new(tap: usize, filter: usize, stride: usize, pad: isize) -> Self {
        let (mut taps, mut at) = (0, tap);
        while at < filter && stride > 0 {
            taps += 1;
            at += stride;
        }
        let (mut first, mut input) = (tap as isize - pad, 0);
        while first < 0 && stride > 0 {
            first += stride as isize;
            input += 1;
        }
        Self {
            taps,
            first: first as usize,
            input,
        }
    }

    /// The inputs that output number `n` of the phase meets; the taps are backwards.
    #[inline(always)]
    fn taps(&self, n: usize, size: usize) -> Taps {
        let last = (self.input + n) as isize;
        taps(last + 1 - self.taps as isize, self.taps, 1, size)
    }
}

impl<N: Numbers, D: Dot<N>> TransposeConv<N, D> {
    /// Computes the whole output from an input and packed weights.
    #[inline(always)]
    pub fn compute(
        &self,
        x: &[Cell<N::X>],
        mut packed: &[D::Packed],
        operands: D::Operands<'_>,
        y: &[Cell<N::Y>],
    ) {
        let w = &self.sizes.window;
        for row in 0..w.stride_h {
            let rows = Phase::new(row, w.filter_h, w.stride_h, w.pad_top);
            for column in 0..w.stride_w {
                let columns = Phase::new(column, w.filter_w, w.stride_w, w.pad_left);
                let mut channel = 0;
                while channel < w.out_c {
                    let len = D::packed_len(rows.taps * columns.taps * w.in_c);
                    let (weights, rest) = split(packed, len);
                    packed = rest;
                    let channels = D::channels::<true>(&self.numbers, &operands, channel);
                    let block = Block {
                        weights,
                        channels: &channels,
                        stored: D::CHANNELS.min(w.out_c - channel),
                    };
                    self.block(block, &rows, &columns, x, y.get(channel..).unwrap_or(&[]));
                    channel += D::CHANNELS;
                }
            }
        }
    }

    /// One block of output channels, where a phase of rows and one of columns meet.
    #[inline(always)]
    fn block(
        &self,
        block: Block<'_, D::Packed, D::Channels>,
        rows: &Phase,
        columns: &Phase,
        x: &[Cell<N::X>],
        y: &[Cell<N::Y>],
    ) {
        let w = &self.sizes.window;
        let (in_row, filter_row) = (w.in_w * w.in_c, columns.taps * w.in_c);
        for batch in 0..w.batches {
            let image = part(x, batch * w.in_image(), w.in_image());
            let (mut out_y, mut n) = (rows.first, 0);
            while out_y < w.out_h {
                let (down, mut out_x, mut m) = (rows.taps(n, w.in_h), columns.first, 0);
                let line = (batch * w.out_h + out_y) * w.out_row();
                while out_x < w.out_w {
                    let across = columns.taps(m, w.in_w);
                    let windows = Windows {
                        across: ONE,
                        down: ONE,
                        inside: false,
                        runs: Runs {
                            count: down.valid.len(),
                            len: across.valid.len() * w.in_c,
                            x: (down.start * w.in_w + across.start) * w.in_c,
                            x_step: in_row,
                            w: down.valid.start * filter_row + across.valid.start * w.in_c,
                            w_step: filter_row,
                        },
                        times: 1,
                        row_x: 0,
                        row_w: 0,
                    };
                    let to = y.get(line + out_x * w.out_c..).unwrap_or(&[]);
                    D::windows(&self.numbers, block, &windows, image, to);
                    out_x += w.stride_w;
                    m += 1;
                }
                out_y += w.stride_h;
                n += 1;
            }
        }
    }
}

#[cfg(feature = "host")]
impl TransposeConvSizes {
    /// Packs weights as the kernel of a micro-kernel wants them: phase by phase, and within each block by block.
    /// `weight(channel, i)` gives them, in the order of the file.
    pub fn pack<N: Numbers, D: Dot<N>>(
        &self,
        weight: &dyn Fn(usize, usize) -> N::W,
    ) -> alloc::vec::Vec<D::Packed> {
        let w = &self.window;
        let mut packed = alloc::vec::Vec::new();
        for row in 0..w.stride_h {
            let rows = Phase::new(row, w.filter_h, w.stride_h, w.pad_top).taps;
            for column in 0..w.stride_w {
                let columns = Phase::new(column, w.filter_w, w.stride_w, w.pad_left).taps;
                let of_phase = |channel: usize, i: usize| {
                    let (tap, from) = (i / w.in_c, i % w.in_c);
                    let y = row + (rows - 1 - tap / columns) * w.stride_h;
                    let x = column + (columns - 1 - tap % columns) * w.stride_w;
                    weight(channel, (y * w.filter_w + x) * w.in_c + from)
                };
                for first in (0..w.out_c).step_by(D::CHANNELS) {
                    let channels = first..w.out_c.min(first + D::CHANNELS);
                    D::pack(channels, rows * columns * w.in_c, &of_phase, &mut packed);
                }
            }
        }
        packed
    }
}
