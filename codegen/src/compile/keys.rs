//! The keys of `castiron.toml`: what each is for, and what of a model it sets.

use super::Key;

const fn key(name: &'static str, example: &'static str, what: &'static str) -> Key {
    Key {
        name,
        example,
        what,
        is_compiled: false,
    }
}

const fn compiled(name: &'static str, example: &'static str, what: &'static str) -> Key {
    Key {
        is_compiled: true,
        ..key(name, example, what)
    }
}

impl Key {
    /// Those of a model alone.
    pub const OF_MODEL: &[Self] = &[
        key(
            "file",
            "\"models/kws.tflite\"",
            "the model; every `[model.NAME]` has it",
        ),
        key(
            "labels",
            "\"labels.txt\"",
            "class names of the first output, one per line",
        ),
        key("io-spec", "\"kws.json\"", "Kenning's I/O specification"),
        compiled(
            "shape",
            "\"image=1x96x96x3\"",
            "the shape of an input whose sizes the model leaves open; several as a list",
        ),
    ];

    /// Those of a model, and of `[defaults]`, for all models.
    pub const OF_ALL: &[Self] = &[
        key(
            "engine",
            "\"compiled\"",
            "whose kernels compute: castiron's, or with `\"tflm\"` TensorFlow Lite Micro's",
        ),
        key(
            "board",
            "\"nucleo_f401re\"",
            "the board, by the name of its Zephyr target: `fit` and `report` take its memories, and the command compiles for its processor",
        ),
        key(
            "target",
            "\"thumbv7em-none-eabihf\"",
            "the target triple of `castiron lib`; by default the board's",
        ),
        key(
            "cpu",
            "\"cortex-m7\"",
            "the processor of `castiron lib`, as compilers name it; by default the board's",
        ),
        compiled(
            "optimize",
            "\"size\"",
            "smaller or faster kernels: `\"size\"`, `\"balanced\"` or `\"speed\"`",
        ),
        compiled("isa", "\"dsp\"", "the instructions that kernels may use"),
        compiled(
            "max-arena",
            "\"32k\"",
            "the most bytes of arena: the plan keeps it, or the build fails",
        ),
        key(
            "max-flash",
            "\"256k\"",
            "the most bytes of weights and code: beyond it the build fails",
        ),
        compiled(
            "max-macs",
            "\"3M\"",
            "the most multiply-accumulates of a run (k is 1000): beyond it the build fails",
        ),
        compiled(
            "memories",
            "{ dtcm = \"64k fast\", sram = \"256k\" }",
            "the memories that arena and weights are spread over; also as a table `[…memories]`",
        ),
        compiled(
            "input-by",
            "\"rows\"",
            "how the model takes its input: `\"whole\"` or `\"rows\"`",
        ),
        compiled(
            "buffers",
            "\"caller\"",
            "who holds inputs and outputs: `\"model\"`, `\"caller\"`, `\"inputs\"` or `\"outputs\"`",
        ),
        compiled(
            "steps",
            "true",
            "a run in parts besides, in the Rust module, for firmware that has other work meanwhile: `true` or `false`",
        ),
        compiled(
            "without-pass",
            "\"stream-rows\"",
            "a pass to leave out, or `\"all\"`; several as a list",
        ),
        compiled(
            "verify",
            "true",
            "a function that compares the weights in flash with their CRC-32",
        ),
        key(
            "section",
            "\".ext_flash\"",
            "the linker section of the weights",
        ),
    ];
}
