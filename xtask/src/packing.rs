//! The planner on packing problems that others published, beside the program that they were published with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use castiron_codegen::plan::Budget;
use castiron_codegen::plan::alloc::meter::Meter;
use castiron_codegen::plan::alloc::{Allocation, Buffer, pack};
use comfy_table::{TableStyle, presets};

use crate::report::{PAGE, grouped, table, write_section};

/// What its section is called in its markers.
const KEY: &str = "packing";

/// What to pack.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A folder of problems, `*.csv` with the columns id, lower, upper (exclusive) and size.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Bytes that every plan may take.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    capacity: usize,
    /// Steps that each search may spend.
    #[arg(long, value_name = "STEPS", default_value_t = Budget::default().steps)]
    steps: u64,
    /// MiniMalloc's program, to run on each problem as well.
    #[arg(long, value_name = "FILE")]
    minimalloc: Option<PathBuf>,
    /// Write the table into docs/benchmarks.md. Needs an optimised build, and MiniMalloc.
    #[arg(long, requires = "minimalloc")]
    update_docs: bool,
}

/// What came of one problem.
struct Row {
    name: String,
    buffers: usize,
    allocation: Allocation,
    steps: u64,
    time: Duration,
    minimalloc: Option<Duration>,
}

/// Packs all problems of a folder and prints what came of them.
///
/// # Errors
/// If a problem cannot be read, or has no plan that is right and small enough.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    ensure!(
        !(options.update_docs && cfg!(debug_assertions)),
        "times in {PAGE} are of an optimised build: cargo run --release -p xtask --features tasks -- packing …"
    );
    let entries = fs::read_dir(&options.folder)
        .with_context(|| options.folder.display().to_string())?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<PathBuf>>>()?;
    let is_problem = |path: &PathBuf| path.extension().is_some_and(|e| e == "csv");
    let mut paths: Vec<PathBuf> = entries.into_iter().filter(is_problem).collect();
    paths.sort();
    ensure!(!paths.is_empty(), "{}: no *.csv", options.folder.display());
    let rows = paths.iter().map(|path| row(path, options));
    let rows: Vec<Row> = rows.collect::<Result<_>>()?;
    println!("{}", text(&rows, presets::UTF8_BORDERS_ONLY));
    let too_high: Vec<&str> = (rows.iter())
        .filter(|row| row.allocation.peak_bytes > options.capacity)
        .map(|row| row.name.as_str())
        .collect();
    ensure!(
        too_high.is_empty(),
        "no plan within {} bytes for {}; a search of more --steps may find one",
        grouped(options.capacity as u64),
        too_high.join(", ")
    );
    if options.update_docs {
        write_section(root, PAGE, KEY, &section(&rows, options))?;
    }
    Ok(())
}

fn row(path: &Path, options: &Options) -> Result<Row> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let buffers = problem(&text).with_context(|| path.display().to_string())?;
    let mut meter = Meter::new(&Budget {
        steps: options.steps,
        time: None,
    });
    let start = Instant::now();
    let allocation = pack(&buffers, &[], 1, &mut meter);
    let time = start.elapsed();
    check(&buffers, &allocation).with_context(|| path.display().to_string())?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let minimalloc = options.minimalloc.as_deref();
    Ok(Row {
        name: name.split('.').next().unwrap_or_default().to_owned(),
        buffers: buffers.len(),
        allocation,
        steps: options.steps - meter.left(),
        time,
        minimalloc: (minimalloc.map(|program| minimalloc_time(program, path, options.capacity)))
            .transpose()?,
    })
}

/// The buffers of a file.
fn problem(text: &str) -> Result<Vec<Buffer>> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = |name: &str| {
        let found = header.iter().position(|column| column.trim() == name);
        found.with_context(|| format!("no column {name}"))
    };
    let columns = [column("lower")?, column("upper")?, column("size")?];
    let buffer = |line: &str| {
        let values: Vec<&str> = line.split(',').map(str::trim).collect();
        let value = |column: usize| -> Result<usize> {
            let value = values.get(column).with_context(|| line.to_owned())?;
            value.parse().with_context(|| line.to_owned())
        };
        let [lower, upper, bytes] = [value(columns[0])?, value(columns[1])?, value(columns[2])?];
        ensure!(lower < upper, "{line}: not live at any step");
        Ok(Buffer {
            bytes,
            first: lower,
            last: upper - 1,
        })
    };
    lines.map(buffer).collect()
}

/// That no two buffers that are live together overlap, and none reaches over the peak.
fn check(buffers: &[Buffer], allocation: &Allocation) -> Result<()> {
    let offsets = allocation.offsets.iter().copied();
    let places: Vec<(&Buffer, usize)> = buffers.iter().zip(offsets).collect();
    for (at, &(one, start)) in places.iter().enumerate() {
        ensure!(
            start + one.bytes <= allocation.peak_bytes,
            "buffer {at} reaches over the plan's peak"
        );
        for (other_at, &(other, other_start)) in places[..at].iter().enumerate() {
            let in_time = one.first <= other.last && other.first <= one.last;
            let in_space = start < other_start + other.bytes && other_start < start + one.bytes;
            ensure!(
                !(in_time && in_space),
                "buffers {other_at} and {at} overlap"
            );
        }
    }
    Ok(())
}

/// The time that MiniMalloc says it took.
fn minimalloc_time(program: &Path, problem: &Path, capacity: usize) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let argument = |name: &str, path: &Path| format!("--{name}={}", path.display());
    let output = Command::new(program)
        .arg(format!("--capacity={capacity}"))
        .arg(argument("input", problem))
        .arg(argument("output", &folder.path().join("out.csv")))
        .output()
        .with_context(|| program.display().to_string())?;
    let text = String::from_utf8_lossy(&output.stderr);
    let seconds = text
        .lines()
        .find_map(|line| line.strip_prefix("Elapsed time ")?.strip_suffix('s'));
    match seconds.and_then(|seconds| seconds.parse().ok()) {
        Some(seconds) if output.status.success() => Ok(Duration::from_secs_f64(seconds)),
        _ => bail!("{} says no time:\n{text}", program.display()),
    }
}

fn text(rows: &[Row], style: TableStyle) -> String {
    let mut table = table(
        style,
        &[
            "problem",
            "buffers",
            "most live bytes",
            "peak",
            "steps",
            "ms",
            "MiniMalloc, ms",
        ],
    );
    let milliseconds = |time: Duration| grouped(time.as_millis() as u64);
    for row in rows {
        table.add_row([
            row.name.clone(),
            row.buffers.to_string(),
            grouped(row.allocation.lower_bound_bytes as u64),
            grouped(row.allocation.peak_bytes as u64),
            grouped(row.steps),
            milliseconds(row.time),
            row.minimalloc.map_or("–".to_owned(), milliseconds),
        ]);
    }
    table.to_string()
}

fn section(rows: &[Row], options: &Options) -> String {
    let proven = rows.iter().filter(|row| row.allocation.optimal).count();
    format!(
        "## Packing\n\nThe planner on the {} problems that MiniMalloc was published with (M. D. Moffitt, ASPLOS 2023; \
         `benchmarks/challenging` of github.com/google/minimalloc): buffers with sizes and lifetimes, to be placed within {} bytes. MiniMalloc stops at a plan of that \
         size. The planner looks for the least, with {} steps at most; {proven} of its plans are proven to be that. Steps are the same on every host; times are of \
         one run of both on one host.\n\n{}\n\nReproduce with `cargo run --release -p xtask --features tasks -- packing FOLDER --minimalloc FILE`; without \
         `--minimalloc` it runs the planner alone.\n",
        rows.len(),
        grouped(options.capacity as u64),
        grouped(options.steps),
        text(rows, presets::ASCII_MARKDOWN),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBLEM: &str = "id,lower,upper,size\n0,0,2,8\n1,1,3,4\n2,2,4,8\n";

    #[test]
    fn a_problem_is_read_packed_and_checked() {
        let buffers = problem(PROBLEM).unwrap();
        assert_eq!(
            buffers[1],
            Buffer {
                bytes: 4,
                first: 1,
                last: 2
            }
        );
        let mut allocation = pack(&buffers, &[], 1, &mut Meter::new(&Budget::default()));
        assert_eq!(allocation.peak_bytes, 12);
        check(&buffers, &allocation).unwrap();
        allocation.offsets[1] = allocation.offsets[0];
        let error = check(&buffers, &allocation).unwrap_err();
        assert_eq!(error.to_string(), "buffers 0 and 1 overlap");
    }

    #[test]
    fn a_wrong_line_is_named() {
        let error = problem("id,lower,upper,size\n0,4,4,8\n").unwrap_err();
        assert_eq!(error.to_string(), "0,4,4,8: not live at any step");
        assert!(problem("id,size\n0,8\n").is_err());
    }
}
