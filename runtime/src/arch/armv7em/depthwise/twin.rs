//! The loops in Rust, instruction by instruction.

use super::super::AnyEpilogue;
use super::super::instructions::{pkhbt, pkhtb, smlabt, smlad, smlatb, sxtb16};
use super::{
    Away, Depthwise, DepthwiseLoops, DepthwiseRow, Long, OnceI16, ROWS, Rows, Run, STARTS, Short,
    Signed, TwiceI16,
};

/// [`DepthwiseLoops`], known when the generator runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnyDepthwise {
    /// How sums become outputs.
    pub epilogue: AnyEpilogue,
    /// Columns from a window to the next.
    pub stride: usize,
    /// Outputs at once, and how many are left at the end of a row.
    pub at_once: [usize; 2],
}

/// A loop for so many outputs at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loop {
    depthwise: AnyDepthwise,
    at_once: usize,
    /// Whether that is a row.
    is_row: bool,
}

/// The same of inputs and outputs of 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnyDepthwiseI16(pub AnyDepthwise);

impl DepthwiseLoops for AnyDepthwiseI16 {
    type Value = i16;

    #[cfg_attr(debug_assertions, inline)]
    fn loops(&self) -> DepthwiseRow {
        self.0.loops()
    }
}

impl DepthwiseLoops for AnyDepthwise {
    type Value = i8;

    #[cfg_attr(debug_assertions, inline)]
    fn loops(&self) -> DepthwiseRow {
        let of = |at_once, is_row| {
            (at_once > 0).then_some(Loop {
                depthwise: *self,
                at_once,
                is_row,
            })
        };
        let [whole, last] = self.at_once;
        let [bytes, _] = self.epilogue.bytes();
        DepthwiseRow {
            bytes,
            stride: self.stride,
            at_once: self.at_once,
            constants: self.epilogue.constants(),
            whole: of(whole, false),
            last: of(last, true),
            planar: PlanarLoop { bytes },
        }
    }
}

/// # Safety
/// What the call says lies within what the pointers point to.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn run_loop(
    Loop {
        depthwise,
        at_once,
        is_row,
    }: Loop,
    mut weights: *const u32,
    mut channel: *const u32,
    mut y: *mut i8,
    run: &Run,
) {
    let constants = depthwise.epilogue.constants();
    let [bytes, _] = depthwise.epilogue.bytes();
    // SAFETY: what the call says lies within what the pointers point to (the caller).
    unsafe {
        while weights != run.end {
            let (mut x, mut to) = (channel, y);
            let of_channel: [u32; 3] = core::array::from_fn(|i| match i < constants {
                true => weights.add(STARTS + i).read(),
                false => 0,
            });
            let mut is_done = false;
            while !is_done {
                let second = x.byte_offset(run.second);
                let rows = [x, second, second.byte_offset(run.third)];
                for i in 0..at_once {
                    let sum = depthwise.sum(weights, rows, i);
                    let output = depthwise
                        .epilogue
                        .finish(sum, false, &of_channel[..constants]);
                    let to = to.offset(i as isize * run.step);
                    match bytes {
                        1 => to.write(output as i8),
                        _ => to.cast::<i16>().write(output),
                    }
                }
                x = rows[2].wrapping_byte_offset(run.next);
                to = to.wrapping_offset(run.outputs);
                is_done = is_row || x == channel.byte_offset(run.span);
            }
            weights = weights.add(STARTS + constants);
            channel = match is_row {
                true => x,
                false => channel.wrapping_byte_offset(run.channel),
            };
            y = y.wrapping_add(bytes);
        }
    }
}

impl AnyDepthwise {
    /// The sum of an output's window, times what weights are kept times.
    ///
    /// # Safety
    /// Its words lie behind `rows`, and a channel behind `weights`.
    #[cfg_attr(debug_assertions, inline)]
    unsafe fn sum(&self, weights: *const u32, rows: [*const u32; ROWS], output: usize) -> u32 {
        // SAFETY: as the caller has it.
        unsafe {
            let mut sum = weights.add(2 * ROWS).read();
            for (row, x) in rows.into_iter().enumerate() {
                let [a, b] = [0, 1].map(|i| weights.add(2 * row + i).read());
                let x = |word: usize| x.add(word).read();
                let word = output * self.stride / 2;
                sum = match self.stride == 1 && output % 2 == 1 {
                    true => smlatb(x(word), a, smlad(x(word + 1), b, sum)),
                    false => smlabt(x(word + 1), b, smlad(x(word), a, sum)),
                };
            }
            sum
        }
    }
}

macro_rules! as_any {
    ($([$($generic:tt)*] $epilogue:ty, $value:ty = $any:expr;)*) => {$(
        impl<$($generic)* const STRIDE: usize, const AT_ONCE: usize, const LEFT: usize> DepthwiseLoops
            for Depthwise<$epilogue, STRIDE, AT_ONCE, LEFT>
        {
            type Value = $value;

            #[cfg_attr(debug_assertions, inline)]
            fn loops(&self) -> DepthwiseRow {
                AnyDepthwise { epilogue: $any, stride: STRIDE, at_once: [AT_ONCE, LEFT] }.loops()
            }
        }
    )*};
}
as_any! {
    [const SHIFT: u32,] Short<SHIFT>, i8 = AnyEpilogue::Short(SHIFT);
    [const SHIFT: u32,] Away<SHIFT>, i8 = AnyEpilogue::Away(SHIFT);
    [const SHIFT: u32,] Signed<SHIFT>, i8 = AnyEpilogue::Signed(SHIFT);
    [] Long, i8 = AnyEpilogue::Long;
    [] OnceI16, i16 = AnyEpilogue::OnceI16;
    [] TwiceI16, i16 = AnyEpilogue::TwiceI16;
}

/// See [`DepthwiseRow::planar`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlanarLoop {
    /// Bytes of an input.
    bytes: usize,
}

/// # Safety
/// What the rows say lies within what their pointers point to.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn run_planar(PlanarLoop { bytes }: PlanarLoop, rows: &Rows) {
    // SAFETY: as the caller has it.
    unsafe {
        for (row, group) in (0..rows.rows).flat_map(|row| (0..rows.groups).map(move |g| (row, g))) {
            let word = |pixel: usize, word: usize| {
                let at = rows
                    .x
                    .add(row * rows.row + pixel * rows.pixel + group * 4 * bytes);
                u32::from_le(at.cast::<u32>().add(word).read_unaligned())
            };
            let mut to = rows
                .to
                .byte_add(row * rows.to_row + group * 4 * rows.channel);
            // Channels 0 2 and 1 3 of two neighbours, or 0 1 and 2 3.
            let [beside, of_other] = match bytes {
                1 => [1, 2],
                _ => [2, 1],
            };
            let mut write = |left: [u32; 2], right: [u32; 2]| {
                for (i, (left, right)) in left.into_iter().zip(right).enumerate() {
                    let to = to.byte_add(i * beside * rows.channel);
                    to.write(pkhbt::<16>(left, right));
                    let other = pkhtb::<16>(right, left);
                    to.byte_add(of_other * rows.channel).write(other);
                }
                to = to.add(1);
            };
            let widened = |pixel| match bytes {
                1 => [sxtb16::<0>(word(pixel, 0)), sxtb16::<8>(word(pixel, 0))],
                _ => [word(pixel, 0), word(pixel, 1)],
            };
            let padding = [rows.padding; 2];
            let mut pixel = 0;
            if rows.first != 0 {
                write(padding, widened(0));
                pixel = 1;
            }
            for _ in 0..rows.pairs {
                write(widened(pixel), widened(pixel + 1));
                pixel += 2;
            }
            if rows.last != 0 {
                write(widened(pixel), padding);
            }
        }
    }
}
