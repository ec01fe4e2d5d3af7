//! Sizes of TFLM's structs on 32-bit RISC-V, where they differ from Arm's.
//!
//! Enumerations take four bytes there. What kernels keep is as large as on Arm, since enumerations
//! stand beside words in it.

use super::table::{ARM, Core, Other, SizeTable};

/// tflite-micro of 2026-08-20, with reference kernels.
pub(super) const RISCV32: SizeTable = SizeTable {
    core: Core {
        tensor: 40,
        ..ARM.core
    },
    others: OTHERS,
    ..ARM
};

pub const OTHERS: &[Other] = &[
    ("ADD", (8, 4)),
    ("ARG_MAX", (4, 4)),
    ("ARG_MIN", (4, 4)),
    ("CAST", (8, 4)),
    ("DIV", (4, 4)),
    ("FULLY_CONNECTED", (16, 4)),
    ("L2_NORMALIZATION", (4, 4)),
    ("MIRROR_PAD", (4, 4)),
    ("MUL", (4, 4)),
    ("SHAPE", (4, 4)),
    ("SUB", (8, 4)),
    ("SVDF", (12, 4)),
    ("TRANSPOSE_CONV", (20, 4)),
];
