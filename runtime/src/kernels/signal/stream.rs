//! Streams of samples: what is kept of earlier runs lies before the samples of this one.

use core::cell::Cell;

use super::super::{host_kernel, parameters, part, split};

parameters! {
    /// Samples of earlier runs before those of this one: each row's stream comes later.
    pub struct Delay {
        /// Samples of a row.
        pub frame: usize,
        /// By how many samples it is delayed.
        pub delay: usize,
    }

    /// Overlapping frames of a stream.
    pub struct Framer {
        /// Samples of a row.
        pub row: usize,
        /// Samples of a frame.
        pub frame: usize,
        /// Samples from a frame to the next one.
        pub step: usize,
        /// Samples kept of each row.
        pub kept: usize,
        /// How many steps of a row come before its first frame.
        pub missing: u32,
    }

    /// Vectors of a stream side by side, those of earlier runs first.
    pub struct Stacker {
        /// Elements of a vector.
        pub channels: usize,
        /// Vectors before the one in the middle.
        pub left: u32,
        /// Vectors side by side.
        pub vectors: u32,
        /// Vectors from an output to the next one.
        pub step: u32,
    }

    /// Sizes of frames that are added where they overlap.
    pub struct Overlap {
        /// Frames of a row.
        pub frames: usize,
        /// Samples of a frame.
        pub frame: usize,
        /// Samples from a frame to the next one.
        pub step: usize,
    }

    /// Overlapping frames of int16 as a stream.
    pub struct OverlapAddI16 {
        /// Sizes.
        pub sizes: Overlap,
    }

    /// Overlapping frames of float32 as a stream.
    pub struct OverlapAddF32 {
        /// Sizes.
        pub sizes: Overlap,
    }
}

host_kernel! {
    Delay(x, kept, y);
    Framer(x, kept, count, y, valid);
    Stacker(x, kept, count, y, valid);
    OverlapAddI16(x, kept, y);
    OverlapAddF32(x, kept, y);
}

/// Gives the first samples of what is kept and what is new, and keeps the last ones.
#[inline(always)]
fn slide(kept: &[Cell<i16>], x: &[Cell<i16>], y: &[Cell<i16>]) {
    for (y, from) in y.iter().zip(kept.iter().chain(x)) {
        y.set(from.get());
    }
    let later = kept.iter().chain(x).skip(x.len());
    for (now, later) in kept.iter().zip(later) {
        now.set(later.get());
    }
}

#[cfg_attr(debug_assertions, inline)]
fn zero(y: &[Cell<i16>]) {
    y.iter().for_each(|y| y.set(0));
}

impl Delay {
    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, mut x: &[Cell<i16>], mut kept: &[Cell<i16>], mut y: &[Cell<i16>]) {
        while !y.is_empty() && self.frame > 0 {
            let ((x_row, xs), (y_row, ys)) = (split(x, self.frame), split(y, self.frame));
            let (kept_row, others) = split(kept, self.delay);
            slide(kept_row, x_row, y_row);
            (x, y, kept) = (xs, ys, others);
        }
    }
}

impl Framer {
    /// Computes all frames, and whether the stream has samples for all of them; frames without are zeros. `count` is of
    /// the steps that came before.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(
        &self,
        x: &[Cell<i16>],
        kept: &[Cell<i16>],
        count: &[Cell<u32>],
        y: &[Cell<i16>],
        valid: &[Cell<u8>],
    ) {
        let ([count, ..], [valid, ..]) = (count, valid) else {
            return;
        };
        let frames = self.row.checked_div(self.step).unwrap_or(0);
        let (mut frame, mut row) = (0, 0);
        let mut all = true;
        let mut steps = count.get();
        while let Some(rest) = x.get(frame * self.step..).filter(|rest| !rest.is_empty()) {
            if frame == (row + 1) * frames {
                row += 1;
                steps = count.get();
            }
            let kept = part(kept, row * self.kept, self.kept);
            let y = part(y, frame * self.frame, self.frame);
            slide(kept, part(rest, 0, self.step), y);
            if steps < self.missing {
                steps += 1;
                all = false;
                zero(y);
            }
            frame += 1;
            if frames == 0 {
                return;
            }
        }
        count.set(steps);
        valid.set(all.into());
    }
}

impl Stacker {
    /// Computes the output, and whether it is one; it is zeros where not. `count` is of vectors that wait, and one more;
    /// 0 before the first.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(
        &self,
        x: &[Cell<i16>],
        kept: &[Cell<i16>],
        count: &[Cell<u32>],
        y: &[Cell<i16>],
        valid: &[Cell<u8>],
    ) {
        let ([count, ..], [valid, ..]) = (count, valid) else {
            return;
        };
        let x = part(x, 0, self.channels);
        let waiting = match count.get() {
            0 => {
                // The first vector stands for those before it, too.
                for (kept, x) in kept.iter().zip(x.iter().cycle()) {
                    kept.set(x.get());
                }
                self.left.wrapping_add(1)
            }
            more => more,
        };
        slide(kept, x, y);
        let whole = waiting >= self.vectors;
        if whole {
            count.set(waiting.wrapping_sub(self.step).wrapping_add(1));
        } else {
            count.set(waiting.wrapping_add(1));
            zero(y);
        }
        valid.set(whole.into());
    }
}

impl Overlap {
    #[inline(always)]
    fn run<T: Copy + Default>(
        &self,
        mut x: &[Cell<T>],
        mut kept: &[Cell<T>],
        mut y: &[Cell<T>],
        add: impl Fn(T, T) -> T,
    ) {
        let keep = self.frame.saturating_sub(self.step);
        while !y.is_empty() && self.step > 0 && self.frames > 0 {
            let (row, rows) = split(kept, keep);
            for _ in 0..self.frames {
                let ((frame, xs), (out, ys)) = (split(x, self.frame), split(y, self.step));
                let sum = |at: usize| {
                    let x = frame.get(at).map_or(T::default(), Cell::get);
                    row.get(at).map_or(x, |kept| add(x, kept.get()))
                };
                for (at, out) in out.iter().enumerate() {
                    out.set(sum(at));
                }
                for (at, kept) in row.iter().enumerate() {
                    kept.set(sum(at + self.step));
                }
                (x, y) = (xs, ys);
            }
            kept = rows;
        }
    }
}

impl OverlapAddI16 {
    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<i16>], kept: &[Cell<i16>], y: &[Cell<i16>]) {
        self.sizes.run(x, kept, y, i16::saturating_add);
    }
}

impl OverlapAddF32 {
    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<f32>], kept: &[Cell<f32>], y: &[Cell<f32>]) {
        self.sizes.run(x, kept, y, |x, kept| kept + x);
    }
}
