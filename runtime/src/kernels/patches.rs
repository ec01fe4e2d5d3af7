//! A row of a stream's stage by patches: several kernels, one after the other, for a strip of the row's columns at a time.
//!
//! What lies between the kernels is as wide as a strip, and no wider than its windows need. Rows and columns that several patches need
//! are computed for each of them: less memory for more work. A patch that reaches beyond its image has padding there. So all patches of a
//! stage have one size, and each of its kernels computes an image of that size.

use core::cell::Cell;

use super::{parameters, part};
use crate::arch::memory::{copy, fill};

parameters! {
    /// What a kernel reads of an image.
    pub struct Patch {
        /// Where it lies.
        pub start: usize,
        /// Its rows and columns.
        pub size: [usize; 2],
        /// Bytes of a pixel.
        pub pixel: usize,
        /// Rows and columns of the image.
        pub image: [usize; 2],
        /// By how many rows and columns the next one begins further down, and further to the right.
        pub stride: [usize; 2],
        /// By how many rows and columns the first one begins before the image.
        pub before: [usize; 2],
        /// Each byte of what lies outside of the image.
        pub padding: i8,
    }
}

/// Kernels that compute a row patch by patch.
#[derive(Clone, Copy)]
#[cfg_attr(any(test, feature = "host"), derive(Debug))]
pub struct Patches<const KERNELS: usize> {
    /// What each kernel reads: the first one a part of the rows that the stage reads, each other what the one before it writes.
    pub patches: [Patch; KERNELS],
    /// Patches of a row.
    pub strips: usize,
}

impl<const KERNELS: usize> Patches<KERNELS> {
    /// Computes a row. `from` is where the first row that the stage reads begins in the arena, and `compute` is given a kernel and a strip.
    #[inline(always)]
    pub fn run(
        &self,
        arena: &[Cell<i8>],
        from: usize,
        row: usize,
        mut compute: impl FnMut(usize, usize),
    ) {
        for strip in 0..self.strips {
            for (kernel, patch) in self.patches.iter().enumerate() {
                let from = if kernel == 0 { Some(from) } else { None };
                patch.prepare(arena, from, row, strip);
                compute(kernel, strip);
            }
        }
    }
}

impl Patch {
    /// Writes what a patch has of the image, if it is there as rows that begin at `from`, and what it has of padding.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    pub fn prepare(&self, arena: &[Cell<i8>], from: Option<usize>, row: usize, strip: usize) {
        let Self {
            size: [rows, columns],
            pixel,
            image: [height, width],
            before: [above, left],
            ..
        } = *self;
        let [down, across] = self.stride;
        // Columns before the image, and columns of it before the patch.
        let (missing, skipped) = (
            left.saturating_sub(strip * across),
            (strip * across).saturating_sub(left),
        );
        let (missing, inside) = (
            missing.min(columns) * pixel,
            columns
                .saturating_sub(missing)
                .min(width.saturating_sub(skipped))
                * pixel,
        );
        let bytes = columns * pixel;
        for at in 0..rows {
            let line = part(arena, self.start + at * bytes, bytes);
            // Rows before the image come out as very large ones.
            if (row * down + at).wrapping_sub(above) >= height {
                fill(line, self.padding);
                continue;
            }
            if let Some(from) = from {
                let of_image = from + (at * width + skipped) * pixel;
                copy(part(arena, of_image, inside), part(line, missing, inside));
            }
            fill(part(line, 0, missing), self.padding);
            let end = missing + inside;
            fill(part(line, end, bytes - end.min(bytes)), self.padding);
        }
    }
}
