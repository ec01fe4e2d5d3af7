//! What is around the products of hybrid operators: real inputs become integers by what is in them, and sums of products
//! become real numbers. The products between are those of [`Hybrid`](super::Hybrid).

use core::cell::Cell;

use super::convert::nearest;
use super::{Float, host_kernel, parameters};

parameters! {
    /// Brings rows of real numbers to integers of −127 to 127, each row by its greatest magnitude.
    pub struct QuantizeRows {
        /// Values of a row.
        pub row: usize,
    }

    /// Brings rows of real numbers to 256 steps between the least and the greatest number of each row, zero among them.
    /// They are counted from zero, which takes more than 8 bits.
    pub struct QuantizeRowsAsymmetric {
        /// Values of a row.
        pub row: usize,
    }

    /// Makes real numbers of sums of products of quantised rows by weights, in place too.
    pub struct ScaleSums {
        /// Output channels, whose sums are neighbours.
        pub channels: usize,
        /// Blocks that the inputs of an output are in, each with sums and scales of its own: those of all channels for one block,
        /// then for the next.
        pub blocks: usize,
        /// Sums of one channel that a row of inputs has.
        pub pixels: usize,
        /// Whether the reference multiplies by the weights' scale before it does by the row's, and not by the product.
        pub apart: bool,
        /// The range of the output.
        pub range: Float,
    }

    /// `scale × x` with a scale for each row.
    pub struct DequantizeRows {
        /// Values of a row.
        pub row: usize,
    }
}

host_kernel! {
    QuantizeRows(x, y, scales);
    QuantizeRowsAsymmetric(x, y, scales);
    ScaleSums(sums, scales, weight_scales, bias, y);
    DequantizeRows(x, scales, y);
}

impl QuantizeRows {
    /// Quantises all rows, and gives the scale of each.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<i16>], scales: &[Cell<f32>]) {
        for ((x, y), row_scale) in rows(self.row, x, y).zip(scales) {
            let (least, greatest) = range(x);
            let most = if greatest < -least { -least } else { greatest };
            let (scale, steps) = match most > 0.0 {
                true => (most / 127.0, 127.0 / most),
                false => (1.0, 0.0),
            };
            row_scale.set(scale);
            for (x, y) in x.iter().zip(y) {
                y.set(nearest(x.get() * steps).clamp(-127, 127) as i16);
            }
        }
    }
}

impl QuantizeRowsAsymmetric {
    /// Quantises all rows, and gives the scale of each.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<i16>], scales: &[Cell<f32>]) {
        for ((x, y), row_scale) in rows(self.row, x, y).zip(scales) {
            let (scale, zero_point) = asymmetric(range(x));
            row_scale.set(scale);
            // The ends of 8 bits, counted from the zero point.
            let (steps, most) = (1.0 / scale, 127i32.wrapping_sub(zero_point));
            let least = most.wrapping_sub(255);
            for (x, y) in x.iter().zip(y) {
                y.set(nearest(x.get() * steps).min(most).max(least) as i16);
            }
        }
    }
}

impl ScaleSums {
    /// Computes the whole output; no bias is zeros, and one scale of weights is that of all channels.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(
        &self,
        sums: &[Cell<i32>],
        scales: &[Cell<f32>],
        weight_scales: &[f32],
        bias: &[f32],
        y: &[Cell<f32>],
    ) {
        let (channels, pixels) = (self.channels.max(1), self.pixels.max(1));
        let row = channels.saturating_mul(self.blocks).max(1);
        let rows = sums.chunks_exact(row).zip(y.chunks_exact(channels));
        // One scale for so many rows of outputs.
        let scales = scales
            .iter()
            .flat_map(|scale| core::iter::repeat_n(scale, pixels));
        for ((sums, y), scale) in rows.zip(scales) {
            let scale = scale.get();
            let (first, last) = match self.apart {
                true => (1.0, scale),
                false => (scale, 1.0),
            };
            for (channel, y) in y.iter().enumerate() {
                let (mut product, mut at) = (0.0, channel);
                for _ in 0..self.blocks {
                    let Some(sum) = sums.get(at) else { break };
                    let weight_scale = match weight_scales {
                        [one] => *one,
                        _ => weight_scales.get(at).copied().unwrap_or(0.0),
                    };
                    product += sum.get() as f32 * (first * weight_scale);
                    at += channels;
                }
                let bias = bias.get(channel).copied().unwrap_or(0.0);
                y.set(self.range.clamp(bias + product * last));
            }
        }
    }
}

impl DequantizeRows {
    /// Computes all rows.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<i8>], scales: &[Cell<f32>], y: &[Cell<f32>]) {
        for ((x, y), scale) in rows(self.row, x, y).zip(scales) {
            for (x, y) in x.iter().zip(y) {
                y.set(f32::from(x.get()) * scale.get());
            }
        }
    }
}

/// Rows of two tensors.
#[inline(always)]
fn rows<'a, X, Y>(
    row: usize,
    x: &'a [Cell<X>],
    y: &'a [Cell<Y>],
) -> impl Iterator<Item = (&'a [Cell<X>], &'a [Cell<Y>])> {
    let row = row.max(1);
    x.chunks_exact(row).zip(y.chunks_exact(row))
}

/// The least and the greatest number, zero among them.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(never))]
fn range(x: &[Cell<f32>]) -> (f32, f32) {
    let (mut least, mut greatest) = (0.0, 0.0);
    for x in x {
        let x = x.get();
        if x < least {
            least = x;
        }
        if x > greatest {
            greatest = x;
        }
    }
    (least, greatest)
}

/// The scale and the zero point of a range. In double precision, as the reference has it: a zero point that is another
/// one shifts all numbers.
#[cfg_attr(debug_assertions, inline)]
fn asymmetric((least, greatest): (f32, f32)) -> (f32, i32) {
    if least == greatest {
        return (1.0, 0);
    }
    let scale = f64::from(greatest - least) / 255.0;
    let (below, above) = (f64::from(least) / scale, f64::from(greatest) / scale);
    // From the end of the range that is nearer to zero, which is rounded less.
    let zero_point = match 128.0 - below < 127.0 + above {
        true => -128.0 - below,
        false => 127.0 - above,
    };
    let whole = zero_point as i32;
    let rest = zero_point - f64::from(whole);
    let nudge = i32::from(rest >= 0.5) - i32::from(rest <= -0.5);
    let zero_point = whole.saturating_add(nudge).clamp(-128, 127);
    (scale as f32, zero_point)
}
