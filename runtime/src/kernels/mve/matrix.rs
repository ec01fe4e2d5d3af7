//! FULLY_CONNECTED, and convolutions of single pixels.

use core::cell::Cell;

use super::{MveOutput, Pixels, parameters};
use crate::arch::memory::within;
use crate::arch::mve::{
    BLOCK, MvePairsLoops, MveRowLoops, MveRunsLoops, PairsLoop, Product, RowLoop, Runs, RunsLoop,
    copy,
};
use crate::kernels::part;

parameters! {
    /// One row of inputs times a matrix.
    pub struct MveFullyConnected<R> {
        /// Inputs.
        pub inputs: usize,
        /// What its outputs are.
        pub output: MveOutput,
        /// The loop.
        pub row: R,
    }

    /// Rows of inputs times a matrix, two at a time.
    pub struct MvePointwise<P, R> {
        /// Rows of inputs: the batch, or pixels.
        pub rows: usize,
        /// Inputs of a row.
        pub inputs: usize,
        /// Rows whose copies there is room for, two or more; none where inputs are whole blocks, and the loop
        /// copies a pair.
        pub room: usize,
        /// What a row's outputs are.
        pub output: MveOutput,
        /// The loop over pairs of rows.
        pub pairs: P,
        /// The loop that copies rows.
        pub runs: R,
    }
}

impl<R: MveRowLoops> MveFullyConnected<R> {
    /// Computes all outputs; `padded` has room for the inputs in whole blocks, where they are not. The output may not overwrite the input.
    #[inline(always)]
    pub fn run(&self, x: &[Cell<i8>], weights: &[u32], padded: &[Cell<u32>], y: &[Cell<i8>]) {
        one(
            self.inputs,
            &self.output,
            self.row.row(),
            x,
            weights,
            padded,
            y,
        );
    }
}

impl<P, R> MvePointwise<P, R> {
    /// The least number of bytes by which the output may begin before the input: a row less than there is room for is read before the outputs of these rows are
    /// written, or a pair.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn distance(&self) -> usize {
        let chunk = self.room.max(3) - 1;
        let chunks = self.rows.saturating_sub(1) / chunk;
        let grows = self.output.channels.saturating_sub(self.inputs);
        chunks * chunk * grows
    }
}

impl<P: MvePairsLoops, R: MveRunsLoops> MvePointwise<P, R> {
    /// Computes all outputs; `pixels` has room for copies of rows, two at least, in whole blocks. The output may begin
    /// [`distance`](Self::distance) bytes before the input, or more.
    #[inline(always)]
    pub fn run(&self, x: &[Cell<i8>], weights: &[u32], pixels: &[Cell<u32>], y: &[Cell<i8>]) {
        several(
            [self.rows, self.inputs, self.room],
            &self.output,
            (self.pairs.pairs(), self.runs.runs()),
            x,
            weights,
            pixels,
            y,
        );
    }
}

/// Functions of their own, whatever the loops: firmware has them once.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(never))]
fn one(
    inputs: usize,
    output: &MveOutput,
    row: RowLoop,
    x: &[Cell<i8>],
    weights: &[u32],
    padded: &[Cell<u32>],
    y: &[Cell<i8>],
) {
    let whole = inputs.next_multiple_of(BLOCK);
    let product = Product::new(weights, whole, output.channels, output.zero_point);
    match whole == inputs {
        true => product.row(&row, x, y),
        false => {
            let padded = within(padded);
            copy(part(x, 0, inputs), padded);
            product.row(&row, padded, y);
        }
    }
    output.clamp(y);
}

#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(never))]
fn several(
    [rows, inputs, room]: [usize; 3],
    output: &MveOutput,
    (pairs, runs): (PairsLoop, RunsLoop),
    x: &[Cell<i8>],
    weights: &[u32],
    pixels: &[Cell<u32>],
    y: &[Cell<i8>],
) {
    let pitch = inputs.next_multiple_of(BLOCK);
    let channels = output.channels;
    let product = Product::new(weights, pitch, channels, output.zero_point);
    if room == 0 {
        product.pixels_aside(&pairs, x, within(pixels), rows, y);
        output.clamp(y);
        return;
    }
    let mut first = 0;
    let mut pixels = Pixels {
        product,
        pairs,
        runs,
        inputs: within(pixels),
        room,
        waiting: 0,
        y,
        channels,
    };
    while first < rows {
        let count = (room - 1).min(rows - first);
        let runs = Runs {
            windows: count,
            pixel: inputs,
            runs: 1,
            step: inputs,
            len: inputs,
            pitch,
        };
        let x = x.get(first * inputs..).unwrap_or(&[]);
        pixels.add(count, [(x, runs), (&[], Runs { runs: 0, ..runs })]);
        first += count;
    }
    pixels.finish();
    output.clamp(y);
}
