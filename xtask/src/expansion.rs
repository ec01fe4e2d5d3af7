//! What `include_model!` costs in the crate that calls it.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};

/// Builds of each kind; the cheapest counts, since other work on the machine only adds.
const REPEATS: usize = 5;

/// CPU time of checking and of building a crate with one `include_model!`, less that of the same
/// crate without; a table.
///
/// # Errors
/// If the model does not compile, or the system does not tell the CPU time of child processes.
pub(crate) fn measure(root: &Path, model: &Path) -> Result<String> {
    let crate_dir = root.join("target/expansion");
    fs::create_dir_all(crate_dir.join("src"))?;
    fs::write(
        crate_dir.join("Cargo.toml"),
        format!(
            "[package]\nname = \"expansion\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [features]\ndefault = [\"castiron/generator\"]\nmodel = []\n\n\
             [dependencies]\ncastiron = {{ path = {:?}, default-features = false }}\n\n[workspace]\n",
            root.join("castiron")
        ),
    )?;
    let model = model
        .canonicalize()
        .with_context(|| model.display().to_string())?;
    let source = crate_dir.join("src/main.rs");
    let text = format!(
        "#[cfg(feature = \"model\")]\ncastiron::include_model!(mod model = {model:?});\n\
         fn main() {{\n    #[cfg(feature = \"model\")]\n    \
         std::hint::black_box(Box::new(model::Model::new())).run();\n}}\n"
    );
    fs::write(&source, &text)?;
    let mut table = format!(
        "{}: {} bytes\n",
        model.display(),
        fs::metadata(&model)?.len()
    );
    table.push_str(&cold(&crate_dir, "cold", &[])?);
    table.push_str(&cold(
        &crate_dir,
        "without generator",
        &["--no-default-features"],
    )?);
    for (what, arguments) in [
        ("cargo check", &["check"][..]),
        ("cargo build --release", &["build", "--release"]),
    ] {
        let cost = |features: &[&str]| -> Result<f64> {
            let mut least = f64::INFINITY;
            // Once more at first, for the dependencies.
            for _ in 0..=REPEATS {
                fs::write(&source, &text)?;
                let before = children_seconds()?;
                let output = Command::new(env!("CARGO"))
                    .current_dir(&crate_dir)
                    .args(arguments)
                    .args(["--quiet", "--offline"])
                    .args(features)
                    .output()
                    .context("starting cargo")?;
                ensure!(
                    output.status.success(),
                    "{}",
                    String::from_utf8_lossy(&output.stderr)
                );
                least = least.min(children_seconds()? - before);
            }
            Ok(least)
        };
        let without = cost(&[])?;
        let with = cost(&["--features", "model"])?;
        table.push_str(&format!(
            "{what:<31}{:>6.2} s of CPU more than the {without:.2} s without the model\n",
            with - without
        ));
    }
    Ok(table)
}

/// What a first build takes: the crates, castiron's own among them, and the CPU time. What the macro calls where it has no generator lies beside
/// this program.
fn cold(crate_dir: &Path, what: &str, features: &[&str]) -> Result<String> {
    let target = crate_dir.join("target/cold");
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    let command = env::current_exe()?.with_file_name("castiron");
    ensure!(
        command.is_file(),
        "there is no {}: cargo build -p castiron-cli",
        command.display()
    );
    let before = children_seconds()?;
    let output = Command::new(env!("CARGO"))
        .current_dir(crate_dir)
        .args(["build", "--offline", "--features", "model", "--color=never"])
        .args(features)
        .env("CARGO_TARGET_DIR", &target)
        .env("CASTIRON", command)
        // Crates from a registry or from Git are not compiled in steps, as those of a folder are.
        .env("CARGO_INCREMENTAL", "0")
        .output()
        .context("starting cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    let crates = said.matches("   Compiling ").count() - 1;
    let seconds = children_seconds()? - before;
    let what = format!("cargo build, {what}");
    Ok(format!(
        "{what:<31} {crates} crates, {seconds:.1} s of CPU\n"
    ))
}

/// CPU seconds of the child processes waited for so far, as Linux counts them (proc(5), fields 16
/// and 17 of `stat`, in hundredths).
fn children_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").context("this task needs Linux")?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(13)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap_or(0))
        .sum();
    Ok(ticks as f64 / 100.0)
}
