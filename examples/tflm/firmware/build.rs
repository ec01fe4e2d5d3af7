//! Compiles TensorFlow Lite Micro's kernels for the model, and tells the linker where memory is.

use std::path::PathBuf;

use castiron_build::{Kernels, OrExit as _, Tflm};

fn main() {
    println!("cargo::rerun-if-env-changed=CASTIRON_TFLM");
    println!("cargo::rerun-if-env-changed=CASTIRON_KERNELS");
    let Some(sources) = std::env::var_os("CASTIRON_TFLM") else {
        println!("cargo::error=CASTIRON_TFLM has to name a checkout of tflite-micro");
        std::process::exit(1);
    };
    let kernels = match std::env::var("CASTIRON_KERNELS").as_deref() {
        Ok("reference") => Kernels::Reference,
        _ => Kernels::CmsisNn,
    };
    Tflm::new(sources)
        .kernels(kernels)
        .model("../../models/kws_dscnn_int8.tflite")
        .compile()
        .or_exit();

    let folder = PathBuf::from("../../cortex-m");
    println!("cargo::rustc-link-search={}", std::path::absolute(folder).unwrap().display());
    println!("cargo::rustc-link-arg=-Tlink.x");
}
