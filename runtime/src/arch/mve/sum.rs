//! A sum of two rows of bytes, each times a factor: four elements in seven instructions.

use core::cell::Cell;

use crate::kernels::Source;

/// Bits that the two instructions shift by which narrow a sum.
pub(super) const FIRST: u32 = 13;
pub(super) const SECOND: u32 = 8;

/// What the loop is told.
#[derive(Debug)]
#[repr(C)]
struct Call {
    first: *const i8,
    second: *const i8,
    y: *mut i8,
    count: usize,
    factors: [i32; 2],
    offset: i32,
}

/// (a·`factors[0]` + b·`factors[1]` + `offset`)·2⁻²¹ of as many elements as all have, rounded down and saturated. The output may be at the place of an operand.
#[inline(always)]
pub fn sum<S: Source<i8>>(
    first: &[Cell<i8>],
    second: &[S],
    y: &[Cell<i8>],
    factors: [i32; 2],
    offset: i32,
) {
    const { assert!(size_of::<S>() == 1, "elements are bytes") };
    let call = Call {
        first: first.as_ptr().cast(),
        second: second.as_ptr().cast(),
        y: y.as_ptr().cast_mut().cast(),
        count: first.len().min(second.len()).min(y.len()),
        factors,
        offset,
    };
    // SAFETY: each has as many elements, and cells may be written.
    unsafe { device::run::<4>(&call) }
}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod device {
    //! r1, r2 and r3: operands and output; r4: elements; r5: the first factor, of all lanes in q3; r6: the second; r7: the offset.

    use core::arch::naked_asm;
    use core::mem::offset_of;

    use super::{Call, FIRST, SECOND};

    /// # Safety
    /// All slices have as many elements.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn run<const LANES: usize>(call: &Call) {
        naked_asm!(
            ".cpu cortex-m55",
            "push {{r4-r7, lr}}",
            "ldm r0, {{r1-r7}}",
            "vdup.32 q3, r5",
            "lsrs r0, r4, #4",
            "beq 3f",
            "dls lr, r0",
            "2:",
            ".rept 4",
            "vldrb.s32 q2, [r1], #{lanes}",
            "vldrb.s32 q0, [r2], #{lanes}",
            "vmlas.s32 q2, q3, r7",
            "vmla.s32 q2, q0, r6",
            "vqshrnb.s32 q2, q2, #{first}",
            "vqshrnb.s16 q2, q2, #{second}",
            "vstrb.32 q2, [r3], #{lanes}",
            ".endr",
            "le lr, 2b",
            // What is left of sixteen.
            "3: ands r4, r4, #15",
            "wlstp.32 lr, r4, 5f",
            "4:",
            "vldrb.s32 q2, [r1], #{lanes}",
            "vldrb.s32 q0, [r2], #{lanes}",
            "vmlas.s32 q2, q3, r7",
            "vmla.s32 q2, q0, r6",
            "vqshrnb.s32 q2, q2, #{first}",
            "vqshrnb.s16 q2, q2, #{second}",
            "vstrb.32 q2, [r3], #{lanes}",
            "letp lr, 4b",
            "5: pop {{r4-r7, pc}}",
            lanes = const LANES,
            first = const FIRST,
            second = const SECOND,
        )
    }

    // The order in which they are loaded.
    const _: () = assert!(
        offset_of!(Call, second) == 4
            && offset_of!(Call, y) == 8
            && offset_of!(Call, count) == 12
            && offset_of!(Call, factors) == 16
            && offset_of!(Call, offset) == 24
    );
}

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod device {
    //! In Rust.

    use super::super::instructions::vqshrnb;
    use super::Call;

    /// # Safety
    /// All slices have as many elements.
    pub(super) unsafe fn run<const LANES: usize>(call: &Call) {
        for i in 0..call.count {
            // SAFETY: as the caller has it.
            unsafe {
                let of =
                    |from: *const i8, factor| i32::from(from.add(i).read()).wrapping_mul(factor);
                let [first, second] = call.factors;
                let first = of(call.first, first).wrapping_add(call.offset);
                let sum = first.wrapping_add(of(call.second, second));
                call.y.add(i).write(vqshrnb(sum));
            }
        }
    }
}
