//! The programs of ten models as text: a change of choice, plan, packing or order shows here. Among them are movements that
//! are computed together, numbers of 16 bits, state, and subgraphs that run in a loop, on a condition or once.

use std::fs;
use std::path::Path;

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::target::{Isa, Optimize, Target};
use castiron_codegen::tflite;

const MODELS: [&str; 10] = [
    "examples/models/kws_dscnn_int8.tflite",
    "examples/models/sine_int8.tflite",
    "tests/data/calls/nested_f32.tflite",
    "tests/data/calls/variable_i8_1.tflite",
    "tests/data/models/conv1d_f32.tflite",
    "tests/data/models/passthrough_edges_int8.tflite",
    "tests/data/models/resnet8_int8.tflite",
    "tests/data/models/two_signatures_int8.tflite",
    "tests/data/ops/chain_i8_121.tflite",
    "tests/data/ops/unidirectional_sequence_lstm_i16_time.tflite",
];

#[test]
fn programs_are_what_they_were() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for path in MODELS {
        let bytes = fs::read(root.join(path)).expect("the model is shipped");
        let model = tflite::read(path, &bytes).expect("it is sound");
        let program = compile::compile(&model, &CompileOptions::default()).expect("it compiles");
        insta::assert_snapshot!(program.name.as_str(), program);
    }
}

/// Weights behind a DEQUANTIZE are in flash as the file has them, or as float32: what the kernels say tells which.
#[test]
fn stored_weights_stay_as_optimize_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/ops");
    let kept = [
        ("f16", Optimize::Size, "Float32x16"),
        ("f16", Optimize::Balanced, "Float"),
        ("f16", Optimize::Speed, "Float"),
        ("i8", Optimize::Size, "Float32x8"),
        ("i8", Optimize::Balanced, "Float32x8"),
        ("i8", Optimize::Speed, "Float"),
    ];
    for operator in ["conv2d", "depthwise_conv2d", "fully_connected"] {
        for (dtype, optimize, format) in kept {
            let name = format!("{operator}_weight_only_{dtype}.tflite");
            let bytes = fs::read(root.join(&name)).expect("the model is shipped");
            let model = tflite::read(&name, &bytes).expect("it is sound");
            let options = CompileOptions::optimized(optimize);
            let program = compile::compile(&model, &options).expect("it compiles");
            let kernels: Vec<String> = program.calls().map(|call| call.kernel.name()).collect();
            let [kernel] = &kernels[..] else {
                panic!("{name}: {kernels:?}");
            };
            assert!(kernel.ends_with(&format!("<{format}>")), "{name}: {kernel}");
        }
    }
}

/// Weights of four bits take half a byte each, in every format, unless time comes first or a kernel for the DSP extension takes them.
#[test]
fn weights_of_four_bits_stay_packed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/ops");
    let mut found = 0;
    for name in [
        "conv2d_weight_only_i4",
        "conv2d_hybrid_i4",
        "conv2d_narrow_i4",
        "depthwise_conv2d_narrow_i4",
        "depthwise_conv2d_weight_only_i4",
        "fully_connected_narrow_i4",
        "fully_connected_weight_only_i4",
        "fully_connected_hybrid_i4",
        "fully_connected_hybrid_blocks",
    ] {
        let path = root.join(format!("{name}.tflite"));
        let Ok(bytes) = fs::read(path) else {
            panic!("{name} is not there");
        };
        let model = tflite::read(name, &bytes).expect("it is sound");
        for target in Target::all() {
            let options = CompileOptions::for_target(target);
            let program = compile::compile(&model, &options).expect("it compiles");
            let kinds = program.calls().map(|call| call.kernel.kind().to_string());
            let packs = kinds.filter(|kind| kind.contains("Nibbles")).count();
            let has_dsp = matches!(target.isa, Isa::Dsp | Isa::DspFp | Isa::Mve);
            // The vector extension's takes any number of inputs.
            let has_kernel = has_dsp && name.ends_with("conv2d_narrow_i4")
                || target.isa == Isa::Mve && name == "fully_connected_narrow_i4";
            let expected = match target.optimize {
                Optimize::Size => true,
                Optimize::Balanced => !has_kernel,
                _ => false,
            };
            assert_eq!(packs, usize::from(expected), "{name}, {target}");
            found += packs;
        }
    }
    assert_eq!(found, 9 * 2 * Isa::ALL.len() - 2 * 3 - 1);
}
