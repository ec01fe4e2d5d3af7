//! The planner on public packing problems.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use castiron_codegen::plan::alloc::{self, Budget, Buffer};
use serde::Deserialize;


/// A buffer as MiniMalloc's files have it; `upper` is the first step at which it is dead.
#[derive(Deserialize)]
struct Row {
    lower: usize,
    upper: usize,
    size: usize,
}

pub(crate) fn run(folder: &Path, seconds: u64) -> Result<String> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| folder.display().to_string())?
        .collect::<std::io::Result<Vec<_>>>()?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "csv"))
        .collect();
    files.sort();
    for file in files {
        let rows: Vec<Row> = csv::Reader::from_path(&file)?.deserialize().collect::<Result<_, _>>()?;
        let buffers: Vec<Buffer> = rows.iter().map(|r| Buffer { bytes: r.size, first: r.lower, last: r.upper - 1 }).collect();
        let start = Instant::now();
        let plan = alloc::allocate(&buffers, 1024, &Budget { steps: seconds * 24_000_000, time: None });
        println!("{} {} {} {} {} {:?}", file.display(), buffers.len(), plan.peak_bytes, plan.lower_bound_bytes, plan.optimal, start.elapsed());
    }
    Ok(String::new())
}
