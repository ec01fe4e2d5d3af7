//! Images of another size: RESIZE_NEAREST_NEIGHBOR where rows or columns are not evenly apart, and RESIZE_BILINEAR.

use core::cell::Cell;

use super::blocks::copy;
use super::place::Source;
use super::{host_kernel, parameters, part, split};

parameters! {
    /// Pixels of `x` by tables of their rows and columns.
    pub struct ResizeNearest {
        /// Images.
        pub batches: usize,
        /// Rows of an image of the input.
        pub in_h: usize,
        /// Columns of an image of the input.
        pub in_w: usize,
        /// Bytes of a pixel.
        pub pixel: usize,
    }

    /// Sizes of images before and after.
    #[allow(missing_docs)]
    pub struct Resized {
        pub batches: usize,
        pub in_h: usize,
        pub in_w: usize,
        pub out_h: usize,
        pub out_w: usize,
        pub channels: usize,
    }

    /// Positions in the input in steps of 1/1024: `i × step + first` for output `i`.
    pub struct Steps {
        /// From one to the next.
        pub step: i32,
        /// Of the first.
        pub first: i32,
    }

    /// Positions in the input: `(i + offset) × step − offset` for output `i`.
    pub struct Positions {
        /// From one to the next.
        pub step: f32,
        /// 0.5 where positions are those of pixels' centers.
        pub offset: f32,
    }

    /// Interpolates between four pixels.
    pub struct ResizeBilinearF32 {
        /// Sizes.
        pub sizes: Resized,
        /// Rows.
        pub rows: Positions,
        /// Columns.
        pub columns: Positions,
    }

    /// Interpolates between four pixels, by real numbers.
    pub struct ResizeBilinearU8 {
        /// Sizes.
        pub sizes: Resized,
        /// Rows.
        pub rows: Positions,
        /// Columns.
        pub columns: Positions,
    }

    /// Interpolates between four pixels, rounding to the nearest, halves away from zero.
    pub struct ResizeBilinearI8 {
        /// Sizes.
        pub sizes: Resized,
        /// Rows.
        pub rows: Steps,
        /// Columns.
        pub columns: Steps,
    }

    /// Interpolates between four pixels, rounding to the nearest, halves away from zero.
    pub struct ResizeBilinearI16 {
        /// Sizes.
        pub sizes: Resized,
        /// Rows.
        pub rows: Steps,
        /// Columns.
        pub columns: Steps,
    }
}

host_kernel! {
    ResizeNearest(x: u8, rows, columns, y);
    ResizeBilinearF32(x, y);
    ResizeBilinearU8(x, y);
    ResizeBilinearI8(x, y);
    ResizeBilinearI16(x, y);
}

impl ResizeNearest {
    /// Copies the pixels where the rows and columns of the tables meet.
    #[inline(never)]
    pub fn run<X: Source<u8>>(&self, x: &[X], rows: &[u16], columns: &[u16], mut y: &[Cell<u8>]) {
        let row = self.in_w * self.pixel;
        for batch in 0..self.batches {
            for r in rows {
                let line = part(x, (batch * self.in_h + usize::from(*r)) * row, row);
                for column in columns {
                    let (to, rest) = split(y, self.pixel);
                    copy(
                        part(line, usize::from(*column) * self.pixel, self.pixel),
                        to,
                    );
                    y = rest;
                }
            }
        }
    }
}

/// The two input elements that an output lies between, and how far it is from the first.
#[derive(Clone, Copy)]
struct Between<W> {
    lower: usize,
    upper: usize,
    weight: W,
}

impl Positions {
    #[inline(always)]
    fn at(&self, i: usize, size: usize) -> Between<f32> {
        let position = (i as f32 + self.offset) * self.step - self.offset;
        // Positions are at least -0.5: what is cut off is what is behind the point, or all of it.
        let whole = position as i32;
        let up = i32::from(whole as f32 != position && position > 0.0);
        let last = size as i32 - 1;
        let lower = whole.max(0).min(last);
        Between {
            lower: lower as usize,
            upper: whole.wrapping_add(up).max(0).min(last) as usize,
            weight: position - lower as f32,
        }
    }
}

impl Steps {
    #[inline(always)]
    fn at(&self, i: usize, size: usize) -> Between<i32> {
        const ONE: i32 = 1024;
        let position = (i as i32).wrapping_mul(self.step).wrapping_add(self.first);
        let last = size as i32 - 1;
        let lower = (position / ONE).max(0).min(last);
        Between {
            lower: lower as usize,
            upper: (position.wrapping_add(ONE - 1) / ONE).max(0).min(last) as usize,
            weight: position.wrapping_sub(lower.wrapping_mul(ONE)),
        }
    }
}

impl Resized {
    /// Walks the output; `blend` makes an element of four of the input: along rows first.
    #[inline(always)]
    fn each<T: Copy, W: Copy>(
        &self,
        x: &[Cell<T>],
        mut y: &[Cell<T>],
        row: impl Fn(usize) -> Between<W>,
        column: impl Fn(usize) -> Between<W>,
        blend: impl Fn([T; 4], W, W) -> T,
    ) {
        let line = self.in_w * self.channels;
        let pixel = |x, at: usize| part(x, at * self.channels, self.channels);
        for batch in 0..self.batches {
            for out_y in 0..self.out_h {
                let r = row(out_y);
                let upper = part(x, (batch * self.in_h + r.lower) * line, line);
                let lower = part(x, (batch * self.in_h + r.upper) * line, line);
                for out_x in 0..self.out_w {
                    let c = column(out_x);
                    let (to, rest) = split(y, self.channels);
                    y = rest;
                    let above = pixel(upper, c.lower).iter().zip(pixel(upper, c.upper));
                    let below = pixel(lower, c.lower).iter().zip(pixel(lower, c.upper));
                    for (y, ((a, b), (c_, d))) in to.iter().zip(above.zip(below)) {
                        let four = [a.get(), c_.get(), b.get(), d.get()];
                        y.set(blend(four, r.weight, c.weight));
                    }
                }
            }
        }
    }
}

/// Four values by their distances; the order of operations is the reference's.
#[inline(always)]
fn real([a, b, c, d]: [f32; 4], y: f32, x: f32) -> f32 {
    a * (1.0 - y) * (1.0 - x) + b * y * (1.0 - x) + c * (1.0 - y) * x + d * y * x
}

macro_rules! bilinear {
    ($($kernel:ident($t:ty): $blend:expr;)*) => {$(
        impl $kernel {
            /// Computes all pixels.
            #[cfg_attr(debug_assertions, inline)]
            #[cfg_attr(not(debug_assertions), inline(never))]
            pub fn run(&self, x: &[Cell<$t>], y: &[Cell<$t>]) {
                let sizes = &self.sizes;
                sizes.each(
                    x,
                    y,
                    |i| self.rows.at(i, sizes.in_h),
                    |i| self.columns.at(i, sizes.in_w),
                    $blend,
                );
            }
        }
    )*};
}
bilinear! {
    ResizeBilinearF32(f32): real;
    ResizeBilinearU8(u8): |four: [u8; 4], y, x| (real(four.map(f32::from), y, x) + 0.5) as u8;
    // Weights sum to 1024 along each axis, and none is above 2048 or below -1024.
    ResizeBilinearI8(i8): |[a, b, c, d]: [i8; 4], y: i32, x: i32| {
        let of = |v: i8, y: i32, x: i32| i32::from(v).wrapping_mul(y).wrapping_mul(x);
        let sum = of(a, 1024 - y, 1024 - x)
            .wrapping_add(of(b, y, 1024 - x))
            .wrapping_add(of(c, 1024 - y, x))
            .wrapping_add(of(d, y, x));
        let half = if sum > 0 { 1 << 19 } else { -(1 << 19) };
        (sum.wrapping_add(half) / (1 << 20)) as i8
    };
    ResizeBilinearI16(i16): |[a, b, c, d]: [i16; 4], y: i32, x: i32| {
        let of = |v: i16, y: i32, x: i32| i64::from(v) * i64::from(y.wrapping_mul(x));
        let sum = of(a, 1024 - y, 1024 - x)
            .wrapping_add(of(b, y, 1024 - x))
            .wrapping_add(of(c, 1024 - y, x))
            .wrapping_add(of(d, y, x));
        let half = if sum > 0 { 1 << 19 } else { -(1 << 19) };
        (sum.wrapping_add(half) / (1 << 20)) as i16
    };
}
