//! CONV_2D and FULLY_CONNECTED (a 1×1 convolution of an image of one row).
//!
//! Weights are packed by [`Conv2d::channel_blocks`]: within each group, blocks of
//! [`CHANNELS`] output channels with the channel innermost, then the remaining channels one by
//! one. The inner loop reads them front to back and uses each input value for a whole block.

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
    Conv2dI8(x, weights, folded, bias, multiplier, shift, y);
    Conv2dF32(x, weights, bias, y);
}

impl Conv2dI8 {
    /// Computes the whole output.
    ///
    /// `folded` is the bias with the input's zero point folded in (see [`Int8`]); the plain `bias`
    /// may be empty where no window crosses the border. `multiplier` and `shift` have one entry
    /// per output channel, or one for all.
    pub fn run(
        &self,
        x: &[Cell<i8>],
        weights: &[i8],
        folded: &[i32],
        bias: &[i32],
        multiplier: &[i32],
        shift: &[i8],
        y: &[Cell<i8>],
    ) {
        let stage = self.int8.stage(folded, bias, multiplier, shift);
        self.conv.run(&stage, x, weights, y);
    }
}

impl Conv2dF32 {
    /// Computes the whole output; `bias` has one entry per output channel, or none.
    pub fn run(&self, x: &[Cell<f32>], weights: &[f32], bias: &[f32], y: &[Cell<f32>]) {
        self.conv.run(&self.float.stage(bias), x, weights, y);
    }
}

/// Where a block of channels of an output row gets its input.
struct Place<'a, X> {
    image: &'a [Cell<X>],
    /// Valid filter rows.
    taps: &'a Taps,
    group: usize,
    channel: usize,
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

    /// Whether every output pixel is computed from the one input pixel at its place.
    #[inline(always)]
    fn is_pointwise(&self) -> bool {
        let w = &self.window;
        let one = w.filter_h * w.filter_w * w.stride_h * w.stride_w == 1;
        one && w.out_w == w.in_w && w.out_h == w.in_h && self.groups == 1
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
        mut y: &[Cell<S::Y>],
        rows: Range<usize>,
    ) {
        for out_y in rows {
            let (row, rest) = split(y, self.window.out_row());
            y = rest;
            let taps = &self.window.rows(out_y);
            let mut packed = weights;
            let mut channel = 0;
            for group in 0..self.groups {
                let end = channel + self.group_out;
                while channel + CHANNELS <= end {
                    let at = Place {
                        image,
                        taps,
                        group,
                        channel,
                    };
                    packed = self.block::<S, CHANNELS>(stage, &at, packed, row);
                    channel += CHANNELS;
                }
                while channel < end {
                    let at = Place {
                        image,
                        taps,
                        group,
                        channel,
                    };
                    packed = self.block::<S, 1>(stage, &at, packed, row);
                    channel += 1;
                }
            }
        }
    }

    /// `N` output channels of one row; returns the weights that follow theirs.
    #[inline(never)]
    fn block<'w, S: Stage, const N: usize>(
        &self,
        stage: &S,
        at: &Place<'_, S::X>,
        packed: &'w [S::W],
        y: &[Cell<S::Y>],
    ) -> &'w [S::W] {
        let w = &self.window;
        let (weights, rest) = split(packed, w.filter_h * w.filter_w * self.group_in * N);
        let (weights, _) = weights.as_chunks::<N>();
        let channels = stage.channels::<N>(at.channel);
        let mut y = y.get(at.channel..).unwrap_or(&[]);
        if self.is_pointwise() {
            let mut x = at
                .image
                .get(at.taps.start * w.in_w * w.in_c..)
                .unwrap_or(&[]);
            for _ in 0..w.out_w {
                let (pixel, rest) = split(x, w.in_c);
                x = rest;
                let acc = dot::<S, true, N>(stage, pixel, weights, S::start::<true, N>(&channels));
                stage.finish(&channels, acc, part(y, 0, N));
                y = y.get(w.out_c..).unwrap_or(&[]);
            }
            return rest;
        }
        for out_x in 0..w.out_w {
            let columns = w.columns(out_x);
            let acc = if at.taps.valid.len() == w.filter_h && columns.valid.len() == w.filter_w {
                self.window_sum::<S, true, N>(stage, at, &columns, weights, &channels)
            } else {
                self.window_sum::<S, false, N>(stage, at, &columns, weights, &channels)
            };
            stage.finish(&channels, acc, part(y, 0, N));
            y = y.get(w.out_c..).unwrap_or(&[]);
        }
        rest
    }

    /// The sum over the valid taps of one window.
    #[inline(always)]
    fn window_sum<S: Stage, const INSIDE: bool, const N: usize>(
        &self,
        stage: &S,
        at: &Place<'_, S::X>,
        columns: &Taps,
        weights: &[[S::W; N]],
        channels: &S::Channels<N>,
    ) -> [S::Acc; N] {
        let w = &self.window;
        let mut acc = S::start::<INSIDE, N>(channels);
        // Neighbouring taps of a row are neighbours in memory, unless dilation or groups part them.
        let count = columns.valid.len();
        let joined = w.dilation_w == 1 && self.groups == 1;
        let (runs, taps) = if joined { (1, count) } else { (count, 1) };
        let run = taps * self.group_in;
        let mut row = at.taps.start * w.in_w;
        for filter_y in at.taps.valid.clone() {
            let mut from = (row + columns.start) * w.in_c + at.group * self.group_in;
            let mut tap = (filter_y * w.filter_w + columns.valid.start) * self.group_in;
            for _ in 0..runs {
                let (x, weights) = (part(at.image, from, run), part(weights, tap, run));
                acc = dot::<S, INSIDE, N>(stage, x, weights, acc);
                from += w.dilation_w * w.in_c;
                tap += run;
            }
            row += w.dilation_h * w.in_w;
        }
        acc
    }
}

/// `acc + Σ x·w` for `N` channels; a function of its own, so that everything in it has a register.
#[inline(never)]
fn dot<S: Stage, const INSIDE: bool, const N: usize>(
    stage: &S,
    x: &[Cell<S::X>],
    weights: &[[S::W; N]],
    mut acc: [S::Acc; N],
) -> [S::Acc; N] {
    for (x, weights) in x.iter().zip(weights) {
        for (acc, w) in acc.iter_mut().zip(weights) {
            *acc = stage.mac::<INSIDE>(*acc, x.get(), *w);
        }
    }
    acc
}

#[inline(always)]
fn split<T>(slice: &[T], at: usize) -> (&[T], &[T]) {
    slice.split_at_checked(at).unwrap_or((&[], &[]))
}
