//! CONV_2D with any window; those of one pixel are a
//! [`FullyConnected`](super::FullyConnected) over all pixels.

use core::cell::Cell;
use core::ops::Range;

use super::window::Taps;
use super::{
    Block, Dot, Numbers, Repeat, Runs, Window, Windows, multiply_accumulate, parameters, part,
    split,
};

parameters! {
    /// Sizes of a convolution.
    pub struct Conv2dSizes {
        /// Geometry.
        pub window: Window,
        /// Groups of channels that do not mix; 1 for an ordinary convolution.
        pub groups: usize,
        /// Input channels of one group.
        pub group_in: usize,
        /// Output channels of one group.
        pub group_out: usize,
    }

    /// Convolution.
    pub struct Conv2d<N, D> {
        /// Sizes.
        pub sizes: Conv2dSizes,
        /// The number format.
        pub numbers: N,
        /// The micro-kernel.
        pub dot: D,
    }
}

multiply_accumulate!(Conv2d<N, D>);

impl<N: Numbers, D: Dot<N>> Conv2d<N, D> {
    /// Computes the whole output from an input and packed weights.
    #[inline(always)]
    pub fn compute(
        &self,
        x: &[Cell<N::X>],
        weights: &[D::Packed],
        operands: D::Operands<'_>,
        y: &[Cell<N::Y>],
    ) {
        let w = &self.sizes.window;
        let out_image = w.out_h * w.out_row();
        for batch in 0..w.batches {
            let image = part(x, batch * w.in_image(), w.in_image());
            let y = part(y, batch * out_image, out_image);
            self.image(&operands, image, weights, y);
        }
    }

    /// Computes an image.
    ///
    /// Channel blocks are walked outside of pixels, so that a block's constants load once.
    #[inline(always)]
    fn image(
        &self,
        operands: &D::Operands<'_>,
        image: &[Cell<N::X>],
        mut packed: &[D::Packed],
        y: &[Cell<N::Y>],
    ) {
        let sizes = &self.sizes;
        let w = &sizes.window;
        let inner = &Inner {
            rows: w.inner_rows(),
            columns: w.inner_columns(),
        };
        let (mut channel, mut source) = (0, 0);
        for _ in 0..sizes.groups {
            let end = channel + sizes.group_out;
            while channel < end {
                let (weights, rest) = split(
                    packed,
                    D::packed_len(w.filter_h * w.filter_w * sizes.group_in),
                );
                packed = rest;
                let stored = D::CHANNELS.min(end - channel);
                let channels = D::channels::<true>(&self.numbers, operands, channel);
                let block = Block {
                    weights,
                    channels: &channels,
                    stored,
                };
                let mut y = y.get(channel..).unwrap_or(&[]);
                let mut out_y = 0;
                while out_y < w.out_h {
                    let lines = same(&inner.rows, out_y);
                    self.lines(block, source, image, inner, out_y, lines, y);
                    y = y.get(lines * w.out_row()..).unwrap_or(&[]);
                    out_y += lines;
                }
                channel += stored;
            }
            source += sizes.group_in;
        }
    }

    /// One block of output channels in lines whose windows have the same rows. `source` is the first input channel.
    #[inline(always)]
    fn lines(
        &self,
        block: Block<'_, D::Packed, D::Channels>,
        source: usize,
        image: &[Cell<N::X>],
        inner: &Inner,
        out_y: usize,
        lines: usize,
        mut y: &[Cell<N::Y>],
    ) {
        let w = &self.sizes.window;
        let rows = &w.rows(out_y);
        let mut out_x = 0;
        while out_x < w.out_w {
            let mut windows = self.sizes.windows(source, rows, &w.columns(out_x));
            windows.across.count = same(&inner.columns, out_x);
            windows.down.count = lines;
            windows.inside = inner.rows.contains(&out_y) && inner.columns.contains(&out_x);
            D::windows(&self.numbers, block, &windows, image, y);
            y = y.get(windows.across.count * w.out_c..).unwrap_or(&[]);
            out_x += windows.across.count;
        }
    }
}

/// Where windows have all their taps.
struct Inner {
    rows: Range<usize>,
    columns: Range<usize>,
}

/// How many windows from one on differ in their place only.
#[inline(always)]
fn same(inner: &Range<usize>, from: usize) -> usize {
    if inner.contains(&from) {
        inner.end - from
    } else {
        1
    }
}

impl Conv2dSizes {
    /// Packs weights as the kernel of a micro-kernel wants them: within each group, block by block.
    /// `weight(channel, i)` gives them.
    #[cfg(feature = "host")]
    pub fn pack<N: Numbers, D: Dot<N>>(
        &self,
        weight: &dyn Fn(usize, usize) -> N::W,
    ) -> alloc::vec::Vec<D::Packed> {
        let mut packed = alloc::vec::Vec::new();
        for group in 0..self.groups {
            let end = (group + 1) * self.group_out;
            for first in (group * self.group_out..end).step_by(D::CHANNELS) {
                let channels = first..end.min(first + D::CHANNELS);
                D::pack(channels, self.inputs(), weight, &mut packed);
            }
        }
        packed
    }

    /// Inputs, and so weights, of an output.
    #[cfg(feature = "host")]
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.window.filter_h * self.window.filter_w * self.group_in
    }

    /// Whether every output pixel is computed from the one input pixel at its place, by all
    /// channels.
    #[cfg(feature = "host")]
    #[must_use]
    pub fn is_pointwise(&self) -> bool {
        let w = &self.window;
        let one = w.filter_h * w.filter_w * w.stride_h * w.stride_w == 1;
        one && (w.out_w, w.out_h) == (w.in_w, w.in_h) && self.groups == 1
    }

    /// Whether the taps of a filter row are neighbours in memory, which dilation and groups part.
    #[inline(always)]
    #[must_use]
    pub fn joined(&self) -> bool {
        self.window.dilation_w == 1 && self.groups == 1
    }

    /// One window, across the border or not: its runs are its filter rows, or the taps of its first filter row where
    /// those are not neighbours.
    #[inline(always)]
    fn windows(&self, source: usize, rows: &Taps, columns: &Taps) -> Windows {
        let w = &self.window;
        let filter_row = w.filter_w * self.group_in;
        let input_row = w.dilation_h * w.in_w * w.in_c;
        let (count, first) = (columns.valid.len(), columns.valid.start);
        let mut windows = Windows {
            across: Repeat {
                count: 1,
                x_step: w.stride_w * w.in_c,
                y_step: w.out_c,
            },
            down: Repeat {
                count: 1,
                x_step: w.stride_h * w.in_w * w.in_c,
                y_step: w.out_row(),
            },
            inside: false,
            runs: Runs {
                count: rows.valid.len(),
                len: count * self.group_in,
                x: (rows.start * w.in_w + columns.start) * w.in_c + source,
                x_step: input_row,
                w: rows.valid.start * filter_row + first * self.group_in,
                w_step: filter_row,
            },
            times: 1,
            row_x: input_row,
            row_w: filter_row,
        };
        if !self.joined() {
            let runs = &mut windows.runs;
            windows.times = runs.count;
            runs.count = count;
            runs.len = self.group_in;
            runs.x_step = w.dilation_w * w.in_c;
            runs.w_step = self.group_in;
        }
        windows
    }
}
