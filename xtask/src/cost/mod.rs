//! Measures models on every core and makes the tables that instructions and cycles are estimated from.

mod errors;
mod fit;
mod measure;
mod problem;
mod table;
mod variant;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use castiron_board::cost::Features;
use clap::ValueEnum as _;
use serde::{Deserialize, Serialize};

use crate::cores::Core;
use crate::report::write_section;
use variant::Variant;

const TABLES: &str = "board/data/cost";
const PAGE: &str = "docs/benchmarks.md";
const SECTION: &str = "cost";

/// A model that ran.
#[derive(Serialize, Deserialize)]
pub(crate) struct Sample {
    name: String,
    kind: Kind,
    variant: Variant,
    /// Instructions of a run.
    instructions: u64,
    /// Cycles of a run, where there is a table of what instructions take.
    cycles: Option<u64>,
    /// Operators by themselves, or several that only show an end together.
    parts: Vec<Part>,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Kind {
    /// One operator, of which there are many.
    Operator,
    /// A network of this repository.
    Own,
    /// Another network.
    Further,
}

/// Consecutive operators.
#[derive(Serialize, Deserialize)]
struct Part {
    /// Kernels, with the sums of their calls' figures.
    kernels: Vec<(String, Features)>,
    instructions: f64,
}

/// What was measured on a core.
#[derive(Serialize, Deserialize)]
struct Measurement {
    toolchain: String,
    samples: Vec<Sample>,
}

impl Measurement {
    /// Where it is kept, to fit it once more.
    fn file(root: &Path, core: Core) -> PathBuf {
        root.join("target")
            .join(format!("cost-{}.json", core.name()))
    }

    /// Measures what is not known yet.
    fn take(root: &Path, core: Core, known: Vec<Sample>) -> Result<Self> {
        let (samples, toolchain) = measure::all(root, core, known)?;
        ensure!(!samples.is_empty(), "there are no models to measure");
        let measurement = Self { toolchain, samples };
        let file = Self::file(root, core);
        std::fs::write(&file, serde_json::to_vec(&measurement)?)
            .with_context(|| file.display().to_string())?;
        Ok(measurement)
    }

    fn read(root: &Path, core: Core) -> Result<Self> {
        let file = Self::file(root, core);
        let text = std::fs::read(&file).with_context(|| file.display().to_string())?;
        let measurement: Self = serde_json::from_slice(&text)?;
        Self::take(root, core, measurement.samples)
    }
}

/// Measures on one core, or on all, or only what no earlier call has measured; prints the tables, or writes them and what the documentation says of them.
///
/// # Errors
/// If nothing can be built or run, or a file cannot be written.
pub(crate) fn run(root: &Path, core: Option<Core>, is_measured: bool, update: bool) -> Result<()> {
    let cores = match core {
        Some(core) => vec![core],
        None => Core::value_variants().to_vec(),
    };
    for core in cores {
        let measurement = match is_measured {
            true => Measurement::read(root, core)?,
            false => Measurement::take(root, core, Vec::new())?,
        };
        let text = table::text(core, &measurement.samples, &measurement.toolchain)?;
        if !update {
            print!("{text}");
            continue;
        }
        let path = path(root, core);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        println!("wrote {}", path.display());
    }
    match update {
        true => write_section(root, PAGE, SECTION, &table::section(root)?),
        false => Ok(()),
    }
}

/// The file of a core's table.
fn path(root: &Path, core: Core) -> PathBuf {
    let name = core.title().to_lowercase().replace('+', "plus");
    root.join(TABLES).join(format!("{name}.toml"))
}
