//! Cast a trained `.tflite` model into microcontroller firmware at build time.
//!
//! [`include_model!`] reads the model while the firmware is compiled and expands to a module with a typed
//! `Model`: `no_std`, no heap, no panics, no interpreter.
//!
//! ```
//! castiron::include_model!(pub mod sine = "../examples/models/sine_int8.tflite");
//!
//! let mut model = sine::Model::new();
//! let y = model.predict(&[sine::INPUT.quantize(0.5)]);
//! let y = sine::OUTPUT.dequantize(y[0]);
//! assert!((y - 0.5_f32.sin()).abs() < 0.1);
//! ```
//!
//! In firmware, make the model a static: `Model::new()` is all zero, so it lives in `.bss`. The trait [`Model`] is for code
//! that accepts any model.
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `generator` | yes | compiles castiron's generator into [`include_model!`] |
//! | `config` | no | lets that generator read `castiron.toml`, which takes five crates more |
//!
//! Without `generator`, [`include_model!`] calls an installed command, `castiron` of this crate's version (`cargo install castiron-cli`), and a
//! first build takes a quarter of the time. The module is the same, and so are errors. The environment variable `CASTIRON` names the command;
//! unless it is set, it is looked for on `PATH`. This command reads `castiron.toml` without `config`. Where any crate of a build turns `generator`
//! on, all models go by it.

#![no_std]
#![forbid(unsafe_code)]

#[doc(inline)]
pub use castiron_runtime::{
    Buffer, EngineError, Model, NotYet, Quantized, RunError, Tensor, TensorMut, TensorSpec, kenning,
};
// What generated modules name besides.
#[doc(hidden)]
pub use castiron_runtime::{
    Arena, CInterface, Cells, Constants, Element, Foreign, Held, is_version, kernels,
};

/// Casts a `.tflite` model into a module.
///
/// ```ignore
/// castiron::include_model!("models/vae.tflite");           // a module `vae`
/// castiron::include_model!(vae);                           // the same, of the model that castiron.toml calls so
/// castiron::include_model!(pub mod kws = "kws.tflite", labels = "labels.txt", section = ".ccm_data");
/// ```
///
/// The path is relative to the source file of the call or, where there is no such file, to the
/// folder of `Cargo.toml`; it may be written with `concat!` and `env!`, as for `include_bytes!`. A changed model rebuilds the crate. A file that is missing or malformed,
/// or that holds an operator castiron cannot compile, is a compile error at the path.
///
/// - `labels = "file"`: class names, one per line, as `LABELS`.
/// - `section = "name"`: the linker section of the weights. It is written as
///   `#[unsafe(link_section = …)]`, which a crate with `#![forbid(unsafe_code)]` refuses.
/// - `server = "kenning"`: the model can be evaluated on the device by Kenning, over a serial line ([`kenning`]). Its module then implements
///   [`kenning::Served`], and has `run_traced`.
/// - `optimize = "size"`, `"balanced"` or `"speed"`: which kernels to take where a faster one is larger. The results are the
///   same. It is `"balanced"` unless said.
/// - `max_arena = 32k`, or as text `"32k"`: the most bytes of arena. Where it would take more, kernels work in less memory; where that is not enough, operators run
///   row by row, and last they compute some of it again. The results are the same; the build fails where no plan is below. `0` is the least
///   without computing anything again.
/// - `max_flash = 256k`: the most bytes of flash. The build fails where packed weights and code take more; the code is estimated, from
///   what kernels take on a Cortex-M4.
/// - `max_macs = 3M`: the most multiply-accumulates of a run, where k is 1000. The build fails where a run takes more.
/// - `memories = { dtcm = 64k fast, sram = 256k, psram = 4M slow }`: the memories that the arena is spread over, each as large as the model may
///   have of it. What is touched most lies in the fastest. The module then has a struct for each (`Dtcm`, `Sram`, `Psram`), and
///   [`Model::new`](Model) borrows one of each. The results are the same; the build fails where the memories are too small. `qspi = 8M slow rom` is
///   one of those that weights are spread over, with those that are read most in the fastest; its section is `.rodata.castiron.qspi`.
/// - `input_by = "rows"`: the model takes its input row by row, with `push_row`, and the input is never in memory as a whole. The results are the
///   same; the build fails where an operator needs all of the input at once.
/// - `buffers = "caller"`: the caller hands over inputs and outputs for each run, with `run_with`, and they are not in the arena; `"inputs"` or
///   `"outputs"`: these alone. Other buffers in each run let a device fill one meanwhile. They begin at a multiple of 16 bytes, as a [`Buffer`] does.
/// - `verify = true`: the module has a function `verify() -> bool`, which compares the weights in flash with the CRC-32 that they had at build time.
/// - `isa = "dsp"`, `"dsp+fp"`, `"mve"`, `"rv32m"`, `"armv7m"`, `"armv6m"` or `"portable"`: the instructions that kernels may use. By default they are those of cargo's target: `"dsp"` for a
///   Cortex-M4 or M7, `"dsp+fp"` for one with a floating-point unit, `"mve"` where `-Ctarget-cpu` among its flags is cortex-m55, m52 or m85, `"rv32m"` for RISC-V of 32 bits with multiplication, `"armv7m"` for a Cortex-M3, `"armv6m"` for a Cortex-M0 or M0+. Say it for a Cortex-M33, whose target does not tell. The results are the same.
/// - `steps = true`: a run in parts besides, for firmware that has other work meanwhile: `steps()`, and `run_async` for executors. The results are the
///   same.
/// - `shape = "image=1x96x96x3"`: the shape of an input whose sizes the model leaves open; once for each such input.
/// - `engine = "tflm"`: TensorFlow Lite Micro's kernels compute the model. A build script compiles
///   them, with `castiron-build`: `Tflm::new("path/to/tflite-micro").model("kws.tflite").compile()`.
///   The module is the same, with two methods more that say whether the engine could run,
///   `init()` and `status()`, and for the first subgraph only.
/// - `ops = path`: the type that computes the model's custom operators: `ops = crate::MyOps`. It implements a trait of the module for
///   each, `kws::ops::MyOp`; where that is missing, the compiler shows what to write. [`Tensor`] and [`TensorMut`] are what it gets.
/// - `scratch = "MyOp=256"`, `state = "MyOp=i16x128"`: memory of such an operator while it runs, and from run to run: bytes, or elements of a
///   type. Each may be said for several operators.
/// - `crate = path`: the path of this crate where Cargo.toml has it by another name, or another crate re-exports it:
///   `crate = caster`, `crate = crate::deps::castiron`; in a macro by example, `crate = $crate::castiron`.
///
/// `castiron.toml` beside `Cargo.toml` says all of this of models whose call does not, and which files they are: `include_model!(vae)` is
/// the model of its table `[model.vae]`.
///
/// # The module
///
/// For a model of one input and one output:
///
/// ```text
/// pub type Input = [i8; 490];                       // values as the model stores them
/// pub type Output = [i8; 12];
/// pub const INPUT: TensorSpec<i8> = …;              // name, shape, quantize(), dequantize()
/// pub const OUTPUT: TensorSpec<i8> = …;
/// pub const ARENA_BYTES: usize = …;                 // bytes of working memory in a `Model`
/// pub const STATE_BYTES: usize = …;                 // bytes beside those that last from run to run, or 0
/// pub const WEIGHT_BYTES: usize = …;                // bytes of constants in flash
/// pub const MACS: u64 = …;                          // multiply-accumulates of one run
/// impl castiron::Model for Model { … }              // for code that takes any model
/// impl Model {
///     pub const fn new() -> Self;                   // all zero: a static one lives in .bss
///     pub fn predict(&mut self, input: &Input) -> &Output;
///     pub fn input_mut(&mut self) -> &mut Input;    // the arena's own memory, no copy
///     pub fn run(&mut self);                        // may overwrite the input
///     pub fn output(&self) -> &Output;
/// }
/// ```
///
/// With several inputs or outputs, types, constants and methods carry the tensor's name
/// (`input_x_mut`, `OUTPUT_SCORES`), `predict` takes every input in order and returns a tuple.
/// With several signatures each has a module of its own (`vae::encode::Input`) and methods of its
/// name: `model.encode(&input)`, `model.encode_input_mut()`, `model.run_encode()`,
/// `model.encode_output()`; the unprefixed ones are the first subgraph's.
///
/// With `buffers = "caller"` there is `run_with(&mut self, &mut Input, &mut Output) -> Result<(), RunError>` in the place of all methods above but
/// `new`, and the model is no [`Model`]. A run writes to no buffer of an input.
///
/// If a model has a CIRCULAR_BUFFER that waits for several inputs, its runs give a `Result`: [`NotYet`] where a run ended before there were outputs.
#[macro_export]
macro_rules! include_model {
    ($($arguments:tt)*) => {
        $crate::__include_model_here! { $($arguments)* }
    };
}

// A macro that the compiler runs does not know what it runs for; this crate does.
#[cfg(castiron_isa = "dsp+fp")]
#[doc(hidden)]
#[macro_export]
macro_rules! __include_model_here {
    ($($arguments:tt)*) => {
        $crate::__include_model! { @"dsp+fp" $($arguments)* }
    };
}
#[cfg(castiron_isa = "dsp")]
#[doc(hidden)]
#[macro_export]
macro_rules! __include_model_here {
    ($($arguments:tt)*) => {
        $crate::__include_model! { @"dsp" $($arguments)* }
    };
}
#[cfg(castiron_isa = "mve")]
#[doc(hidden)]
#[macro_export]
macro_rules! __include_model_here {
    ($($arguments:tt)*) => {
        $crate::__include_model! { @"mve" $($arguments)* }
    };
}
#[cfg(castiron_isa = "rv32m")]
#[doc(hidden)]
#[macro_export]
macro_rules! __include_model_here {
    ($($arguments:tt)*) => {
        $crate::__include_model! { @"rv32m" $($arguments)* }
    };
}
#[cfg(castiron_isa = "armv7m")]
#[doc(hidden)]
#[macro_export]
macro_rules! __include_model_here {
    ($($arguments:tt)*) => {
        $crate::__include_model! { @"armv7m" $($arguments)* }
    };
}
#[cfg(castiron_isa = "armv6m")]
#[doc(hidden)]
#[macro_export]
macro_rules! __include_model_here {
    ($($arguments:tt)*) => {
        $crate::__include_model! { @"armv6m" $($arguments)* }
    };
}
#[cfg(castiron_isa = "portable")]
#[doc(hidden)]
#[macro_export]
macro_rules! __include_model_here {
    ($($arguments:tt)*) => {
        $crate::__include_model! { @"portable" $($arguments)* }
    };
}

#[doc(hidden)]
pub use castiron_macros::include_model as __include_model;
