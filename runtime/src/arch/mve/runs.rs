//! Windows of an image, one behind the other: each is some runs of neighbouring bytes.

use core::cell::Cell;

/// Bytes that are copied at once.
const CHUNK: usize = 16;

/// What the loop is told. Distances are bytes, and may go back.
#[derive(Debug)]
#[repr(C)]
struct Call {
    x: *const i8,
    to: *mut i8,
    windows: usize,
    /// From a window to the next one.
    pixel: usize,
    /// Of a window: at least one.
    runs: usize,
    /// From the end of a run's last chunk to the next run.
    x_gap: isize,
    to_gap: isize,
    /// From a window's copy to the next one's.
    pitch: usize,
    /// Bytes of a run's last chunk.
    last: usize,
}

/// Where the runs of windows are, and where they go. Distances are bytes.
#[derive(Debug, Clone, Copy)]
pub struct Runs {
    /// How many windows.
    pub windows: usize,
    /// From a window to the next one.
    pub pixel: usize,
    /// Runs of a window.
    pub runs: usize,
    /// From a run to the next one.
    pub step: usize,
    /// Bytes of a run.
    pub len: usize,
    /// From a window's copy to the next one's.
    pub pitch: usize,
}

/// Copies as many bytes as both have, from the first one on.
#[inline(always)]
pub fn copy(from: &[Cell<i8>], to: &[Cell<i8>]) {
    let count = from.len().min(to.len());
    // SAFETY: both have as many bytes, and cells may be written.
    unsafe { copy_bytes::<CHUNK>(to.as_ptr().cast_mut().cast(), from.as_ptr().cast(), count) }
}

/// Loops that copy.
pub trait MveRunsLoops: Copy {
    /// The loop.
    fn runs(&self) -> RunsLoop;
}

/// What copies runs of so many chunks.
#[derive(Debug, Clone, Copy)]
pub struct RunsLoop {
    chunks: usize,
    is_whole: bool,
    #[cfg_attr(not(all(target_arch = "arm", target_os = "none")), allow(dead_code))]
    run: Loop,
}

/// [`MveRunsLoops`] for runs of so many `CHUNKS`, of which the last is `WHOLE` or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MveRuns<const CHUNKS: usize, const WHOLE: bool>;

/// The same, known when the generator runs.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AnyMveRuns {
    pub chunks: usize,
    pub whole: bool,
}

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
impl AnyMveRuns {
    /// The most bytes of a run: its chunks are a line of code each.
    pub const MOST: usize = 32 * CHUNK;

    /// For runs of so many bytes.
    #[must_use]
    pub fn of(len: usize) -> Self {
        Self {
            chunks: len.div_ceil(CHUNK),
            whole: len.is_multiple_of(CHUNK),
        }
    }
}

impl RunsLoop {
    /// Copies runs; those of a window one behind the other. Of slices that do not fit, it copies nothing.
    #[inline(always)]
    pub fn copy(&self, x: &[Cell<i8>], to: &[Cell<i8>], runs: &Runs) {
        let Runs { len, .. } = *runs;
        let (Some(last_window), Some(last_run)) =
            (runs.windows.checked_sub(1), runs.runs.checked_sub(1))
        else {
            return;
        };
        let read = last_window * runs.pixel + last_run * runs.step + len;
        let written = last_window * runs.pitch + runs.runs * len;
        let is_whole = len.is_multiple_of(CHUNK);
        let fits = len.div_ceil(CHUNK) == self.chunks && is_whole == self.is_whole;
        if len == 0 || !fits || read > x.len() || written > to.len() {
            return;
        }
        let chunks = (self.chunks * CHUNK) as isize;
        let call = Call {
            x: x.as_ptr().cast(),
            to: to.as_ptr().cast_mut().cast(),
            windows: runs.windows,
            pixel: runs.pixel,
            runs: runs.runs,
            x_gap: runs.step as isize - chunks,
            to_gap: len as isize - chunks,
            pitch: runs.pitch,
            last: len - (self.chunks - 1) * CHUNK,
        };
        // SAFETY: all runs lie within `x`, and their copies within `to`, both checked above; cells may be written. The references last until it
        // returns.
        unsafe { run(self, &call) }
    }
}

impl<const CHUNKS: usize, const WHOLE: bool> MveRunsLoops for MveRuns<CHUNKS, WHOLE> {
    #[inline(always)]
    fn runs(&self) -> RunsLoop {
        RunsLoop {
            chunks: CHUNKS,
            is_whole: WHOLE,
            run: device::runs::<CHUNKS, WHOLE>(),
        }
    }
}

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
impl MveRunsLoops for AnyMveRuns {
    fn runs(&self) -> RunsLoop {
        RunsLoop {
            chunks: self.chunks,
            is_whole: self.whole,
            run: (),
        }
    }
}

use device::{Loop, copy_bytes, run};

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod device {
    //! r0 and r1: a run and its copy, r2 and r3: those of the window; r4: windows; r5: from a window to the next, r6: its runs, r7 and r8: the gaps, r9: from a copy to
    //! the next.

    use core::arch::naked_asm;
    use core::mem::offset_of;

    use super::{Call, RunsLoop};

    pub(super) type Loop = unsafe extern "C" fn(&Call);

    #[inline(always)]
    pub(super) fn runs<const CHUNKS: usize, const WHOLE: bool>() -> Loop {
        copy::<CHUNKS, WHOLE>
    }

    /// # Safety
    /// As [`RunsLoop::copy`] has it.
    #[inline(always)]
    pub(super) unsafe fn run(runs: &RunsLoop, call: &Call) {
        // SAFETY: as the caller has it.
        unsafe { (runs.run)(call) }
    }

    /// # Safety
    /// Both have so many bytes.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn copy_bytes<const CHUNK: usize>(
        to: *mut i8,
        from: *const i8,
        count: usize,
    ) {
        naked_asm!(
            ".cpu cortex-m55",
            "push {{r7, lr}}",
            "wlstp.8 lr, r2, 3f",
            "2:",
            "vldrb.u8 q0, [r1], #{chunk}",
            "vstrb.8 q0, [r0], #{chunk}",
            "letp lr, 2b",
            "3: pop {{r7, pc}}",
            chunk = const CHUNK,
        )
    }

    #[unsafe(naked)]
    unsafe extern "C" fn copy<const CHUNKS: usize, const WHOLE: bool>(call: &Call) {
        naked_asm!(
            ".cpu cortex-m55",
            "push {{r4-r9, lr}}",
            ".if {rest}",
            "ldr r4, [r0, #{last}]",
            "vctp.8 r4",
            ".endif",
            "ldrd r2, r3, [r0, #{x}]",
            "ldrd r4, r5, [r0, #{windows}]",
            "ldrd r6, r7, [r0, #{runs}]",
            "ldrd r8, r9, [r0, #{to_gap}]",
            "2:",
            "mov r0, r2",
            "mov r1, r3",
            "dls lr, r6",
            "3:",
            ".rept {whole}",
            "vldrb.u8 q0, [r0], #16",
            "vstrb.8 q0, [r1], #16",
            ".endr",
            ".if {rest}",
            "vpstt",
            "vldrbt.u8 q0, [r0], #16",
            "vstrbt.8 q0, [r1], #16",
            ".endif",
            "add r0, r7",
            "add r1, r8",
            "le lr, 3b",
            "add r2, r5",
            "add r3, r9",
            "subs r4, #1",
            "bne 2b",
            "pop {{r4-r9, pc}}",
            whole = const if WHOLE { CHUNKS } else { CHUNKS - 1 },
            rest = const !WHOLE as usize,
            x = const offset_of!(Call, x),
            windows = const offset_of!(Call, windows),
            runs = const offset_of!(Call, runs),
            to_gap = const offset_of!(Call, to_gap),
            last = const offset_of!(Call, last),
        )
    }
}

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod device {
    //! In Rust.

    use super::{CHUNK, Call, RunsLoop};

    pub(super) type Loop = ();

    pub(super) fn runs<const CHUNKS: usize, const WHOLE: bool>() {}

    /// # Safety
    /// Both have so many bytes.
    pub(super) unsafe fn copy_bytes<const CHUNK: usize>(
        to: *mut i8,
        from: *const i8,
        count: usize,
    ) {
        for at in 0..count {
            // SAFETY: as the caller has it.
            unsafe { to.add(at).write(from.add(at).read()) }
        }
    }

    /// # Safety
    /// As [`RunsLoop::copy`] has it.
    #[cfg_attr(debug_assertions, inline)]
    pub(super) unsafe fn run(runs: &RunsLoop, call: &Call) {
        let whole = (runs.chunks - 1) * CHUNK;
        for window in 0..call.windows {
            let mut x = call.x.wrapping_add(window * call.pixel);
            let mut to = call.to.wrapping_add(window * call.pitch);
            for _ in 0..call.runs {
                for at in 0..whole + call.last {
                    // SAFETY: as the caller has it.
                    unsafe { to.add(at).write(x.add(at).read()) }
                }
                let chunks = (whole + CHUNK) as isize;
                x = x.wrapping_offset(chunks + call.x_gap);
                to = to.wrapping_offset(chunks + call.to_gap);
            }
        }
    }
}
