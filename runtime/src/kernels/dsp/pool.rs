//! AVERAGE_POOL_2D and MAX_POOL_2D of int8 with four channels or more.

use core::cell::Cell;

use crate::arch::armv7em::PoolWindow;
use crate::kernels::pool::windows;
use crate::kernels::{Window, host_kernel, parameters};

parameters! {
    /// [`MaxPool2dI8`](crate::kernels::MaxPool2dI8) of four channels or more.
    pub struct DspMaxPool2d {
        /// Geometry.
        pub window: Window,
        /// Least output value, by activation.
        pub min: i32,
        /// Greatest output value, by activation.
        pub max: i32,
    }

    /// [`AveragePool2dI8`](crate::kernels::AveragePool2dI8) of four channels or more and windows of not more than
    /// [`MOST_PIXELS`](Self::MOST_PIXELS).
    pub struct DspAveragePool2d {
        /// Geometry.
        pub window: Window,
        /// Least output value, by activation.
        pub min: i32,
        /// Greatest output value, by activation.
        pub max: i32,
    }
}

host_kernel! {
    DspMaxPool2d(x, y);
    DspAveragePool2d(x, y);
}

impl DspMaxPool2d {
    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    pub fn run(&self, x: &[Cell<i8>], y: &[Cell<i8>]) {
        windows(&self.window, x, y, |x, sizes, y| {
            pixels(&self.window, sizes).greatest(x, y, [self.min, self.max]);
        });
    }
}

impl DspAveragePool2d {
    /// Pixels of a window at most.
    #[cfg(feature = "host")]
    pub const MOST_PIXELS: usize = PoolWindow::MOST_PIXELS;

    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    pub fn run(&self, x: &[Cell<i8>], y: &[Cell<i8>]) {
        windows(&self.window, x, y, |x, sizes, y| {
            pixels(&self.window, sizes).average(x, y, [self.min, self.max]);
        });
    }
}

/// Those of a window in the input.
#[inline(always)]
fn pixels(window: &Window, [rows, columns]: [usize; 2]) -> PoolWindow {
    PoolWindow {
        rows,
        columns,
        row: window.in_w * window.in_c,
        channels: window.in_c,
    }
}
