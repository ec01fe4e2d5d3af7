//! The revision of tflite-micro that castiron's tables describe.
//!
//! Operators, sizes of structs and kernels' data, the files of an operator, what kernels take: all
//! of it holds for this one. Whoever moves castiron to another revision begins here.

/// The commit's first digits: what people are told.
macro_rules! short {
    () => {
        "90b983c2"
    };
}

/// The commit, as short as it is in tables.
pub const TFLM_SHORT: &str = short!();

/// The revision as generated files and messages name it.
pub const TFLM_REVISION: &str = concat!(short!(), " (2026-08-20)");

/// The commit.
pub const TFLM_COMMIT: &str = concat!(short!(), "b3f1480642e040bbd2ddb37b998f3424");

/// RAM of `MicroInterpreter` outside of the arena, on 32-bit Arm.
pub const INTERPRETER_BYTES: u64 = 208;

/// RAM of a `MicroMutableOpResolver<N>` on 32-bit Arm.
pub const fn resolver_bytes(operators: usize) -> u64 {
    36 * operators as u64 + 12
}
