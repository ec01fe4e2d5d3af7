//! CONV_2D of any window without dilation.
//!
//! The rows that a row of windows needs are kept aside, with their padding, as by [`DspConv2d`](crate::kernels::DspConv2d). Where no window crosses a border anyway, they are
//! read in the input instead.

use core::cell::Cell;

use super::{MveOutput, Pixels, parameters};
use crate::arch::memory::{fill, within};
#[cfg(any(test, feature = "host"))]
use crate::arch::mve::BLOCK;
use crate::arch::mve::{MvePairsLoops, MveRunsLoops, PairsLoop, Product, Runs, RunsLoop, copy};
use crate::kernels::{Window, part};

parameters! {
    /// Sizes of a convolution.
    pub struct MveConv2dSizes {
        /// Geometry, without dilation.
        pub window: Window,
        /// Bytes of a row that is kept aside, all that windows reach; or of a row of the input, where it is read there.
        pub row: usize,
        /// Windows whose copies there is room for: two or more.
        pub room: usize,
        /// Bytes of a window's copy: whole blocks.
        pub pitch: usize,
    }

    /// Convolution, two windows at a time.
    pub struct MveConv2d<P, R> {
        /// Sizes.
        pub sizes: MveConv2dSizes,
        /// The input's zero point, which pads it.
        pub in_zero_point: i8,
        /// What a pixel's outputs are.
        pub output: MveOutput,
        /// The loop over pairs of windows.
        pub pairs: P,
        /// The loop that copies windows.
        pub runs: R,
    }
}

/// Windows whose copies are worth room even where a row has fewer.
#[cfg(any(test, feature = "host"))]
const WINDOWS: usize = 24;

impl MveConv2dSizes {
    /// Sizes for a window, of whose copies there are at most so many bytes if more than one fit.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn of(window: Window, bytes: usize) -> Self {
        let w = &window;
        let pitch = (w.filter_h * w.filter_w * w.in_c).next_multiple_of(BLOCK);
        Self {
            window,
            row: ((w.out_w - 1) * w.stride_w + w.filter_w) * w.in_c,
            room: (bytes / pitch).clamp(2, (w.out_w + 1).max(WINDOWS)),
            pitch,
        }
    }

    /// The same where no rows are kept aside, if all windows lie within the input and those of a row are copied at once.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn where_it_is(self) -> Option<Self> {
        let w = &self.window;
        let inside = |pad: isize, out: usize, stride: usize, filter: usize, size: usize| {
            pad <= 0 && (out - 1) * stride + filter + pad.unsigned_abs() <= size
        };
        let is_inside = inside(w.pad_top, w.out_h, w.stride_h, w.filter_h, w.in_h)
            && inside(w.pad_left, w.out_w, w.stride_w, w.filter_w, w.in_w);
        let row = w.in_w * w.in_c;
        (is_inside && self.room > w.out_w).then_some(Self { row, ..self })
    }

    /// Bytes of the rows that are kept aside.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn kept(&self) -> usize {
        self.window.filter_h * self.row
    }

    /// Words of copies.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn words(&self) -> usize {
        self.room * self.pitch / 4
    }

    /// The least number of bytes by which the output may begin before the input: a row of windows is computed from the rows that are kept aside.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn distance(&self) -> usize {
        self.window.distance_behind_kept_rows()
    }

    /// The same where no rows are kept aside: a row of windows is copied before its first output is written.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn distance_where_it_is(&self) -> usize {
        let w = &self.window;
        let first = |image: usize, out_y: usize| {
            let row = out_y * w.stride_h + w.pad_top.unsigned_abs();
            image * w.in_image() + (row * w.in_w + w.pad_left.unsigned_abs()) * w.in_c
        };
        let mut distance = 0;
        for image in w.extreme_images() {
            for out_y in 0..w.out_h {
                let next = match (out_y + 1 < w.out_h, image + 1 < w.batches) {
                    (true, _) => first(image, out_y + 1),
                    (false, true) => first(image + 1, 0),
                    (false, false) => continue,
                };
                let written = (image * w.out_h + out_y + 1) * w.out_row();
                distance = distance.max(written.saturating_sub(next));
            }
        }
        distance
    }
}

impl<P: MvePairsLoops, R: MveRunsLoops> MveConv2d<P, R> {
    /// Computes the whole output; `rows` has as many bytes as the rows of a window or, where the input is read where it is, none; `pixels` has room for copies of windows. The output may begin as many bytes before the input as [`MveConv2dSizes`] says, or more.
    #[inline(always)]
    pub fn run(
        &self,
        x: &[Cell<i8>],
        weights: &[u32],
        rows: &[Cell<i8>],
        pixels: &[Cell<u32>],
        y: &[Cell<i8>],
    ) {
        let convolution = Convolution {
            sizes: &self.sizes,
            in_zero_point: self.in_zero_point,
            output: &self.output,
        };
        let loops = (self.pairs.pairs(), self.runs.runs());
        convolution.run(loops, x, weights, rows, pixels, y);
    }
}

/// A convolution, whatever its loops: firmware has its code once.
struct Convolution<'a> {
    sizes: &'a MveConv2dSizes,
    in_zero_point: i8,
    output: &'a MveOutput,
}

impl Convolution<'_> {
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    fn run(
        &self,
        (pairs, runs): (PairsLoop, RunsLoop),
        x: &[Cell<i8>],
        weights: &[u32],
        rows: &[Cell<i8>],
        pixels: &[Cell<u32>],
        y: &[Cell<i8>],
    ) {
        let w = &self.sizes.window;
        let MveOutput {
            channels,
            zero_point,
            ..
        } = *self.output;
        let mut pixels = Pixels {
            product: Product::new(weights, self.sizes.pitch, channels, zero_point),
            pairs,
            runs,
            inputs: within(pixels),
            room: self.sizes.room,
            waiting: 0,
            y,
            channels,
        };
        for batch in 0..w.batches {
            fill(rows, self.in_zero_point);
            self.image(
                part(x, batch * w.in_image(), w.in_image()),
                rows,
                &mut pixels,
            );
        }
        pixels.finish();
        self.output.clamp(y);
    }

    #[inline(always)]
    fn image(&self, x: &[Cell<i8>], rows: &[Cell<i8>], pixels: &mut Pixels<'_>) {
        let w = &self.sizes.window;
        // The row, counted from the first of padding, that is kept next, and where.
        let (mut next, mut slot) = (0, 0);
        for out_y in 0..w.out_h {
            let first = out_y * w.stride_h;
            let mut source = rows;
            if rows.is_empty() {
                let row = first + w.pad_top.unsigned_abs();
                let from = row * self.sizes.row + w.pad_left.unsigned_abs() * w.in_c;
                source = x.get(from..).unwrap_or(&[]);
            } else {
                while next < first + w.filter_h {
                    if next >= first {
                        let kept = part(rows, slot * self.sizes.row, self.sizes.row);
                        w.keep_row(x, next as isize - w.pad_top, self.in_zero_point, kept, copy);
                    }
                    next += 1;
                    slot = if slot + 1 < w.filter_h { slot + 1 } else { 0 };
                }
            }
            // The slot for the next row is that of the first one.
            self.windows(source, slot, pixels);
        }
    }

    /// A row of windows, whose first row is in a slot.
    #[inline(always)]
    fn windows(&self, rows: &[Cell<i8>], first: usize, pixels: &mut Pixels<'_>) {
        let MveConv2dSizes {
            window: w,
            row,
            room,
            pitch,
        } = self.sizes;
        let pixel = w.stride_w * w.in_c;
        let mut window = 0;
        while window < w.out_w {
            let count = (room - 1).min(w.out_w - window);
            let runs = |runs: usize| Runs {
                windows: count,
                pixel,
                runs,
                step: *row,
                len: w.filter_w * w.in_c,
                pitch: *pitch,
            };
            let from = |at: usize| rows.get(at + window * pixel..).unwrap_or(&[]);
            // From the first row to the end of those that are kept, and from there around.
            let parts = [
                (from(first * row), runs(w.filter_h - first)),
                (from(0), runs(first)),
            ];
            pixels.add(count, parts);
            window += count.max(1);
        }
    }
}
