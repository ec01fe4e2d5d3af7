//! DEPTHWISE_CONV_2D of windows three columns wide.

use core::cell::Cell;

use crate::arch::vfp::{CHANNELS, Depthwise};
use crate::kernels::{DepthwiseConv2dSizes, Float, Numbers, part, split};

/// Depthwise convolution of windows `STRIDE` columns apart, of which [`fits`](Self::fits) says whether there is a loop for them. Weights are packed
/// as the portable kernel's.
#[derive(Clone, Copy)]
#[cfg_attr(any(test, feature = "host"), derive(Debug))]
pub struct VmlaDepthwise<const STRIDE: usize> {
    /// Sizes.
    pub sizes: DepthwiseConv2dSizes,
    /// The range of outputs.
    pub numbers: Float,
}

impl<const STRIDE: usize> VmlaDepthwise<STRIDE> {
    /// Computes the whole output from an input, packed weights and biases other than −0.
    ///
    /// Compiled in the firmware's crate, where a model needs it: other Arm processors have none of these instructions.
    #[inline(never)]
    pub fn run(&self, x: &[Cell<f32>], weights: &[f32], bias: &[f32], y: &[Cell<f32>]) {
        let w = &self.sizes.window;
        let image = self.image();
        let out_image = w.out_h * w.out_row();
        for batch in 0..w.batches {
            let x = part(x, batch * w.in_image(), w.in_image());
            let y = part(y, batch * out_image, out_image);
            let (mut weights, mut channel) = (weights, 0);
            while channel < w.out_c {
                let (block, rest) = split(weights, w.filter_h * w.filter_w * CHANNELS);
                weights = rest;
                let starts = self.numbers.channels::<CHANNELS, true>(&(bias,), channel);
                let x = x.get(channel..).unwrap_or(&[]);
                let y = y.get(channel..).unwrap_or(&[]);
                image.run::<STRIDE>(x, block, &starts, y);
                channel += CHANNELS;
            }
        }
    }

    /// Whether the loops are for these sizes.
    #[must_use]
    #[cfg(feature = "host")]
    pub fn fits(sizes: &DepthwiseConv2dSizes) -> bool {
        let w = &sizes.window;
        let kernel = Self {
            sizes: *sizes,
            numbers: Float { min: 0.0, max: 0.0 },
        };
        sizes.multiplier == 1
            && w.filter_w == 3
            && (w.dilation_h, w.dilation_w) == (1, 1)
            && w.stride_w == STRIDE
            && w.pad_left >= 0
            && kernel.image().fits(STRIDE)
    }

    #[inline(always)]
    fn image(&self) -> Depthwise {
        let w = &self.sizes.window;
        Depthwise {
            input: [w.in_h, w.in_w],
            output: [w.out_h, w.out_w],
            channels: w.in_c,
            filter_h: w.filter_h,
            stride_h: w.stride_h,
            pad_top: w.pad_top,
            pad_left: w.pad_left.unsigned_abs(),
            min: self.numbers.min,
            max: self.numbers.max,
        }
    }
}

#[cfg(feature = "host")]
super::host!(VmlaDepthwise<STRIDE> { sizes, numbers });
