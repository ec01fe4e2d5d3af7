//! CONV_2D and matrix products with the least working memory: a window at a time is copied from the input, with its padding.

use core::cell::Cell;

use super::{DspOutput, parameters};
use crate::arch::armv7em::{Epilogue, Matrix, Value};
use crate::arch::memory::{copy, fill};
use crate::kernels::{Window, part};

parameters! {
    /// Convolution, one window at a time.
    pub struct DspWindowConv2d<E> {
        /// Geometry, without dilation.
        pub window: Window,
        /// Inputs of a filter row, rounded up to a multiple of four.
        pub run: usize,
        /// The input's zero point, which pads it.
        pub in_zero_point: i8,
        /// What a pixel's outputs are.
        pub output: DspOutput,
        /// How sums become outputs: of single rows.
        pub epilogue: E,
    }
}

impl<E: Epilogue> DspWindowConv2d<E> {
    /// Computes the whole output; `inputs` has an element for each input of a window. The output may begin as many elements before the input as
    /// [`Window::distance_by_windows`] says, or more.
    #[inline(always)]
    pub fn run(&self, x: &[Cell<E::X>], weights: &[u32], inputs: &[Cell<E::X>], y: &[Cell<E::Y>]) {
        let loops = self.epilogue.loops();
        if let Some(matrix) = Matrix::new(loops, weights, inputs.len(), self.output.channels) {
            let copied = Copied {
                window: &self.window,
                run: self.run,
                in_zero_point: self.in_zero_point,
            };
            copied.multiply(&matrix, x, inputs, y);
            self.output.clamp(y);
        }
    }
}

/// Windows that are copied, whatever the epilogue: firmware has their code once for each type.
struct Copied<'a> {
    window: &'a Window,
    run: usize,
    in_zero_point: i8,
}

impl Copied<'_> {
    #[inline(never)]
    fn multiply<X: Value, Y: Value>(
        &self,
        matrix: &Matrix<'_>,
        x: &[Cell<X>],
        inputs: &[Cell<X>],
        y: &[Cell<Y>],
    ) {
        let w = self.window;
        let mut pixel = 0;
        for batch in 0..w.batches {
            let image = part(x, batch * w.in_image(), w.in_image());
            for out_y in 0..w.out_h {
                for out_x in 0..w.out_w {
                    self.copy(image, [out_y, out_x], inputs);
                    matrix.row(inputs, part(y, pixel, w.out_c));
                    pixel += w.out_c;
                }
            }
        }
    }

    /// Copies a window. What rounding up adds stays as it is: its weights are 0.
    #[inline(always)]
    fn copy<X: Value>(&self, image: &[Cell<X>], [out_y, out_x]: [usize; 2], inputs: &[Cell<X>]) {
        let w = self.window;
        let top = (out_y * w.stride_h) as isize - w.pad_top;
        let left = (out_x * w.stride_w) as isize - w.pad_left;
        // The columns of the window that are in the input.
        let within = |column: isize| (column.max(0) as usize).min(w.filter_w);
        let (first, end) = (within(-left), within(w.in_w as isize - left));
        let column = left.max(0) as usize;
        let taps = w.filter_w * w.in_c;
        for filter_y in 0..w.filter_h {
            let to = part(inputs, filter_y * self.run, taps);
            match usize::try_from(top + filter_y as isize) {
                Ok(row) if row < w.in_h && first < end => {
                    let count = (end - first) * w.in_c;
                    let (before, kept) = to.split_at_checked(first * w.in_c).unwrap_or((to, &[]));
                    let from = part(image, (row * w.in_w + column) * w.in_c, count);
                    fill(before, self.in_zero_point);
                    copy(from, kept);
                    fill(kept.get(count..).unwrap_or(&[]), self.in_zero_point);
                }
                _ => fill(to, self.in_zero_point),
            }
        }
    }
}
