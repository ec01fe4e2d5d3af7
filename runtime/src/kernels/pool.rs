//! AVERAGE_POOL_2D and MAX_POOL_2D.
//!
//! Places of a window outside of the input take no part: they are not counted in an average.

use core::cell::Cell;
use core::num::NonZeroU32;
use core::ops::Range;

use super::fold::{Axis, Fold, MaxF32, MaxI8, SumF32, SumI8, channels, greater, lesser};
use super::stage::Float;
use super::{Window, host_kernel, part};

/// Average of int8; input and output have the same quantisation.
///
/// The quotient is rounded half away from zero, as TensorFlow Lite's integer reference kernel
/// does, and then limited to `min..=max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct AveragePool2dI8 {
    /// Geometry.
    pub window: Window,
    /// Least output value, by activation.
    pub min: i32,
    /// Greatest output value, by activation.
    pub max: i32,
}

/// Average of float32: the sum in the order of memory, divided by the count.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct AveragePool2dF32 {
    /// Geometry.
    pub window: Window,
    /// Range of the output.
    pub float: Float,
}

/// Maximum of int8; input and output have the same quantisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct MaxPool2dI8 {
    /// Geometry.
    pub window: Window,
    /// Least output value, by activation.
    pub min: i32,
    /// Greatest output value, by activation.
    pub max: i32,
}

/// Maximum of float32.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct MaxPool2dF32 {
    /// Geometry.
    pub window: Window,
    /// Range of the output.
    pub float: Float,
}

host_kernel! {
    AveragePool2dI8(x, y);
    AveragePool2dF32(x, y);
    MaxPool2dI8(x, y);
    MaxPool2dF32(x, y);
}

impl AveragePool2dI8 {
    /// Computes the whole output.
    pub fn run(&self, x: &[Cell<i8>], y: &[Cell<i8>]) {
        pool::<SumI8, _>(&self.window, x, y, |sum, count| {
            average(sum, count).max(self.min).min(self.max) as i8
        });
    }
}

impl AveragePool2dF32 {
    /// Computes the whole output.
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<f32>]) {
        pool::<SumF32, _>(&self.window, x, y, |sum, count| {
            clamp(sum / count.get() as f32, self.float)
        });
    }
}

impl MaxPool2dI8 {
    /// Computes the whole output.
    pub fn run(&self, x: &[Cell<i8>], y: &[Cell<i8>]) {
        pool::<MaxI8, _>(&self.window, x, y, |max, _| {
            max.max(self.min).min(self.max) as i8
        });
    }
}

impl MaxPool2dF32 {
    /// Computes the whole output.
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<f32>]) {
        pool::<MaxF32, _>(&self.window, x, y, |max, _| clamp(max, self.float));
    }
}

#[inline(always)]
fn clamp(x: f32, range: Float) -> f32 {
    lesser(greater(x, range.min), range.max)
}

/// `sum / count`, rounded half away from zero.
#[inline(always)]
fn average(sum: i32, count: NonZeroU32) -> i32 {
    let magnitude = (sum.unsigned_abs() + count.get() / 2) / count;
    if sum < 0 {
        (magnitude as i32).wrapping_neg()
    } else {
        magnitude as i32
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
        let rows = w.rows(out_y);
        for out_x in 0..w.out_w {
            let columns = w.columns(out_x);
            let axes = [
                Axis {
                    count: rows.valid.len(),
                    step: w.in_w * w.in_c,
                },
                Axis {
                    count: columns.valid.len(),
                    step: w.in_c,
                },
            ];
            // A window always covers some of the input; the compiler does not know.
            let count = NonZeroU32::new((axes[0].count * axes[1].count) as u32);
            let count = count.unwrap_or(NonZeroU32::MIN);
            let first = (rows.start * w.in_w + columns.start) * w.in_c;
            let x = image.get(first..).unwrap_or(&[]);
            channels::<F, Y>(x, axes, part(y, pixel, w.out_c), |acc| finish(acc, count));
            pixel += w.out_c;
        }
    }
}
