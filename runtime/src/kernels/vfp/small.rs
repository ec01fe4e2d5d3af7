//! CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED with the least code: one function for all of them.

use core::cell::Cell;

use crate::arch::vfp::{SmallWeight, Windows};
#[cfg(any(test, feature = "host"))]
use crate::kernels::Window;
use crate::kernels::{Float, parameters};

parameters! {
    /// Sums of products with inputs of windows, of one image. Few bytes: firmware has one of these for each call. Pairs of fields `_h`, `_w` are along
    /// height and width.
    #[allow(missing_docs)]
    pub struct VmlaSmall {
        pub in_h: u16,
        pub in_w: u16,
        pub in_c: u16,
        pub out_h: u16,
        pub out_w: u16,
        pub out_c: u16,
        pub filter_h: u8,
        pub filter_w: u8,
        pub stride_h: u8,
        pub stride_w: u8,
        pub dilation_h: u8,
        pub dilation_w: u8,
        /// Rows of padding above the input; negative where the window skips rows.
        pub pad_top: i8,
        /// Columns of padding left of the input; negative where the window skips columns.
        pub pad_left: i8,
        /// Whether each output is of one channel.
        pub depthwise: bool,
        /// The range of outputs.
        pub numbers: Float,
    }

    /// The same of weights that are stored as float16 and finite.
    pub struct VmlaSmallHalves {
        /// The sums.
        pub small: VmlaSmall,
    }
}

impl VmlaSmall {
    /// A convolution of one image; `None` if sizes do not fit. Of a depthwise one, channels are fours.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn of(w: &Window, depthwise: bool, numbers: Float) -> Option<Self> {
        let number = |number: usize| u16::try_from(number).ok();
        let small = Self {
            in_h: number(w.in_h)?,
            in_w: number(w.in_w)?,
            in_c: number(w.in_c)?,
            out_h: number(w.out_h)?,
            out_w: number(w.out_w)?,
            out_c: number(w.out_c)?,
            filter_h: u8::try_from(w.filter_h).ok()?,
            filter_w: u8::try_from(w.filter_w).ok()?,
            stride_h: u8::try_from(w.stride_h).ok()?,
            stride_w: u8::try_from(w.stride_w).ok()?,
            dilation_h: u8::try_from(w.dilation_h).ok()?,
            dilation_w: u8::try_from(w.dilation_w).ok()?,
            pad_top: i8::try_from(w.pad_top).ok()?,
            pad_left: i8::try_from(w.pad_left).ok()?,
            depthwise,
            numbers,
        };
        let fits = !depthwise || w.in_c == w.out_c && w.in_c.is_multiple_of(4);
        (w.batches == 1 && fits).then_some(small)
    }

    /// Packs weights, of which `weight(channel, i)` is one, and what sums begin with: float32 or the bits of float16.
    #[cfg(any(test, feature = "host"))]
    pub fn pack<W: SmallWeight>(
        &self,
        start: impl Fn(usize) -> f32,
        weight: impl Fn(usize, usize) -> W,
    ) -> alloc::vec::Vec<u32> {
        let each = if self.depthwise { 1 } else { self.in_c };
        let taps = usize::from(self.filter_h) * usize::from(self.filter_w) * usize::from(each);
        let mut packed = alloc::vec::Vec::new();
        let channels = usize::from(self.out_c);
        for first in (0..channels).step_by(4) {
            let of_channel = |lane| Some(first + lane).filter(|channel| *channel < channels);
            let starts: [_; 4] = core::array::from_fn(|lane| of_channel(lane).map_or(0.0, &start));
            packed.extend(starts.map(f32::to_bits));
            for i in 0..taps {
                let of = |lane| of_channel(lane).map_or(W::default(), |c| weight(c, i));
                packed.extend(W::tap(core::array::from_fn(of)));
            }
        }
        packed
    }

    /// Computes the whole output.
    #[inline(never)]
    pub fn run(&self, x: &[Cell<f32>], weights: &[u32], y: &[Cell<f32>]) {
        self.outputs::<f32>(x, weights, y);
    }

    #[inline(always)]
    fn outputs<W: SmallWeight>(&self, x: &[Cell<f32>], weights: &[u32], y: &[Cell<f32>]) {
        let windows = Windows {
            input: [self.in_h, self.in_w].map(usize::from),
            output: [self.out_h, self.out_w].map(usize::from),
            in_c: self.in_c.into(),
            out_c: self.out_c.into(),
            filter: [self.filter_h, self.filter_w].map(usize::from),
            stride: [self.stride_h, self.stride_w].map(usize::from),
            dilation: [self.dilation_h, self.dilation_w].map(usize::from),
            pad: [self.pad_top, self.pad_left].map(isize::from),
            depthwise: self.depthwise,
            min: self.numbers.min,
            max: self.numbers.max,
        };
        windows.outputs::<W>(x, weights, y);
    }
}

impl VmlaSmallHalves {
    /// Computes the whole output.
    #[inline(never)]
    pub fn run(&self, x: &[Cell<f32>], weights: &[u32], y: &[Cell<f32>]) {
        self.small.outputs::<u16>(x, weights, y);
    }
}

#[cfg(feature = "host")]
crate::host::plain! {
    VmlaSmall(x, weights, y);
    VmlaSmallHalves(x, weights, y);
}
