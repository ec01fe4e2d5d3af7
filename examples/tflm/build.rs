//! Compiles TensorFlow Lite Micro's kernels for the model, from the sources that CASTIRON_TFLM names.

use castiron_build::{Kernels, OrExit as _, Tflm};

const MODEL: &str = "../models/kws_dscnn_int8.tflite";

fn main() {
    println!("cargo::rerun-if-env-changed=CASTIRON_TFLM");
    println!("cargo::rerun-if-env-changed=CASTIRON_KERNELS");
    let Some(sources) = std::env::var_os("CASTIRON_TFLM") else {
        println!("cargo::error=CASTIRON_TFLM has to name a checkout of tflite-micro");
        std::process::exit(1);
    };
    let kernels = match std::env::var("CASTIRON_KERNELS").as_deref() {
        Ok("cmsis-nn") => Kernels::CmsisNn,
        _ => Kernels::Reference,
    };
    Tflm::new(sources)
        .kernels(kernels)
        .model(MODEL)
        .compile()
        .or_exit();
}
