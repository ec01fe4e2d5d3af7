//! Rust bindings of a library's header, by bindgen.

use std::path::Path;

#[cfg(not(feature = "bindgen"))]
use castiron_codegen::error::Diagnostic;
use castiron_codegen::error::Result;

/// What of the header the module uses.
#[cfg(feature = "bindgen")]
const FUNCTIONS: &str = "model_(init|input|run|output)";

/// The bindings as a source file.
#[cfg(not(feature = "bindgen"))]
pub(crate) fn bindings(_header: &Path, _prefix: &str, _target: &str) -> Result<String> {
    Err(
        Diagnostic::new("castiron-build was built without bindgen, which TFLM's engine needs")
            .help("castiron-build = { version = \"0.1\", features = [\"bindgen\"] }")
            .into(),
    )
}

/// The bindings as a source file.
#[cfg(feature = "bindgen")]
pub(crate) fn bindings(header: &Path, prefix: &str, target: &str) -> Result<String> {
    use crate::cxx::diagnostic;

    let missing = |found: String| {
        diagnostic(header, "bindgen cannot read the header")
            .found(found)
            .help(
                "bindgen needs libclang with its headers; on Debian: apt-get install libclang-dev; \
                 LIBCLANG_PATH names its folder elsewhere",
            )
    };
    // bindgen ends the program where there is none.
    clang_sys::load().map_err(&missing)?;
    let upper = prefix.to_ascii_uppercase();
    let made = bindgen::builder()
        .header(header.display().to_string())
        .clang_args([
            "-ffreestanding",
            &format!("--target={}", clang_target(target)),
        ])
        .use_core()
        .layout_tests(false)
        .derive_copy(false)
        .derive_debug(false)
        .rust_edition(bindgen::RustEdition::Edition2024)
        .allowlist_type(format!("{prefix}_(model|status)"))
        .allowlist_function(format!("{prefix}_{FUNCTIONS}"))
        .allowlist_var(format!(
            "{upper}_(ARENA_BYTES|WEIGHT_BYTES|MODEL_BYTES|(INPUT|OUTPUT)_[0-9]+_BYTES)"
        ))
        .generate()
        .map_err(|e| missing(e.to_string()))?;
    Ok(made.to_string())
}

/// Clang's name of a target. It knows Arm's by other names where Rust says what float ABI they have.
#[cfg(feature = "bindgen")]
fn clang_target(target: &str) -> String {
    match target {
        riscv if riscv.starts_with("riscv32") => "riscv32-unknown-none-elf".to_owned(),
        other => other.to_owned(),
    }
}
