//! Valid random models, and what castiron and others make of them.

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use castiron_codegen::graph::BuiltinOperator;
use castiron_tests::random::{Campaign, Found, References, Tally, is_row};

/// The variable that names a Python with TFLM's interpreter or LiteRT.
const PYTHON: &str = "CASTIRON_PYTHON";
/// How often it is said how far the models are.
const INTERVAL: Duration = Duration::from_secs(1);

/// Which models are made.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many models.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    count: u64,
    /// What all models follow from, with their numbers.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// The number of the first model.
    #[arg(long, value_name = "I", default_value_t = 0)]
    first: u64,
    /// Operators to make models of, by the schema's names; by default all.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    operators: Vec<String>,
    /// Where to leave models that show a difference, with their inputs.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print JSON instead of lines.
    #[arg(long)]
    json: bool,
}

/// Makes the models and asks everybody about them.
///
/// # Errors
/// If there is no such operator, or the references' process fails.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let operators: Vec<String> = (options.operators.iter())
        .map(|name| {
            match BuiltinOperator::ALL
                .iter()
                .find(|op| op.name().eq_ignore_ascii_case(name))
            {
                Some(op) => op.name().to_owned(),
                None => name.clone(),
            }
        })
        .collect();
    if let Some(name) = operators.iter().find(|name| !is_row(name)) {
        bail!("random models are not made of an operator {name}");
    }
    let references = match std::env::var_os(PYTHON) {
        Some(python) => Some(References::start(Path::new(&python)).with_context(|| {
            format!("{PYTHON} names {}, which does not start", python.display())
        })?),
        None => None,
    };
    match &references {
        Some(references) => {
            let names: Vec<&str> = references.engines.iter().map(|e| e.name()).collect();
            eprintln!("compared with {}", names.join(" and "));
        }
        None => eprintln!("compared with nobody else: {PYTHON} names no Python"),
    }
    let mut campaign = Campaign {
        seed: options.seed,
        operators,
        references,
    };
    let mut tally = Tally::default();
    let (start, mut said, mut kept) = (Instant::now(), Instant::now(), 0);
    for number in options.first..options.first + options.count {
        campaign.take(number, &mut tally)?;
        for found in &tally.found[kept..] {
            if !options.json {
                println!("{}", line(found));
            }
            if let Some(folder) = &options.keep {
                keep(folder, found)?;
            }
        }
        kept = tally.found.len();
        if said.elapsed() >= INTERVAL {
            said = Instant::now();
            progress(&tally, options.count);
        }
    }
    if start.elapsed() >= INTERVAL && std::io::stderr().is_terminal() {
        eprintln!();
    }
    match options.json {
        true => println!("{}", serde_json::to_string_pretty(&tally)?),
        false => summary(&tally, options),
    }
    Ok(match tally.found.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn progress(tally: &Tally, count: u64) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let (models, found) = (tally.models, tally.found.len());
        let _ = write!(stderr, "\r{models} of {count} models, {found} differences");
        let _ = stderr.flush();
    }
}

fn line(found: &Found) -> String {
    format!(
        "seed {} model {} ({} rows): {}: {}",
        found.seed,
        found.number,
        found.rows,
        found.line,
        found.what.replace('\n', " | ")
    )
}

/// Leaves a model with its inputs, as goldens have them.
fn keep(folder: &Path, found: &Found) -> Result<()> {
    let Some(sample) = &found.sample else {
        return Ok(());
    };
    let name = format!("seed{}_{}", found.seed, found.number);
    let inputs = folder.join("golden").join(&name);
    fs::create_dir_all(&inputs).with_context(|| inputs.display().to_string())?;
    fs::write(folder.join(format!("{name}.tflite")), &sample.file)?;
    for run in 0..castiron_tests::random::RUNS {
        for (i, bytes) in sample.inputs(run).iter().enumerate() {
            fs::write(inputs.join(format!("in_{run}_{i}.bin")), bytes)?;
        }
    }
    fs::write(inputs.join("difference.txt"), line(found) + "\n")?;
    Ok(())
}

fn summary(tally: &Tally, options: &Options) {
    println!(
        "{} models, seed {}, numbers {} to {}: {} operators of {} kinds",
        tally.models,
        options.seed,
        options.first,
        options.first + options.count.saturating_sub(1),
        tally.operators.values().sum::<usize>(),
        tally.operators.len()
    );
    for (engine, count) in &tally.agreed {
        println!("{count} models are equal to {}", engine.name());
    }
    if tally.compared > 0 {
        println!(
            "{} models are compared with an engine, and the first operators of {}",
            tally.compared, tally.parts
        );
    }
    if tally.arenas > 0 {
        println!("{} heads of TFLM's arena are as predicted", tally.arenas);
    }
    for (title, list) in [
        ("not compared", &tally.unasked),
        ("explained", &tally.explained),
    ] {
        for (reason, count) in list {
            println!("{count} {title}: {reason}");
        }
    }
    println!("{} unexplained differences", tally.found.len());
}
