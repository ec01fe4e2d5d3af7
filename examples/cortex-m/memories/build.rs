//! Tells the linker of both memories, and writes the recorded cases that the firmware runs.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use castiron_cases::{Interface, Recording};
use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::tflite;

const MODEL: &str = "../../models/kws_dscnn_int8.tflite";
const GOLDEN: &str = "../../models/golden/kws_dscnn_int8.safetensors";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for script in ["memories.x", "../memory.x"] {
        let name = Path::new(script).file_name().unwrap_or_default();
        fs::copy(script, out.join(name))?;
        println!("cargo:rerun-if-changed={script}");
    }
    println!("cargo:rustc-link-search={}", out.display());
    // In this order: GNU ld resolves the INSERT of one script in what a later one defines.
    println!("cargo:rustc-link-arg=-Tmemories.x");
    println!("cargo:rustc-link-arg=-Tlink.x");
    for file in ["build.rs", MODEL, GOLDEN] {
        println!("cargo:rerun-if-changed={file}");
    }

    let model = tflite::read(MODEL, &fs::read(MODEL)?)?;
    let program = compile::compile(&model, &CompileOptions::default())?;
    let entry = program.entries.first().ok_or("no entry point")?;
    let cases = Recording::open(Path::new(GOLDEN))?.cases(&Interface::from(entry))?;
    let mut source = format!(
        "pub static CASES: [([u8; 490], [u8; 12]); {}] = [\n",
        cases.len()
    );
    for case in &cases {
        let output = case.outputs[0].as_deref().ok_or("a case has no output")?;
        writeln!(source, "    ({:?}, {output:?}),", case.inputs[0])?;
    }
    fs::write(out.join("cases.rs"), source + "];\n")?;
    Ok(())
}
