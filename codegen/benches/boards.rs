//! How long a devicetree takes to become a Renode platform: `cargo bench --manifest-path codegen/benches/Cargo.toml --bench
//! boards`. Devicetrees are those of the tests, and those of the folder that `CASTIRON_SHARED` names.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use castiron_board::dts::Devicetree;
use castiron_board::renode::{Platform, PlatformOptions};
use castiron_board::repl::repl;
use castiron_board::rules::Rules;
use castiron_codegen::error::Result;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

fn devicetrees() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../board/tests/data/dts");
    let shared = std::env::var_os("CASTIRON_SHARED").map(|folder| Path::new(&folder).join("dts"));
    if shared.is_none() {
        eprintln!("CASTIRON_SHARED names no folder with dts: only devicetrees of our own");
    }
    let folders = [Some(own), shared].into_iter().flatten();
    let entries = folders
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<_> = paths
        .filter(|p| p.extension().is_some_and(|e| e == "dts"))
        .collect();
    paths.sort();
    paths
}

/// All that the command does, but for reading and writing files.
fn convert(text: &str) -> Result<String> {
    let rules = Rules::shipped(None)?;
    let tree = Devicetree::parse(text)?;
    repl(&Platform::new(&tree, &rules, &PlatformOptions::default())?)
}

fn boards(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("board-repl");
    for path in devicetrees() {
        let text = fs::read_to_string(&path).expect("a devicetree");
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        group.bench_with_input(BenchmarkId::from_parameter(name), &text, |bencher, text| {
            bencher.iter(|| convert(black_box(text)).expect("a platform"));
        });
    }
    group.finish();
}

criterion_group!(benches, boards);
criterion_main!(benches);
