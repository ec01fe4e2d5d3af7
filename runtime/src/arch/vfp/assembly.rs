//! Bounds of sums, in assembly. r11 points to the call, whose fields each function names; r0 to r4 and s0 to s7 are free.

/// Four sums as integers in r0 to r3, none below 0, nor above a register.
macro_rules! bound {
    ($first:literal, $second:literal) => {
        concat!(
            "vmov r0, r1, ",
            $first,
            "\nvmov r2, r3, ",
            $second,
            "
            usat r0, #31, r0
            usat r1, #31, r1
            usat r2, #31, r2
            usat r3, #31, r3
            "
        )
    };
    ($first:literal, $second:literal; $max:literal) => {
        concat!(
            bound!($first, $second),
            bound!(@ "r0", $max),
            bound!(@ "r1", $max),
            bound!(@ "r2", $max),
            bound!(@ "r3", $max),
        )
    };
    (@ $sum:literal, $max:literal) => {
        concat!("cmp ", $sum, ", ", $max, "\nit gt\nmovgt ", $sum, ", ", $max, "\n")
    };
}
pub(super) use bound;

/// Compares so many sums, in a list of registers, one after the other.
macro_rules! compare {
    ($sums:literal, $list:literal) => {
        concat!(
            "
            vpush {{",
            $list,
            "}}
            vldr s0, [r11, #{min}]
            vldr s1, [r11, #{max}]
            mov r3, sp
            movs r4, #",
            $sums,
            "
        27:
            vldr s2, [r3]
            vcmp.f32 s2, s1
            vmrs APSR_nzcv, fpscr
            it gt
            vmovgt.f32 s2, s1
            vcmp.f32 s2, s0
            vmrs APSR_nzcv, fpscr
            it mi
            vmovmi.f32 s2, s0
            vstmia r3!, {{s2}}
            subs r4, r4, #1
            bne.n 27b
            vpop {{",
            $list,
            "}}
            "
        )
    };
}
pub(super) use compare;
