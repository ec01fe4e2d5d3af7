//! AVERAGE_POOL_2D, MAX_POOL_2D and L2_POOL_2D.
//!
//! Places of a window outside of the input take no part: they are not counted in an average.

use core::cell::Cell;
use core::num::NonZeroU32;

use super::Float;
use super::fold::{
    Axis, Fold, MaxF32, MaxI8, MaxI16, MaxU8, SumF32, SumI8, SumI16, SumU8, channels,
};
use super::{Window, host_kernel, parameters, part};

/// Pooling of integers; input and output have the same quantisation.
macro_rules! of_integers {
    ($($average:ident $max:ident $sum:ident $greatest:ident $t:ty;)*) => {$(
        parameters! {
            #[doc = concat!("Average of ", stringify!($t), ".")]
            ///
            /// The quotient is rounded half away from zero, as TensorFlow Lite's integer reference kernel
            /// does, and then limited to `min..=max`.
            pub struct $average {
                /// Geometry.
                pub window: Window,
                /// Least output value, by activation.
                pub min: i32,
                /// Greatest output value, by activation.
                pub max: i32,
            }

            #[doc = concat!("Maximum of ", stringify!($t), ".")]
            pub struct $max {
                /// Geometry.
                pub window: Window,
                /// Least output value, by activation.
                pub min: i32,
                /// Greatest output value, by activation.
                pub max: i32,
            }
        }

        host_kernel! {
            $average(x, y);
            $max(x, y);
        }

        impl $average {
            /// Computes the whole output.
            #[cfg_attr(debug_assertions, inline)]
            pub fn run(&self, x: &[Cell<$t>], y: &[Cell<$t>]) {
                pool::<$sum, _>(&self.window, x, y, |sum, count| self.finish(sum, count));
            }

            /// The sum divided by the count, rounded half away from zero; see
            /// [`ScaledSum`](super::ScaledSum) for why it is not inlined.
            #[cfg_attr(debug_assertions, inline)]
            #[cfg_attr(not(debug_assertions), inline(never))]
            fn finish(&self, sum: i32, count: NonZeroU32) -> $t {
                let magnitude = ((sum.unsigned_abs() + count.get() / 2) / count) as i32;
                let average = if sum < 0 {
                    magnitude.wrapping_neg()
                } else {
                    magnitude
                };
                average.max(self.min).min(self.max) as $t
            }
        }

        impl $max {
            /// Computes the whole output.
            #[cfg_attr(debug_assertions, inline)]
            pub fn run(&self, x: &[Cell<$t>], y: &[Cell<$t>]) {
                pool::<$greatest, _>(&self.window, x, y, |max, _| {
                    max.max(self.min).min(self.max) as $t
                });
            }
        }
    )*};
}
of_integers! {
    AveragePool2dI8 MaxPool2dI8 SumI8 MaxI8 i8;
    AveragePool2dU8 MaxPool2dU8 SumU8 MaxU8 u8;
    AveragePool2dI16 MaxPool2dI16 SumI16 MaxI16 i16;
}

parameters! {
    /// Adds the pixels of a row to sums, one for each channel: what an average over the whole of an image begins with, where it comes row
    /// by row.
    pub struct AddRow {
        /// Pixels of a row.
        pub pixels: usize,
    }

    /// The average of so many int8 as there are in sums.
    pub struct AverageOfSums {
        /// How many.
        pub count: usize,
        /// Least output value, by activation.
        pub min: i32,
        /// Greatest output value, by activation.
        pub max: i32,
    }
}

host_kernel! {
    AddRow(x, sums);
    AverageOfSums(sums, y);
}

impl AddRow {
    /// Adds a row.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<i8>], sums: &[Cell<i32>]) {
        let channels = sums.len();
        for pixel in 0..self.pixels {
            for (x, sum) in part(x, pixel * channels, channels).iter().zip(sums) {
                sum.set(sum.get().wrapping_add(i32::from(x.get())));
            }
        }
    }
}

impl AverageOfSums {
    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, sums: &[Cell<i32>], y: &[Cell<i8>]) {
        let count = NonZeroU32::new(self.count as u32).unwrap_or(NonZeroU32::MIN);
        for (sum, y) in sums.iter().zip(y) {
            let average = average(sum.get(), count);
            y.set(average.max(self.min).min(self.max) as i8);
        }
    }
}

/// A sum divided by the count, rounded half away from zero; see [`ScaledSum`](super::ScaledSum) for why it is not inlined.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(never))]
fn average(sum: i32, count: NonZeroU32) -> i32 {
    let magnitude = ((sum.unsigned_abs() + count.get() / 2) / count) as i32;
    if sum < 0 {
        magnitude.wrapping_neg()
    } else {
        magnitude
    }
}

parameters! {
    /// Average of float32: the sum in the order of memory, divided by the count.
    pub struct AveragePool2dF32 {
        /// Geometry.
        pub window: Window,
        /// Range of the output.
        pub float: Float,
    }

    /// Root of the mean square of float32.
    pub struct L2Pool2dF32 {
        /// Geometry.
        pub window: Window,
        /// Range of the output.
        pub float: Float,
    }

    /// Maximum of float32.
    pub struct MaxPool2dF32 {
        /// Geometry.
        pub window: Window,
        /// Range of the output.
        pub float: Float,
    }
}

host_kernel! {
    AveragePool2dF32(x, y);
    L2Pool2dF32(x, y);
    MaxPool2dF32(x, y);
}

impl AveragePool2dF32 {
    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<f32>]) {
        pool::<SumF32, _>(&self.window, x, y, |sum, count| {
            self.float.clamp(sum / count.get() as f32)
        });
    }
}

impl L2Pool2dF32 {
    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<f32>]) {
        pool::<SquaresF32, _>(&self.window, x, y, |sum, count| {
            self.float.clamp(libm::sqrtf(sum / count.get() as f32))
        });
    }
}

impl MaxPool2dF32 {
    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<f32>]) {
        pool::<MaxF32, _>(&self.window, x, y, |max, _| self.float.clamp(max));
    }
}

/// Sums of squares.
struct SquaresF32;

impl Fold for SquaresF32 {
    type X = f32;
    type Acc = f32;
    const START: f32 = 0.0;

    #[inline(always)]
    fn fold(acc: f32, x: f32) -> f32 {
        acc + x * x
    }
}

#[inline(always)]
fn pool<F: Fold, Y>(
    window: &Window,
    x: &[Cell<F::X>],
    y: &[Cell<Y>],
    finish: impl Fn(F::Acc, NonZeroU32) -> Y,
) {
    windows(window, x, y, |x, [rows, columns], y| {
        let axes = [
            Axis {
                count: rows,
                step: window.in_w * window.in_c,
            },
            Axis {
                count: columns,
                step: window.in_c,
            },
        ];
        // A window always covers some of the input, which the compiler does not know.
        let count = NonZeroU32::new((rows * columns) as u32).unwrap_or(NonZeroU32::MIN);
        channels::<F, Y>(x, axes, y, |acc| finish(acc, count));
    });
}

/// Calls a function for each window, with the input from its first pixel on, how many rows and columns of it are in the input, and its outputs.
#[inline(always)]
pub(super) fn windows<X, Y>(
    w: &Window,
    x: &[Cell<X>],
    y: &[Cell<Y>],
    each: impl Fn(&[Cell<X>], [usize; 2], &[Cell<Y>]),
) {
    let mut pixel = 0;
    for batch in 0..w.batches {
        let image = part(x, batch * w.in_image(), w.in_image());
        for out_y in 0..w.out_h {
            let (row, rows) = inside(out_y * w.stride_h, w.pad_top, w.filter_h, w.in_h);
            for out_x in 0..w.out_w {
                let (column, columns) = inside(out_x * w.stride_w, w.pad_left, w.filter_w, w.in_w);
                let x = image.get((row * w.in_w + column) * w.in_c..);
                each(x.unwrap_or(&[]), [rows, columns], part(y, pixel, w.out_c));
                pixel += w.out_c;
            }
        }
    }
}

/// Where a window begins within the input along one dimension, and how far it reaches; windows
/// of pooling have no dilation.
#[inline(always)]
fn inside(begin: usize, pad: isize, filter: usize, size: usize) -> (usize, usize) {
    let first = begin as isize - pad;
    let end = (first + filter as isize).min(size as isize);
    let start = first.max(0);
    (start as usize, (end - start).max(0) as usize)
}
