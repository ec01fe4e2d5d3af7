//! CONV_2D and FULLY_CONNECTED (a 1×1 convolution of an image of one row).
//!
//! Weights are packed by [`Conv2d::channel_blocks`]: within each group, blocks of
//! [`CHANNELS`] output channels with the channel innermost, then the remaining channels one by
//! one. The inner loop reads them front to back, and uses each input value for a whole block
//! and each weight for two output columns.

use core::cell::Cell;
use core::ops::Range;

use super::stage::{Float, Int8, Stage};
use super::window::Taps;
use super::{Window, host_kernel, part};

/// Output channels of a block of packed weights.
pub const CHANNELS: usize = 4;

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct Conv2d {
    /// Geometry.
    pub window: Window,
    /// Groups of channels that do not mix; 1 for an ordinary convolution.
    pub groups: usize,
    /// Input channels of one group.
    pub group_in: usize,
    /// Output channels of one group.
    pub group_out: usize,
}

/// Convolution of int8 by int8.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct Conv2dI8 {
    /// Sizes.
    pub conv: Conv2d,
    /// Quantisation of input and output.
    pub int8: Int8,
}

/// Convolution of float32.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct Conv2dF32 {
    /// Sizes.
    pub conv: Conv2d,
    /// Range of the output.
    pub float: Float,
}

host_kernel! {
    Conv2dI8(x, weights, bias, multiplier, shift, y);
    Conv2dF32(x, weights, bias, y);
}

impl Conv2dI8 {
    /// Computes the whole output.
    ///
    /// `bias` has the input's zero point folded in (see [`Int8`]); `multiplier` and `shift` have
    /// one entry per output channel, or one for all.
    pub fn run(
        &self,
        x: &[Cell<i8>],
        weights: &[i8],
        bias: &[i32],
        multiplier: &[i32],
        shift: &[i8],
        y: &[Cell<i8>],
    ) {
        let stage = self.int8.stage(bias, multiplier, shift);
        self.conv.run(&stage, x, weights, y);
    }
}

impl Conv2dF32 {
    /// Computes the whole output; `bias` has one entry per output channel, or none.
    pub fn run(&self, x: &[Cell<f32>], weights: &[f32], bias: &[f32], y: &[Cell<f32>]) {
        self.conv.run(&self.float.stage(bias), x, weights, y);
    }
}

/// What the blocks of one output pixel have in common.
struct Place<'a, X> {
    image: &'a [Cell<X>],
    rows: &'a Taps,
    columns: &'a Taps,
}

impl Conv2d {
    /// The order in which output channels' weights are packed: ranges of one or
    /// [`CHANNELS`] channels.
    #[cfg(feature = "host")]
    pub fn channel_blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let group_out = self.group_out;
        (0..self.groups).flat_map(move |group| {
            let first = group * group_out;
            let blocked = group_out - group_out % CHANNELS;
            (0..blocked)
                .step_by(CHANNELS)
                .map(move |c| first + c..first + c + CHANNELS)
                .chain((blocked..group_out).map(move |c| first + c..first + c + 1))
        })
    }

    #[inline(always)]
    fn run<S: Stage>(&self, stage: &S, x: &[Cell<S::X>], weights: &[S::W], y: &[Cell<S::Y>]) {
        let out_image = self.window.out_h * self.window.out_row();
        for batch in 0..self.window.batches {
            let image = part(x, batch * self.window.in_image(), self.window.in_image());
            let y = part(y, batch * out_image, out_image);
            self.rows(stage, image, weights, y, 0..self.window.out_h);
        }
    }

    /// Computes a range of output rows into `y`, which begins with the first of them.
    #[inline(always)]
    fn rows<S: Stage>(
        &self,
        stage: &S,
        image: &[Cell<S::X>],
        weights: &[S::W],
        y: &[Cell<S::Y>],
        rows: Range<usize>,
    ) {
        let w = &self.window;
        let mut row_start = 0;
        for out_y in rows {
            let y = part(y, row_start, w.out_row());
            row_start += w.out_row();
            let rows = &w.rows(out_y);
            let mut out_x = 0;
            while out_x < w.out_w {
                let columns = &w.columns(out_x);
                let at = Place {
                    image,
                    rows,
                    columns,
                };
                // Two columns at once where both see the same taps.
                if out_x + 1 < w.out_w
                    && columns.valid.start == 0
                    && w.columns(out_x + 1).valid == columns.valid
                {
                    self.pixels::<S, 2>(stage, &at, weights, part(y, out_x * w.out_c, 2 * w.out_c));
                    out_x += 2;
                } else {
                    self.pixels::<S, 1>(stage, &at, weights, part(y, out_x * w.out_c, w.out_c));
                    out_x += 1;
                }
            }
        }
    }

    /// All output channels of `P` neighbouring pixels.
    #[inline(always)]
    fn pixels<S: Stage, const P: usize>(
        &self,
        stage: &S,
        at: &Place<'_, S::X>,
        mut weights: &[S::W],
        y: &[Cell<S::Y>],
    ) {
        let per_channel = self.window.filter_h * self.window.filter_w * self.group_in;
        let mut channel = 0;
        for group in 0..self.groups {
            let end = channel + self.group_out;
            while channel + CHANNELS <= end {
                let (block, rest) = split(weights, per_channel * CHANNELS);
                self.block::<S, P, CHANNELS>(stage, at, group, channel, block, y);
                weights = rest;
                channel += CHANNELS;
            }
            while channel < end {
                let (block, rest) = split(weights, per_channel);
                self.block::<S, P, 1>(stage, at, group, channel, block, y);
                weights = rest;
                channel += 1;
            }
        }
    }

    /// `N` output channels of `P` neighbouring pixels.
    #[inline(never)]
    fn block<S: Stage, const P: usize, const N: usize>(
        &self,
        stage: &S,
        at: &Place<'_, S::X>,
        group: usize,
        channel: usize,
        weights: &[S::W],
        y: &[Cell<S::Y>],
    ) {
        let w = &self.window;
        let (weights, _) = weights.as_chunks::<N>();
        let mut acc = [[S::ZERO; N]; P];
        for pixel in &mut acc {
            for (n, acc) in pixel.iter_mut().enumerate() {
                *acc = stage.start(channel + n);
            }
        }
        let columns = at.columns.valid.len();
        if S::PADS && (at.rows.valid.len() < w.filter_h || columns < w.filter_w) {
            self.outside::<S, P, N>(stage, at, weights, &mut acc);
        }
        // Neighbouring taps of a row are neighbours in memory, unless dilation or groups part them.
        let (runs, taps) = if w.dilation_w == 1 && self.groups == 1 {
            (1, columns)
        } else {
            (columns, 1)
        };
        let run = taps * self.group_in;
        let mut row = at.rows.start * w.in_w;
        for filter_y in at.rows.valid.clone() {
            let mut column = at.columns.start;
            let mut tap = filter_y * w.filter_w + at.columns.valid.start;
            for _ in 0..runs {
                let from = (row + column) * w.in_c + group * self.group_in;
                let weights = part(weights, tap * self.group_in, run);
                if P == 2 {
                    let x0 = part(at.image, from, run);
                    let x1 = part(at.image, from + w.stride_w * w.in_c, run);
                    for ((x0, x1), weights) in x0.iter().zip(x1).zip(weights) {
                        let (x0, x1) = (x0.get(), x1.get());
                        for n in 0..N {
                            acc[0][n] = S::mac(acc[0][n], x0, weights[n]);
                            acc[P - 1][n] = S::mac(acc[P - 1][n], x1, weights[n]);
                        }
                    }
                } else {
                    for (x, weights) in part(at.image, from, run).iter().zip(weights) {
                        for n in 0..N {
                            acc[0][n] = S::mac(acc[0][n], x.get(), weights[n]);
                        }
                    }
                }
                column += w.dilation_w;
                tap += 1;
            }
            row += w.dilation_h * w.in_w;
        }
        for (p, pixel) in acc.iter().enumerate() {
            let y = part(y, p * w.out_c + channel, N);
            for (n, (acc, y)) in pixel.iter().zip(y).enumerate() {
                y.set(stage.finish(*acc, channel + n));
            }
        }
    }

    /// Adds the taps that lie outside of the input, where it is taken to hold its zero point.
    #[inline(never)]
    fn outside<S: Stage, const P: usize, const N: usize>(
        &self,
        stage: &S,
        at: &Place<'_, S::X>,
        weights: &[[S::W; N]],
        acc: &mut [[S::Acc; N]; P],
    ) {
        let mut tap = 0;
        for filter_y in 0..self.window.filter_h {
            for filter_x in 0..self.window.filter_w {
                if !at.rows.valid.contains(&filter_y) || !at.columns.valid.contains(&filter_x) {
                    for weights in part(weights, tap, self.group_in) {
                        for pixel in acc.iter_mut() {
                            for (acc, w) in pixel.iter_mut().zip(weights) {
                                *acc = stage.pad(*acc, *w);
                            }
                        }
                    }
                }
                tap += self.group_in;
            }
        }
    }
}

#[inline(always)]
fn split<T>(slice: &[T], at: usize) -> (&[T], &[T]) {
    slice.split_at_checked(at).unwrap_or((&[], &[]))
}
