//! The most memory that the generator holds at once.

use std::io;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use castiron_codegen::emit::c_header::{self, HeaderOptions, HeaderStyle};
use castiron_codegen::emit::rust::{self, RustOptions};
use castiron_codegen::graph::Model;
use castiron_codegen::{compile, tflite};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// How much the generator may hold to write a C header, in sizes of the file.
const MOST: f64 = 4.0;
/// Files below this size are only measured: the template engine alone outweighs them.
const SMALL: u64 = 100_000;

/// Measures the stages on a model, the file's own bytes counted in; a table.
///
/// # Errors
/// If the model is malformed, or writing the header of one that is not small takes [`MOST`] or more.
pub(crate) fn measure(path: &Path) -> Result<String> {
    let name = path.display().to_string();
    let size = std::fs::metadata(path).with_context(|| name.clone())?.len();
    let mut table = format!("{name}: {size} bytes\n");
    let mut line = |stage: &str, peak: usize| {
        let ratio = peak as f64 / size as f64;
        table.push_str(&format!(
            "{stage:<24}{peak:>12} bytes  {ratio:>6.2} × the file\n"
        ));
        ratio
    };

    line("read", peak(|| load(path).map(drop))?);
    let mut ratios = Vec::new();
    for (style, title) in [
        (HeaderStyle::Kenning, "gen-header, kenning"),
        (HeaderStyle::Standalone, "gen-header, standalone"),
    ] {
        let result = peak(|| header(path, style));
        // Kenning's header cannot hold every model.
        if let Ok(bytes) = result {
            ratios.push(line(title, bytes));
        }
    }
    if let Ok(bytes) = peak(|| module(path)) {
        line("Rust module", bytes);
    }
    ensure!(
        size < SMALL || ratios.iter().all(|ratio| *ratio < MOST),
        "{table}a header may take {MOST} × the file"
    );
    Ok(table)
}

/// The most that is allocated while `work` runs, above what was before.
fn peak(work: impl FnOnce() -> Result<()>) -> Result<usize> {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    work()?;
    Ok(HEAP.peak_usage().saturating_sub(before))
}

fn load(path: &Path) -> Result<(Vec<u8>, Model)> {
    let bytes = std::fs::read(path)?;
    let model = tflite::read(&path.display().to_string(), &bytes)?;
    Ok((bytes, model))
}

fn header(path: &Path, style: HeaderStyle) -> Result<()> {
    let (bytes, model) = load(path)?;
    let mut options = HeaderOptions::default();
    options.style = style;
    let header = c_header::c_header(&model, &bytes, &options)?;
    header.header.write_to(&mut io::sink())?;
    if let Some(source) = &header.source {
        source.write_to(&mut io::sink())?;
    }
    Ok(())
}

fn module(path: &Path) -> Result<()> {
    let (_, model) = load(path)?;
    let program = compile::compile(&model, &compile::CompileOptions::default())?;
    std::hint::black_box(rust::file(&program, &RustOptions::default()));
    Ok(())
}
