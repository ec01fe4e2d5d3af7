//! CONV_2D of any window without dilation, and of single pixels.

use core::cell::Cell;

use super::{SwarOutput, parameters};
use crate::arch::memory::{copy, fill};
use crate::arch::swar::{MOST_WINDOWS, Matrix, Swar, pack};
use crate::kernels::{Window, part};

parameters! {
    /// Rows of inputs times a matrix, several at a time.
    pub struct SwarPointwise<S> {
        /// Rows of inputs: the batch, or pixels; at least as many as are computed at once.
        pub rows: usize,
        /// Inputs of a row.
        pub inputs: usize,
        /// What a row's outputs are.
        pub output: SwarOutput,
        /// The loops.
        pub swar: S,
    }

    /// Convolution, several windows at a time.
    pub struct SwarConv2d<S> {
        /// Geometry without dilation; at least as many windows as are computed at once.
        pub window: Window,
        /// The input's zero point, which pads it.
        pub in_zero_point: i8,
        /// What a pixel's outputs are.
        pub output: SwarOutput,
        /// The loops.
        pub swar: S,
    }
}

impl<S: Swar> SwarPointwise<S> {
    /// Computes all outputs; `words` has room for the inputs of the rows that are computed at once.
    #[inline(never)]
    pub fn run(&self, x: &[Cell<i8>], weights: &[u32], words: &[Cell<u32>], y: &[Cell<i8>]) {
        let SwarOutput {
            channels,
            shift,
            fine,
            ..
        } = self.output;
        let Some(matrix) = Matrix::<S>::new(weights, self.inputs, channels, [shift, fine]) else {
            return;
        };
        let Some(last) = self.rows.checked_sub(S::WINDOWS) else {
            return;
        };
        let mut row = 0;
        while row < self.rows {
            let first = row.min(last);
            let mut place = first * self.inputs;
            let mut places = [0; MOST_WINDOWS];
            for to in &mut places {
                *to = place;
                place += self.inputs;
            }
            pack::<S>(x, &places, self.inputs, words);
            let y = part(y, first * channels, S::WINDOWS * channels);
            matrix.outputs(words, y);
            row += S::WINDOWS;
        }
        self.output.clamp(y);
    }
}

/// Where a window begins in the input, or before it.
#[derive(Clone, Copy, Default)]
struct Origin {
    row: isize,
    column: isize,
}

impl<S: Swar> SwarConv2d<S> {
    /// Computes the whole output; `words` has room for the inputs of the windows that are computed at once, as has `gathered` if any crosses a border.
    #[inline(never)]
    pub fn run(
        &self,
        x: &[Cell<i8>],
        weights: &[u32],
        words: &[Cell<u32>],
        gathered: &[Cell<i8>],
        y: &[Cell<i8>],
    ) {
        let w = &self.window;
        let inputs = w.filter_h * w.filter_w * w.in_c;
        let SwarOutput {
            channels,
            shift,
            fine,
            ..
        } = self.output;
        let Some(matrix) = Matrix::<S>::new(weights, inputs, channels, [shift, fine]) else {
            return;
        };
        let out_image = w.out_h * w.out_row();
        for batch in 0..w.batches {
            let image = part(x, batch * w.in_image(), w.in_image());
            let y = part(y, batch * out_image, out_image);
            self.image(&matrix, image, words, gathered, y);
        }
        self.output.clamp(y);
    }

    #[inline(always)]
    fn image(
        &self,
        matrix: &Matrix<'_, S>,
        x: &[Cell<i8>],
        words: &[Cell<u32>],
        gathered: &[Cell<i8>],
        y: &[Cell<i8>],
    ) {
        let w = &self.window;
        let windows = w.out_h * w.out_w;
        // The next window, and where it is.
        let (mut next, mut out_y, mut out_x) = (0, 0, 0);
        while next < windows {
            // The last ones are computed together with some that have been.
            while next > 0 && next + S::WINDOWS > windows {
                next -= 1;
                (out_y, out_x) = match out_x {
                    0 => (out_y - 1, w.out_w - 1),
                    _ => (out_y, out_x - 1),
                };
            }
            let first = next;
            let mut origins = [Origin::default(); MOST_WINDOWS];
            for origin in origins.iter_mut().take(S::WINDOWS) {
                *origin = Origin {
                    row: (out_y * w.stride_h) as isize - w.pad_top,
                    column: (out_x * w.stride_w) as isize - w.pad_left,
                };
                next += 1;
                out_x += 1;
                if out_x == w.out_w {
                    (out_y, out_x) = (out_y + 1, 0);
                }
            }
            self.pack(x, &origins, words, gathered);
            let channels = self.output.channels;
            matrix.outputs(words, part(y, first * channels, S::WINDOWS * channels));
        }
    }

    /// Packs the inputs of windows: row by row where all lie within the input, or what was gathered of each.
    #[inline(never)]
    fn pack(
        &self,
        x: &[Cell<i8>],
        origins: &[Origin; MOST_WINDOWS],
        words: &[Cell<u32>],
        gathered: &[Cell<i8>],
    ) {
        let w = &self.window;
        let run = w.filter_w * w.in_c;
        let mut places = [0; MOST_WINDOWS];
        if !origins.iter().take(S::WINDOWS).all(|o| self.is_inside(*o)) {
            let inputs = w.filter_h * run;
            for (n, (origin, place)) in origins.iter().zip(&mut places).take(S::WINDOWS).enumerate()
            {
                *place = n * inputs;
                self.gather(x, *origin, part(gathered, *place, inputs));
            }
            pack::<S>(gathered, &places, inputs, words);
            return;
        }
        for (origin, place) in origins.iter().zip(&mut places) {
            *place = (origin.row as usize * w.in_w + origin.column as usize) * w.in_c;
        }
        let mut words = words;
        for _ in 0..w.filter_h {
            pack::<S>(x, &places, run, words);
            places
                .iter_mut()
                .for_each(|place| *place += w.in_w * w.in_c);
            words = words.get(run * S::WORDS..).unwrap_or(&[]);
        }
    }

    #[inline(always)]
    fn is_inside(&self, origin: Origin) -> bool {
        let w = &self.window;
        let fits = |at: isize, filter: usize, size: usize| {
            usize::try_from(at).is_ok_and(|at| at + filter <= size)
        };
        fits(origin.row, w.filter_h, w.in_h) && fits(origin.column, w.filter_w, w.in_w)
    }

    /// The inputs of one window, and its padding.
    #[inline(always)]
    fn gather(&self, x: &[Cell<i8>], origin: Origin, to: &[Cell<i8>]) {
        let w = &self.window;
        fill(to, self.in_zero_point);
        let skipped = origin.column.min(0).unsigned_abs().min(w.filter_w);
        let from = origin.column.max(0) as usize;
        let count = w.in_w.saturating_sub(from).min(w.filter_w - skipped);
        let mut to = to.get(skipped * w.in_c..).unwrap_or(&[]);
        for row in (origin.row..).take(w.filter_h) {
            if let Ok(row) = usize::try_from(row)
                && row < w.in_h
            {
                let x = part(x, (row * w.in_w + from) * w.in_c, count * w.in_c);
                copy(x, to);
            }
            to = to.get(w.filter_w * w.in_c..).unwrap_or(&[]);
        }
    }
}
