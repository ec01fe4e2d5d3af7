//! MAX_POOL_2D with four channels or more.

use core::cell::Cell;

use crate::arch::vfp::Greatest;
use crate::kernels::pool::windows;
use crate::kernels::{Float, Window, host_kernel, parameters};

parameters! {
    /// [`MaxPool2dF32`](crate::kernels::MaxPool2dF32) of four channels or more.
    pub struct VcmpMaxPool2d {
        /// Geometry.
        pub window: Window,
        /// Range of the output.
        pub float: Float,
    }
}

host_kernel! {
    VcmpMaxPool2d(x, y);
}

impl VcmpMaxPool2d {
    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<f32>]) {
        let w = &self.window;
        windows(w, x, y, |x, [rows, columns], y| {
            let greatest = Greatest {
                rows,
                columns,
                row: w.in_w * w.in_c,
                channels: w.in_c,
                min: self.float.min,
                max: self.float.max,
            };
            greatest.run(x, y);
        });
    }
}
