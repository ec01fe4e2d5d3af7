//! How long generation takes, stage by stage: `cargo bench --manifest-path codegen/benches/Cargo.toml`.
//!
//! Models are those of `examples/models`, and the larger ones of the folder that `CASTIRON_SHARED`
//! names. Stages that a model has no part in, such as compiling operators that are not supported,
//! are left out.

use std::fs;
use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};

use castiron_codegen::compile::{CompileOptions, compile, plan_graph};
use castiron_codegen::emit::c_header::{CHeader, HeaderOptions, HeaderStyle, c_header};
use castiron_codegen::emit::rust::{RustOptions, file};
use castiron_codegen::error::Result;
use castiron_codegen::graph::Model;
use castiron_codegen::plan::Plan;
use castiron_codegen::tflite;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Further models, of very different sizes.
const FURTHER: [&str; 3] = ["mlperf_kws", "mlperf_ic", "mlperf_vww"];

fn models() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/models");
    let mut paths: Vec<PathBuf> = ["sine_int8", "vae", "kws_dscnn_int8"]
        .map(|name| own.join(name).with_extension("tflite"))
        .into();
    match std::env::var_os("CASTIRON_SHARED") {
        Some(folder) => paths.extend(FURTHER.map(|name| {
            let folder = Path::new(&folder).join("models");
            folder.join(name).with_extension("tflite")
        })),
        None => {
            eprintln!("CASTIRON_SHARED names no folder of reference models: {FURTHER:?} left out")
        }
    }
    paths
}

/// A header as the command writes it, from the file's bytes.
fn header(name: &str, bytes: &[u8], style: HeaderStyle) -> Result<()> {
    let model = tflite::read(name, bytes)?;
    let mut options = HeaderOptions::default();
    options.style = style;
    let CHeader { header, source } = c_header(&model, bytes, &options)?;
    for file in [Some(header), source].into_iter().flatten() {
        file.write_to(&mut io::sink())
            .expect("a sink takes everything");
    }
    Ok(())
}

fn plan(model: &Model) -> Result<Plan> {
    plan_graph(model, 0, &CompileOptions::default()).map(|(_, plan)| plan)
}

fn generate(criterion: &mut Criterion) {
    for path in models() {
        let name = path
            .file_stem()
            .expect("a file has a name")
            .to_string_lossy()
            .into_owned();
        let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let model = tflite::read(&name, &bytes).expect("the model is well formed");

        let mut stage = |stage: &str, work: &dyn Fn() -> bool| {
            if !work() {
                return;
            }
            let mut group = criterion.benchmark_group(stage);
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.sample_size(20);
            group.bench_function(BenchmarkId::from_parameter(&name), |b| b.iter(work));
            group.finish();
        };
        stage("read", &|| black_box(tflite::read(&name, &bytes)).is_ok());
        stage("gen-header-kenning", &|| {
            header(&name, &bytes, HeaderStyle::Kenning).is_ok()
        });
        stage("gen-header-standalone", &|| {
            header(&name, &bytes, HeaderStyle::Standalone).is_ok()
        });
        stage("plan", &|| black_box(plan(&model)).is_ok());
        stage("compile", &|| {
            black_box(compile(&model, &CompileOptions::default())).is_ok()
        });
        if let Ok(program) = compile(&model, &CompileOptions::default()) {
            stage("rust-module", &|| {
                !black_box(file(&program, &RustOptions::default())).is_empty()
            });
        }
    }
}

criterion_group!(benches, generate);
criterion_main!(benches);
