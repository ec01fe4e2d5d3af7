//! Libraries for microcontrollers, linked by the Arm compiler without Rust and run in QEMU.

use std::path::{Path, PathBuf};
use std::process::Command;

use castiron_build::library::{Cases, Options};
use castiron_build::toolchain::{Purpose, Toolchain};

use crate::{build, path, present, run, store};

const M4: &str = "thumbv7em-none-eabihf";
const OWN: [&str; 6] = [
    "examples/models/sine_int8",
    "examples/models/vae",
    "examples/models/kws_dscnn_int8",
    "tests/data/models/multi_io_int8",
    "tests/data/models/two_signatures_f32",
    "tests/data/models/vae_int8_floatio",
];
/// Of the reference models.
const FURTHER: [&str; 3] = ["hello_world_int8", "mlperf_kws", "person_detect"];

/// Why nothing can be run here. With CASTIRON_REQUIRE_FIRMWARE that is a failure.
fn missing(target: &str) -> bool {
    let tools = ["arm-none-eabi-gcc", "qemu-system-arm", "make"];
    let tool = tools.iter().find(|tool| !present(tool));
    let reason = match (tool, Toolchain::detect(Some(target), Purpose::Library)) {
        (Some(tool), _) => format!("no {tool}"),
        (None, Err(error)) => error.to_string(),
        (None, Ok(_)) => return false,
    };
    let required = std::env::var_os("CASTIRON_REQUIRE_FIRMWARE").is_some();
    assert!(!required, "{reason}");
    println!("skipped: {reason}");
    true
}

/// `castiron lib` and `make run`, with the self-test's cases from the goldens.
fn passes(model: &Path, golden: PathBuf, target: &str) {
    let folder = tempfile::tempdir().unwrap();
    let made = build(
        &model.display().to_string(),
        Options {
            target: Some(target.to_owned()),
            cases: Cases::Folder(golden),
            ..Options::default()
        },
    );
    store(&made, folder.path());
    let said = run(Command::new("make").arg("run").current_dir(folder.path()));
    assert!(said.contains("self-test passed"), "{said}");
    let instructions = said.lines().find(|l| l.starts_with("instructions"));
    println!(
        "{target}: {}: {} cases pass, {}",
        model.display(),
        made.cases.baked,
        instructions.unwrap_or_default()
    );
}

fn golden_of(model: &Path) -> PathBuf {
    let name = model.file_stem().unwrap();
    model.with_file_name("golden").join(name)
}

#[test]
fn models_pass_on_an_emulated_cortex_m4() {
    if missing(M4) {
        return;
    }
    let mut models: Vec<PathBuf> = OWN.iter().map(|m| path(&format!("{m}.tflite"))).collect();
    match std::env::var_os("CASTIRON_SHARED") {
        Some(further) => models.extend(FURTHER.map(|m| {
            Path::new(&further)
                .join("models")
                .join(m)
                .with_extension("tflite")
        })),
        None => println!("skipped: reference models; CASTIRON_SHARED names their folder"),
    }
    for model in models {
        passes(&model, golden_of(&model), M4);
    }
}
