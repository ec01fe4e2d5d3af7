//! AVERAGE_POOL_2D, MAX_POOL_2D and L2_POOL_2D.
//!
//! Places of a window outside of the input take no part: they are not counted in an average.

use core::cell::Cell;
use core::num::NonZeroU32;
use core::ops::Range;

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
    let out_image = window.out_h * window.out_row();
    for batch in 0..window.batches {
        let image = part(x, batch * window.in_image(), window.in_image());
        let y = part(y, batch * out_image, out_image);
        rows::<F, Y>(window, image, y, 0..window.out_h, &finish);
    }
}

/// Computes a range of output rows into `y`, which begins with the first of them.
#[inline(always)]
fn rows<F: Fold, Y>(
    w: &Window,
    image: &[Cell<F::X>],
    y: &[Cell<Y>],
    rows: Range<usize>,
    finish: impl Fn(F::Acc, NonZeroU32) -> Y,
) {
    let mut pixel = 0;
    for out_y in rows {
        let (row, rows) = inside(out_y * w.stride_h, w.pad_top, w.filter_h, w.in_h);
        for out_x in 0..w.out_w {
            let (column, columns) = inside(out_x * w.stride_w, w.pad_left, w.filter_w, w.in_w);
            let axes = [
                Axis {
                    count: rows,
                    step: w.in_w * w.in_c,
                },
                Axis {
                    count: columns,
                    step: w.in_c,
                },
            ];
            // A window always covers some of the input, which the compiler does not know.
            let count = NonZeroU32::new((rows * columns) as u32).unwrap_or(NonZeroU32::MIN);
            let x = image.get((row * w.in_w + column) * w.in_c..).unwrap_or(&[]);
            let finish = |acc| finish(acc, count);
            channels::<F, Y>(x, axes, part(y, pixel, w.out_c), finish);
            pixel += w.out_c;
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

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::testing::{Numbers, cells, times};

    fn window(n: &mut Numbers) -> Window {
        let (filter_h, filter_w) = (1 + n.below(3), 1 + n.below(3));
        let channels = 1 + n.below(9);
        Window {
            batches: 1 + n.below(2),
            in_h: filter_h + n.below(5),
            in_w: filter_w + n.below(5),
            in_c: channels,
            out_h: 0,
            out_w: 0,
            out_c: channels,
            filter_h,
            filter_w,
            stride_h: 1 + n.below(3),
            stride_w: 1 + n.below(3),
            dilation_h: 1,
            dilation_w: 1,
            pad_top: n.below(filter_h) as isize,
            pad_left: n.below(filter_w) as isize,
        }
        .with_outputs()
    }

    impl Window {
        /// As many outputs as begin within the padded input.
        fn with_outputs(mut self) -> Self {
            let size =
                |input: usize, pad: isize, stride: usize| (input + pad as usize).div_ceil(stride);
            self.out_h = size(self.in_h, self.pad_top, self.stride_h);
            self.out_w = size(self.in_w, self.pad_left, self.stride_w);
            self
        }
    }

    /// The elements within each output's window, output by output.
    fn windows<T: Copy>(w: &Window, x: &[T]) -> Vec<Vec<T>> {
        let mut all = vec![];
        for b in 0..w.batches {
            for out_y in 0..w.out_h {
                for out_x in 0..w.out_w {
                    for c in 0..w.out_c {
                        let mut inside = vec![];
                        for filter_y in 0..w.filter_h {
                            for filter_x in 0..w.filter_w {
                                let y = (out_y * w.stride_h + filter_y) as isize - w.pad_top;
                                let x_at = (out_x * w.stride_w + filter_x) as isize - w.pad_left;
                                let rows = 0..w.in_h as isize;
                                let columns = 0..w.in_w as isize;
                                if rows.contains(&y) && columns.contains(&x_at) {
                                    let row = b * w.in_h + y as usize;
                                    let pixel = row * w.in_w + x_at as usize;
                                    inside.push(x[pixel * w.in_c + c]);
                                }
                            }
                        }
                        all.push(inside);
                    }
                }
            }
        }
        all
    }

    #[test]
    fn int8_follows_the_definition() {
        let mut n = Numbers::new(1);
        for _ in 0..times(300) {
            let window = window(&mut n);
            let mut x = n.bytes(window.batches * window.in_image());
            let inputs = windows(&window, &x);
            let (min, max) = (-100, 90);
            let mut y = vec![0; inputs.len()];
            AveragePool2dI8 { window, min, max }.run(cells(&mut x), cells(&mut y));
            for (y, x) in y.iter().zip(&inputs) {
                let sum: i32 = x.iter().map(|x| i32::from(*x)).sum();
                let mean = f64::from(sum) / x.len() as f64;
                // Rounds half away from zero.
                let rounded = mean.round() as i32;
                assert_eq!(i32::from(*y), rounded.clamp(min, max), "{window:?}");
            }
            MaxPool2dI8 { window, min, max }.run(cells(&mut x), cells(&mut y));
            for (y, x) in y.iter().zip(&inputs) {
                let greatest = i32::from(*x.iter().max().unwrap());
                assert_eq!(i32::from(*y), greatest.clamp(min, max), "{window:?}");
            }
        }
    }

    #[test]
    fn float_follows_the_definition() {
        let mut n = Numbers::new(2);
        let float = Float {
            min: -0.5,
            max: 0.6,
        };
        for _ in 0..times(300) {
            let window = window(&mut n);
            let mut x = n.floats(window.batches * window.in_image());
            let inputs = windows(&window, &x);
            let mut y = vec![0.0; inputs.len()];
            AveragePool2dF32 { window, float }.run(cells(&mut x), cells(&mut y));
            for (y, x) in y.iter().zip(&inputs) {
                let mean = x.iter().sum::<f32>() / x.len() as f32;
                assert_eq!(*y, mean.clamp(float.min, float.max), "{window:?}");
            }
            MaxPool2dF32 { window, float }.run(cells(&mut x), cells(&mut y));
            for (y, x) in y.iter().zip(&inputs) {
                let greatest = x.iter().copied().fold(f32::MIN, f32::max);
                assert_eq!(*y, greatest.clamp(float.min, float.max), "{window:?}");
            }
        }
    }

    #[test]
    fn short_operands_compute_less() {
        let window = window(&mut Numbers::new(3));
        let (mut x, mut y) = ([1i8; 3], [0i8; 2]);
        let (min, max) = (-128, 127);
        AveragePool2dI8 { window, min, max }.run(cells(&mut x), cells(&mut y));
        MaxPool2dI8 { window, min, max }.run(&[], cells(&mut y));
        MaxPool2dI8 { window, min, max }.run(cells(&mut x), &[]);
    }
}
