//! What a maintainer repeats. `cargo xtask help` lists it.

mod api;
mod bench;
mod changes;
mod checks;
mod code;
mod cores;
mod cost;
mod cycles;
mod docs;
mod elf;
mod expansion;
mod firmware;
mod goldens;
mod kenning;
mod limits;
mod memory;
mod models;
mod modes;
mod operator_code;
mod operators;
mod packing;
mod profile;
mod qemu;
mod ram;
mod random_models;
mod report;
mod rust_versions;
mod schema;
mod switches;
mod tables;
mod targets;
mod tflm;
mod tflm_bench;
mod web;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Parser, Subcommand};

use bench::{Entry, Extra, Outcome};
use cores::Core;
use firmware::{Builder, OptLevel, Plan};
use models::{Selection, Subject};
use tflm::Figures;

/// Maintainer tasks of castiron.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    #[command(flatten)]
    OnTarget(OnTarget),
    /// Measure the memory that the generator takes; fail where a C header takes 4 times its model or more.
    Memory {
        /// Models to measure.
        #[arg(required = true, value_name = "MODEL")]
        models: Vec<PathBuf>,
    },
    /// Measure time and memory of the command on files that are large in one way each; fail where a
    /// call takes over a second, or over 10 times its file and 64 MB.
    Limits {
        /// Only families whose name has this in it.
        #[arg(value_name = "NAME")]
        only: Option<String>,
        /// About how many operators or nodes a file has.
        #[arg(long, value_name = "N", default_value_t = 4_000)]
        size: usize,
        /// The command to measure; by default one that is built for it.
        #[arg(long, value_name = "FILE")]
        command: Option<PathBuf>,
        /// Where to leave the files.
        #[arg(long, value_name = "DIR")]
        keep: Option<PathBuf>,
    },
    /// Measure what `include_model!` costs in the crate that calls it.
    Expansion {
        /// The model to include.
        #[arg(value_name = "MODEL")]
        model: PathBuf,
    },
    /// Measure the code of models on a Cortex-M4 and print the table that `castiron fit` estimates from.
    Code {
        /// Write it into codegen/src/compile/code.
        #[arg(long)]
        update: bool,
    },
    /// Measure models on emulated processors and print the tables that instructions and cycles are estimated from.
    Cost {
        /// One processor alone.
        #[arg(long, value_enum)]
        core: Option<Core>,
        /// Take what earlier calls measured, and measure only what they have not: kernels have to be the same.
        #[arg(long)]
        measured: bool,
        /// Write them into board/data/cost, and how good they are into docs/benchmarks.md.
        #[arg(long)]
        update: bool,
    },
    /// Fail if a public item of castiron's crates is gone or has changed since xtask/data/api, and the version does not say so.
    Api {
        /// Write xtask/data/api.
        #[arg(long)]
        update: bool,
    },
    /// Pack goldens, `golden/<name>/` beside `<name>.tflite`, into one file each, and remove the folders.
    Goldens {
        /// Folders of models, instead of all of the repository's.
        #[arg(value_name = "FOLDER")]
        folders: Vec<PathBuf>,
    },
    /// Fail if a dependency needs a newer Rust than the workspace promises.
    RustVersions,
    /// Make valid random models: neither passes nor plans nor kernels may change what they compute, and it has to be what TensorFlow Lite Micro's
    /// interpreter and LiteRT's reference kernels give, where $CASTIRON_PYTHON names a Python that has them.
    RandomModels(random_models::Options),
    /// Let the planner pack the problems of a folder, beside MiniMalloc; fail where a plan is wrong or too large.
    Packing(packing::Options),
    /// Write the figures in docs/architecture.md and docs/boards.md that follow from code and data.
    Docs,
    /// Build the page that has the generator in it, as WebAssembly.
    Web(web::Options),
    /// Print the table of supported operators.
    Operators {
        /// Write it into docs/operators.md.
        #[arg(long)]
        update_docs: bool,
    },
}

/// Tasks that build firmware and run it.
#[derive(Subcommand)]
enum OnTarget {
    /// Run the example firmware on an emulated Cortex-M4.
    Example {
        /// Optimisation level of the firmware.
        #[arg(long = "opt-level", value_enum, default_value_t = OptLevel::Speed)]
        opt: OptLevel,
    },
    /// Measure models on an emulated processor, beside TensorFlow Lite Micro.
    Bench(tables::Options),
    /// Measure models on TensorFlow Lite Micro's kernels without its interpreter. Needs the tree of its sources that
    /// $CASTIRON_TFLM names.
    TflmBench {
        #[command(flatten)]
        selection: Selection,
        /// Write the table into docs/tflm.md.
        #[arg(long, conflicts_with = "filter")]
        update_docs: bool,
    },
    /// Fail unless every model computes its goldens on an emulated processor, in the flash and RAM it may take,
    /// without code that can panic or allocate.
    TargetTest {
        #[command(flatten)]
        run: Run,
        /// Run every N-th model of `bench --ops`, too.
        #[arg(long, value_name = "N")]
        ops: Option<std::num::NonZeroUsize>,
        /// Fail, rather than skip, where the tools to build and run firmware are missing.
        #[arg(long)]
        require: bool,
    },
}

#[derive(clap::Args)]
struct Run {
    #[command(flatten)]
    selection: Selection,
    /// Optimisation level of the firmware.
    #[arg(long = "opt-level", value_enum, default_value_t = OptLevel::Speed)]
    opt: OptLevel,
    /// The processor.
    #[arg(long, value_enum, default_value_t = Core::M4)]
    core: Core,
}

impl OnTarget {
    fn core(&self) -> Core {
        match self {
            Self::Bench(options) => options.run.core,
            Self::TargetTest { run, .. } => run.core,
            Self::Example { .. } | Self::TflmBench { .. } => Core::M4,
        }
    }
}

fn main() -> ExitCode {
    if let Some(code) = api::rustdoc() {
        return code;
    }
    match run(Cli::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask has no parent directory")?;
    match task {
        Task::OnTarget(task) => return on_target(root, task),
        Task::Memory { models } => {
            for model in &models {
                println!("{}", memory::measure(model)?);
            }
        }
        Task::Limits {
            only,
            size,
            command,
            keep,
        } => limits::measure(
            root,
            only.as_deref(),
            size,
            command.as_deref(),
            keep.as_deref(),
        )?,
        Task::Expansion { model } => print!("{}", expansion::measure(root, &model)?),
        Task::Code { update: false } => print!("{}", code::table(root)?),
        Task::Code { update: true } => println!("wrote {}", code::update(root)?.display()),
        Task::Cost {
            core,
            measured,
            update,
        } => cost::run(root, core, measured, update)?,
        Task::Api { update: false } => print!("{}", api::check(root)?),
        Task::Api { update: true } => api::update(root)?,
        Task::Goldens { folders } => {
            println!("{} folders packed", goldens::pack(root, &folders)?);
        }
        Task::RustVersions => {
            let (stated, ours) = rust_versions::check(root)?;
            println!("Rust {ours} is enough for the {stated} packages that say what they need");
        }
        Task::RandomModels(options) => return random_models::run(&options),
        Task::Packing(options) => packing::run(root, &options)?,
        Task::Docs => {
            for page in docs::update(root)?.into_iter().chain(schema::update(root)?) {
                println!("wrote {}", page.display());
            }
        }
        Task::Web(options) => println!("{}", web::build(root, &options)?),
        Task::Operators { update_docs: false } => print!("{}", operators::page(root)?),
        Task::Operators { update_docs: true } => {
            println!("wrote {}", operators::update(root)?.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn on_target(root: &Path, task: OnTarget) -> Result<ExitCode> {
    if let OnTarget::Bench(options) = &task
        && options.all
    {
        return tables::measure_all(root, options);
    }
    let core = task.core();
    let found = firmware::toolchain(core);
    let toolchain = match found.and_then(|found| qemu::check(core).map(|()| found)) {
        Ok(found) => found,
        Err(missing) if matches!(task, OnTarget::TargetTest { require: true, .. }) => {
            return Err(missing);
        }
        Err(missing) => {
            eprintln!("skipped: nothing was built or run\n{missing:#}");
            return Ok(ExitCode::SUCCESS);
        }
    };
    eprintln!("building with {toolchain}");

    match task {
        OnTarget::Example { opt } => {
            print!("{}", example(&Builder::new(root, &toolchain, core, opt))?);
            Ok(ExitCode::SUCCESS)
        }
        OnTarget::Bench(options) => tables::measure(root, &toolchain, options),
        OnTarget::TflmBench {
            selection,
            update_docs,
        } => {
            let Some(tree) = std::env::var_os(tflm_bench::TREE) else {
                eprintln!(
                    "skipped: {} names no tree of tflite-micro",
                    tflm_bench::TREE
                );
                return Ok(ExitCode::SUCCESS);
            };
            let found = subjects(root, &selection)?;
            let rows = tflm_bench::run(root, Path::new(&tree), &found, &Figures::load()?)?;
            println!("{}", tflm_bench::table(&rows, false));
            if update_docs {
                eprintln!("wrote {}", tflm_bench::update_docs(root, &rows)?.display());
            }
            Ok(ExitCode::SUCCESS)
        }
        OnTarget::TargetTest { run, ops, .. } => {
            let builder = Builder::new(root, &toolchain, core, run.opt);
            // The example is for the board of one of them.
            if core == Core::M4 {
                example(&builder).context("the example")?;
                let said = kenning::example(root, &builder).context("the example for Kenning")?;
                print!("{said}");
            }
            let (figures, mut entries) = measure(root, &builder, &run.selection, Extra::default())?;
            if let Some(step) = ops {
                let all = operator_code::find(root, &run.selection)?.subjects;
                let sample: Vec<Subject> = all.into_iter().step_by(step.get()).collect();
                println!(
                    "a sample of operators: every {step}th model, {}",
                    sample.len()
                );
                entries.extend(bench::run(&builder, &sample, Extra::default()));
            }
            print_changes(root, core, run.opt, &entries)?;
            entries.extend(exchanged(root, &builder, &run.selection)?);
            entries.extend(in_parts(root, &builder, &run.selection)?);
            println!("{}", all_in_parts(root, &builder, &run.selection)?);
            Ok(verdict(core, &entries, &figures))
        }
    }
}

/// Runs one of the selected models, if it is there, with inputs and outputs in two buffers each: they change places from run to run, and one that
/// is not aligned is refused.
fn exchanged(root: &Path, builder: &Builder<'_>, selection: &Selection) -> Result<Vec<Entry>> {
    let mut found = subjects(root, selection)?;
    found.retain(|subject| subject.name == EXCHANGED);
    let mut entries = bench::run(
        &builder.clone().plan(Plan::Buffers),
        &found,
        Extra::default(),
    );
    for entry in &mut entries {
        entry.name += " with the caller's buffers";
    }
    Ok(entries)
}

/// The same in parts: nothing of them may panic, either.
fn in_parts(root: &Path, builder: &Builder<'_>, selection: &Selection) -> Result<Vec<Entry>> {
    let mut found = subjects(root, selection)?;
    found.retain(|subject| subject.name == EXCHANGED);
    let builder = builder.clone().plan(Plan::Parts);
    let mut entries = bench::run(&builder, &found, Extra::default());
    for entry in &mut entries {
        entry.name += " in parts";
    }
    Ok(entries)
}

/// Runs the first case of every selected model of the repository in parts, in one firmware.
fn all_in_parts(root: &Path, builder: &Builder<'_>, selection: &Selection) -> Result<String> {
    let mut found = subjects(root, selection)?;
    found.retain(|subject| subject.model.starts_with(root));
    let lines =
        (found.iter()).map(|one| format!("{}\t{}\t\n", one.model.display(), one.golden.display()));
    let file = root.join("target/in-parts.txt");
    std::fs::create_dir_all(root.join("target"))?;
    std::fs::write(&file, lines.collect::<String>())?;
    let image = builder.clone().plan(Plan::Parts).batch("in-parts", &file)?;
    let run = qemu::measure(builder.core, &image)?;
    if let Some(first) = &run.first {
        let name = found.get(first.case).map(|subject| &*subject.name);
        bail!(
            "{} of {} values are wrong in parts, the first of {}: output {}, element {}",
            run.mismatches,
            run.values,
            name.unwrap_or("no model"),
            first.output,
            first.index
        );
    }
    ensure!(found.is_empty() || run.values > 0, "no value was compared");
    Ok(format!(
        "ok    {} models in parts, {} values",
        found.len(),
        run.values
    ))
}

/// A small model of convolutions.
const EXCHANGED: &str = "kws_dscnn_int8";

/// Prints which published figures of models are no longer theirs.
fn print_changes(root: &Path, core: Core, opt: OptLevel, entries: &[Entry]) -> Result<()> {
    if core != Core::M4 {
        return Ok(());
    }
    if let Some(table) = changes::table(root, opt, entries)? {
        println!("{table}");
    }
    Ok(())
}

/// Builds and runs the examples for users; what they print.
fn example(builder: &Builder<'_>) -> Result<String> {
    let sine = run_example(builder, &builder.example()?)?;
    let image = builder.memories()?;
    let memories = run_example(builder, &image)?;
    check_memories(&image, &memories)?;
    let embassy = run_example(builder, &builder.embassy()?)?;
    Ok(sine + &memories + &embassy)
}

fn run_example(builder: &Builder<'_>, image: &Path) -> Result<String> {
    let (output, status) = qemu::run(builder.core, image)?;
    ensure!(
        status.success(),
        "the example ended with {status} after printing:\n{output}"
    );
    Ok(output)
}

/// That the linker placed the memories of the example where its scripts say, and the example found them there.
fn check_memories(image: &Path, output: &str) -> Result<()> {
    for (name, section, region) in [
        ("sram", ".bss", 0x2000_0000..0x2040_0000),
        ("psram", ".psram", 0x2100_0000..0x2180_0000),
    ] {
        let words = said(output, name);
        let [start, size] = words[..] else {
            bail!("the example does not say where {name} is:\n{output}");
        };
        let start = u64::from_str_radix(start.trim_start_matches("0x"), 16)?;
        let size: u64 = size.parse()?;
        let placed = elf::section(image, section)?;
        ensure!(
            size > 0 && is_within(&placed, &(start..start + size)) && is_within(&region, &placed),
            "{name} is at {start:#x}, {size} bytes; {section} at {placed:x?}, and the memory at {region:x?}"
        );
    }
    let weights: u64 = match said(output, "weights")[..] {
        [bytes] => bytes.parse()?,
        _ => bail!("the example does not say how large its weights are:\n{output}"),
    };
    // As the example has it, flash takes 16 kB of them.
    let placed = elf::section(image, ".qspi")?;
    let bytes = placed.end - placed.start;
    ensure!(
        is_within(&(0x2180_0000..0x2200_0000), &placed)
            && bytes < weights
            && bytes + 16 * 1024 >= weights,
        "{bytes} of {weights} bytes of weights are at {placed:x?}"
    );
    Ok(())
}

/// What stands behind a word that begins a line.
fn said<'a>(output: &'a str, name: &str) -> Vec<&'a str> {
    let mut lines = output.lines().map(|line| line.split(' '));
    let line = lines.find(|words| words.clone().next() == Some(name));
    line.into_iter().flatten().skip(1).collect()
}

fn is_within(outer: &Range<u64>, inner: &Range<u64>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Builds and runs all selected models.
fn measure(
    root: &Path,
    builder: &Builder<'_>,
    selection: &Selection,
    extra: Extra,
) -> Result<(Figures, Vec<Entry>)> {
    let found = subjects(root, selection)?;
    Ok((Figures::load()?, bench::run(builder, &found, extra)))
}

fn subjects(root: &Path, selection: &Selection) -> Result<Vec<Subject>> {
    let found = models::find(root, selection)?;
    for note in &found.notes {
        eprintln!("{note}");
    }
    ensure!(
        !found.subjects.is_empty(),
        "no model with goldens found; name a directory of them with --models"
    );
    Ok(found.subjects)
}

/// Prints what each model did wrong.
fn verdict(core: Core, entries: &[Entry], figures: &Figures) -> ExitCode {
    let mut failed = 0;
    for entry in entries {
        let faults = match &entry.outcome {
            Outcome::Failed(reason) => vec![reason.clone()],
            Outcome::Measured(measured) => {
                checks::faults(core, measured, figures.of(&entry.sha256))
            }
        };
        if faults.is_empty() {
            println!("ok    {}", entry.name);
            continue;
        }
        failed += 1;
        println!("FAIL  {}", entry.name);
        for fault in faults {
            println!("      {}", fault.replace('\n', "\n      "));
        }
    }
    println!("{} passed, {failed} failed", entries.len() - failed);
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
