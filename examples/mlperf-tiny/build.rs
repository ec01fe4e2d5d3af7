//! Takes the model and the task from the environment: `CASTIRON_TASK` is `kws`, `vww`, `ic` or `ad`, `CASTIRON_MODEL` the path of the task's model
//! and `CASTIRON_MODE` is `performance` (accuracy, too) or `energy`.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

/// The task of this repository's own model.
const DEFAULT_TASK: &str = "kws";
const DEFAULT_MODEL: &str = "../models/kws_dscnn_int8.tflite";
const MEMORY: &str = "../cortex-m/memory.x";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::copy(MEMORY, out.join("memory.x"))?;
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg=-Tlink.x");
    println!("cargo:rerun-if-changed={MEMORY}");
    println!("cargo:rerun-if-changed=build.rs");

    let task = choice(
        "CASTIRON_TASK",
        "task",
        &["kws", "vww", "ic", "ad"],
        DEFAULT_TASK,
    )?;
    choice(
        "CASTIRON_MODE",
        "mode",
        &["performance", "energy"],
        "performance",
    )?;

    println!("cargo:rerun-if-env-changed=CASTIRON_MODEL");
    let model = match env::var_os("CASTIRON_MODEL") {
        Some(path) => PathBuf::from(path),
        None if task == DEFAULT_TASK => DEFAULT_MODEL.into(),
        None => return Err(format!("CASTIRON_MODEL has to name a model for {task}").into()),
    };
    let model = (model.canonicalize()).map_err(|e| format!("{}: {e}", model.display()))?;
    let source = format!("castiron::include_model!(pub mod model = {model:?});\n");
    fs::write(out.join("model.rs"), source)?;
    Ok(())
}

/// The value of a variable, as a `cfg` of the firmware.
fn choice(variable: &str, cfg: &str, values: &[&str], default: &str) -> Result<String, String> {
    let value = env::var(variable).unwrap_or_else(|_| default.to_owned());
    if !values.contains(&&*value) {
        return Err(format!(
            "{variable} is {value:?}, and has to be one of {}",
            values.join(", ")
        ));
    }
    let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
    println!(
        "cargo:rustc-check-cfg=cfg({cfg}, values({}))",
        quoted.join(", ")
    );
    println!("cargo:rustc-cfg={cfg}={value:?}");
    println!("cargo:rerun-if-env-changed={variable}");
    Ok(value)
}
