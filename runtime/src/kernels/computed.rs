//! Convolutions and matrix products whose weights or biases are computed at run time.
//!
//! Nothing of them can be packed or folded when the model is compiled, so one loop in the file's order serves them all.

use core::cell::Cell;

use super::binary::clamp;
use super::place::Source;
use super::window::{Taps, Window};
use super::{host_kernel, parameters};
use crate::fixed::requantize;

parameters! {
    /// Sizes of a convolution, and where its weights lie. A matrix product has images of one pixel.
    pub struct ComputedSizes {
        /// Geometry.
        pub window: Window,
        /// Input channels that an output channel sees.
        pub group_in: usize,
        /// Output channels that see the same input channels.
        pub group_out: usize,
        /// Weights from output channel to output channel, and from one weight of a channel to the next.
        pub weights: [usize; 2],
    }

    /// Convolution of float32.
    pub struct ComputedF32 {
        /// Sizes.
        pub sizes: ComputedSizes,
        /// Least output.
        pub min: f32,
        /// Greatest output.
        pub max: f32,
    }

    /// Convolution of int8, with sums of 32 bits.
    pub struct ComputedI8 {
        /// Sizes.
        pub sizes: ComputedSizes,
        /// The input's zero point.
        pub in_zero_point: i32,
        /// The weights' zero point.
        pub weights_zero_point: i32,
        /// The output's zero point.
        pub out_zero_point: i32,
        /// What brings sums to the output's scale.
        pub multiplier: i32,
        /// Its shift.
        pub shift: i32,
        /// Least output.
        pub min: i32,
        /// Greatest output.
        pub max: i32,
    }
}

host_kernel! {
    ComputedF32(x: f32, weights: f32, bias: f32, y);
    ComputedI8(x: i8, weights: i8, bias: i32, y);
}

impl ComputedF32 {
    /// Computes the whole output. There may be no biases.
    pub fn run<X: Source<f32>, W: Source<f32>, B: Source<f32>>(
        &self,
        x: &[X],
        weights: &[W],
        bias: &[B],
        y: &[Cell<f32>],
    ) {
        let mac = |sum: f32, x: f32, w: f32| sum + x * w;
        self.sizes.run(x, weights, y, 0.0, mac, |sum, channel| {
            let bias = bias.get(channel).map_or(0.0, Source::read);
            clamp(sum + bias, self.min, self.max)
        });
    }
}

impl ComputedI8 {
    /// Computes the whole output. There may be no biases.
    pub fn run<X: Source<i8>, W: Source<i8>, B: Source<i32>>(
        &self,
        x: &[X],
        weights: &[W],
        bias: &[B],
        y: &[Cell<i8>],
    ) {
        let mac = |sum: i32, x: i8, w: i8| {
            let x = i32::from(x).wrapping_sub(self.in_zero_point);
            let w = i32::from(w).wrapping_sub(self.weights_zero_point);
            sum.wrapping_add(x.wrapping_mul(w))
        };
        self.sizes.run(x, weights, y, 0, mac, |sum, channel| {
            let sum = sum.wrapping_add(bias.get(channel).map_or(0, Source::read));
            let y = requantize(sum, self.multiplier, self.shift).wrapping_add(self.out_zero_point);
            y.max(self.min).min(self.max) as i8
        });
    }
}

impl ComputedSizes {
    #[inline(always)]
    fn run<X: Copy, W: Copy, Y: Copy, A: Copy>(
        &self,
        x: &[impl Source<X>],
        weights: &[impl Source<W>],
        y: &[Cell<Y>],
        zero: A,
        mac: impl Fn(A, X, W) -> A,
        finish: impl Fn(A, usize) -> Y,
    ) {
        let w = &self.window;
        let mut pixels = y.chunks(w.out_c.max(1));
        for image in x.chunks((w.in_h * w.in_w * w.in_c).max(1)) {
            for out_y in 0..w.out_h {
                let rows = w.rows(out_y);
                for out_x in 0..w.out_w {
                    let columns = w.columns(out_x);
                    let Some(pixel) = pixels.next() else { return };
                    for (channel, y) in pixel.iter().enumerate() {
                        let sum = self.sum(image, weights, channel, [&rows, &columns], zero, &mac);
                        y.set(finish(sum, channel));
                    }
                }
            }
        }
    }

    /// The sum of an output channel's products in a window.
    #[inline(always)]
    fn sum<X: Copy, W: Copy, A: Copy>(
        &self,
        image: &[impl Source<X>],
        weights: &[impl Source<W>],
        channel: usize,
        [rows, columns]: [&Taps; 2],
        zero: A,
        mac: impl Fn(A, X, W) -> A,
    ) -> A {
        let w = &self.window;
        let [channel_step, step] = self.weights;
        let first_in = channel / self.group_out.max(1) * self.group_in;
        let mut sum = zero;
        let mut row = rows.start;
        for tap_y in rows.valid.clone() {
            let mut column = columns.start;
            for tap_x in columns.valid.clone() {
                let x = (row * w.in_w + column) * w.in_c + first_in;
                let x = image.get(x..).unwrap_or(&[]).iter().take(self.group_in);
                let tap = (tap_y * w.filter_w + tap_x) * self.group_in;
                let first = channel * channel_step + tap * step;
                let weights = weights.get(first..).unwrap_or(&[]);
                for (x, w) in x.zip(weights.iter().step_by(step.max(1))) {
                    sum = mac(sum, x.read(), w.read());
                }
                column += w.dilation_w;
            }
            row += w.dilation_h;
        }
        sum
    }
}
