//! Tells the linker where code and data go, and the firmware which model it is for: `CASTIRON_MODEL`, or the autoencoder of the examples.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

const MODEL: &str = "../../models/vae.tflite";

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::copy("../memory.x", out.join("memory.x"))?;
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg=-Tlink.x");
    let model = env::var_os("CASTIRON_MODEL").unwrap_or_else(|| MODEL.into());
    let model = Path::new(&model).canonicalize()?;
    println!("cargo:rustc-env=MODEL={}", model.display());
    println!("cargo:rerun-if-env-changed=CASTIRON_MODEL");
    println!("cargo:rerun-if-changed=../memory.x");
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}
