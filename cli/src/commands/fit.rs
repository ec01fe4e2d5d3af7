//! `castiron fit`.

use std::path::{Path, PathBuf};

use castiron_board::clock::Clock;
use castiron_board::cost::RunCost;
use castiron_board::fit::{Board, Candidate, Engine, Fit, FitOptions, Room, fit};
use castiron_board::platforms;
use castiron_codegen::compile::EngineName;
use castiron_codegen::cortex::{Cortex, Simd};
use clap::Args;

use super::Answer;
use crate::args::{self, Compiled, Destination, General, OnLimit};
use crate::diagnostics;
use crate::failure::{Failure, Result};
use crate::input;
use crate::output::Outputs;
use crate::project::Named;
use crate::text::{self, grouped, heading, table};

const EXAMPLES: &str = "\
Examples:
  castiron fit kws.tflite --board nucleo_f401re
  castiron fit kws.tflite vad.tflite --board stm32f4_disco --app-flash 96 --app-ram 40
  castiron fit kws.tflite --dts build/zephyr/zephyr.dts --engine tflm --json
  castiron fit kws.tflite --board my_board --platforms platforms.yml

castiron counts the models together. On a Cortex-M it estimates the compiled engine's code. Add the
code of the application, the operating system and other engines to --app-flash. The exit code is 0
if everything fits and 1 if it does not.";

/// Check whether models fit on a board, and show what uses its memory
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The models
    #[arg(value_name = "MODEL", required = true)]
    models: Vec<PathBuf>,
    /// The board, by the name of its Zephyr target; `castiron boards` lists them [default: that of castiron.toml]
    #[arg(long, value_name = "NAME")]
    board: Option<String>,
    /// Look the board up in this file of Kenning's platforms
    #[arg(long, value_name = "FILE", requires = "board", conflicts_with = "dts")]
    platforms: Option<PathBuf>,
    /// Read the board's memories from a build's flattened devicetree
    #[arg(long, value_name = "FILE")]
    dts: Option<PathBuf>,
    /// Flash of everything except the models and their engine, in KB
    #[arg(long, value_name = "KB", default_value_t = 0)]
    app_flash: u32,
    /// RAM of everything except the models, in KB
    #[arg(long, value_name = "KB", default_value_t = 0)]
    app_ram: u32,
    /// The processor's clock, as 168M [default: the devicetree's, or what Zephyr sets it to, if castiron knows it]
    #[arg(long, value_name = "HZ")]
    clock: Option<Clock>,
    /// Do not estimate the engine's code
    #[arg(long)]
    no_code: bool,
    /// Engine that runs the models: castiron's, or TensorFlow Lite Micro's interpreter with its reference kernels [default: compiled]
    #[arg(long, value_name = "ENGINE", value_parser = args::engine())]
    engine: Option<EngineName>,
    #[command(flatten)]
    limits: OnLimit,
    #[command(flatten)]
    compiled: Compiled,
    #[command(flatten)]
    to: Destination,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    if arguments.compiled.has_memories() {
        return Err(Failure::usage(
            "fit counts a model's memory as the RAM of one board",
            "omit --memory and --memories-from; `castiron plan --memory` shows what lies where",
        ));
    }
    let named = arguments
        .compiled
        .several(&arguments.models, arguments.engine)?;
    let mut sources: Vec<PathBuf> = named.iter().map(|model| model.path.clone()).collect();
    let mut board = match (&arguments.board, &arguments.dts) {
        (None, None) => common_board(&named)?,
        _ => board(
            arguments.board.as_deref(),
            arguments.platforms.as_deref(),
            arguments.dts.as_deref(),
            &mut sources,
        )?,
    };
    board.clock = arguments.clock.or(board.clock);
    sources.extend(arguments.compiled.files());
    let engine = common_engine(&named)?;
    if engine == EngineName::Tflm {
        arguments.compiled.check_unused()?;
    }
    let mut shapes = arguments.compiled.shapes(&arguments.models);
    let models: Vec<_> = (named.iter())
        .map(|model| shapes.model(model))
        .collect::<Result<_>>()?;
    shapes.check_used()?;
    let candidates: Vec<Candidate<'_>> = (models.iter().zip(&named))
        .map(|(input, named)| Candidate {
            model: &input.model,
            name: named.entry.as_deref().unwrap_or(&input.model.file),
            file_bytes: input.bytes.len(),
        })
        .collect();
    let mut options = FitOptions::default();
    options.engine = match engine {
        EngineName::Tflm => Engine::Tflm,
        _ => Engine::Compiled,
    };
    options.each = named
        .iter()
        .map(|model| model.options_for(Some(&board)))
        .collect();
    if options.each.iter().any(|how| !how.memories.is_empty()) {
        diagnostics::note(
            "fit counts the RAM of one board: memories of castiron.toml do not count, and `castiron plan` shows what lies where",
        );
    }
    for how in &mut options.each {
        how.memories.clear();
    }
    options.no_code = arguments.no_code;
    options.app_flash = u64::from(arguments.app_flash) * 1024;
    options.app_ram = u64::from(arguments.app_ram) * 1024;
    let fit = fit(&candidates, board, &options)?;
    diagnostics::warn(&fit.warnings);
    let answer = Answer {
        what: "fit",
        text: describe(&fit),
        json: &fit,
    };
    super::answer(
        Outputs::default(),
        &answer,
        &arguments.to,
        &sources,
        general,
    )?;
    let refused = fit
        .refusal()
        .map(|diagnostic| Failure::Model(diagnostic.into()));
    let beyond = arguments.limits.hold(fit.beyond_limits).err();
    Failure::of_several(refused.into_iter().chain(beyond).collect())
}

/// The board that castiron.toml names for all of the models.
fn common_board(models: &[Named]) -> Result<Board> {
    let unknown = || {
        Failure::usage(
            "fit does not know the board",
            "name it with --board, or its flattened devicetree with --dts; in castiron.toml, board names that of a model",
        )
    };
    let [first, others @ ..] = models else {
        return Err(unknown());
    };
    let other = others
        .iter()
        .find(|other| other.board_name() != first.board_name());
    match other {
        None => first.board()?.ok_or_else(unknown),
        Some(other) => {
            let [first, other] = [first, other].map(|model| model.board_name().unwrap_or("none"));
            Err(Failure::usage(
                format!(
                    "fit counts models on one board, and castiron.toml names {first} and {other}"
                ),
                "run it for the models of each board, or name one with --board",
            ))
        }
    }
}

/// The engine of all of the models.
fn common_engine(models: &[Named]) -> Result<EngineName> {
    let mut engines = models
        .iter()
        .map(|model| model.settings.engine.unwrap_or_default());
    let first = engines.next().unwrap_or_default();
    match engines.all(|engine| engine == first) {
        true => Ok(first),
        false => Err(Failure::usage(
            "fit counts models of one engine, and castiron.toml names two",
            "run it for the models of each engine, or name one with --engine",
        )),
    }
}

/// The board that options name.
pub(super) fn board(
    name: Option<&str>,
    platforms_file: Option<&Path>,
    dts: Option<&Path>,
    sources: &mut Vec<PathBuf>,
) -> Result<Board> {
    if let Some(path) = dts {
        sources.push(path.to_owned());
        let file = path.display().to_string();
        let tree = input::devicetree(path)?;
        castiron_board::memory::sram(&tree).map_err(|e| e.in_file(&file))?;
        return Ok(Board::of_devicetree(
            name,
            &castiron_board::facts(&tree).map_err(|e| e.in_file(&file))?,
            &file,
        ));
    }
    let name = name.unwrap_or_default();
    let Some(path) = platforms_file else {
        return Ok(Board::known(name)?);
    };
    sources.push(path.to_owned());
    let file = path.display().to_string();
    let sizes = platforms::sizes(&input::text(path)?, name).map_err(|e| e.in_file(&file))?;
    Ok(Board::of_platform(name, &sizes, &file))
}

fn describe(fit: &Fit) -> String {
    let verdict = if fit.fits {
        "It fits"
    } else {
        "It does not fit"
    };
    let models: Vec<&str> = (fit.items.iter())
        .map(|item| item.model.as_deref().unwrap_or_default())
        .collect();
    let mut rows: Vec<Vec<String>> = (fit.items.iter().zip(text::short_paths(&models)))
        .map(|(item, model)| {
            vec![
                text::name(model),
                item.what.to_owned(),
                grouped(item.flash_bytes),
                grouped(item.ram_bytes),
            ]
        })
        .collect();
    let mut total = |what: &str, of: fn(&Room) -> String| {
        let flash = fit.flash.as_ref().map(of).unwrap_or_default();
        let row = [String::new(), what.to_owned(), flash, of(&fit.ram)];
        rows.push(row.into());
    };
    total("taken", |room| grouped(room.takes));
    total("on the board", |room| grouped(room.has));
    total("left", |room| match room.left {
        left if left < 0 => format!("-{}", grouped(left.unsigned_abs())),
        left => grouped(left),
    });
    let mut out = heading(format_args!("{verdict} on {}", text::name(&fit.board.name)));
    out += &table(&["Model", "", ">Flash", ">RAM"], rows);
    out += &format!("\nSizes of the board: {}. ", text::name(&fit.board.source));
    out += &match &fit.code {
        Some(code) => format!(
            "The engine's code is estimated from {};\nsuch estimates are {} % off on average. Other code is counted only as --app-flash.\n",
            code.measured, code.mean_error_percent
        ),
        None => "Code is counted only as --app-flash.\n".to_owned(),
    };
    let cpu = fit.board.cpu.as_deref().and_then(Cortex::of_compatible);
    if let Some(cpu) = cpu.filter(|cpu| fit.code.is_some() && cpu.simd != Simd::Dsp) {
        out += &format!(
            "castiron has other kernels for a {}, whose code was not measured: the estimate may be half or twice what they take.\n",
            cpu.name
        );
    }
    out += &runs(fit);
    if fit.flash.is_none() {
        out += "The board has no flash to run from: everything is in RAM.\n";
    }
    out
}

/// What runs take, a line for each model.
fn runs(fit: &Fit) -> String {
    if fit.runs.is_empty() {
        return String::new();
    }
    let known = |value: Option<u64>| value.map_or_else(|| "no estimate".to_owned(), grouped);
    let models = fit
        .items
        .iter()
        .filter(|item| item.what == "packed weights");
    let models: Vec<&str> = models
        .map(|item| item.model.as_deref().unwrap_or_default())
        .collect();
    let rows = fit
        .runs
        .iter()
        .zip(text::short_paths(&models))
        .map(|(run, model)| {
            let time = run
                .milliseconds
                .map_or_else(String::new, |value| value.to_string());
            vec![
                text::name(model),
                known(run.instructions),
                known(run.cycles),
                time,
            ]
        });
    let mut out = String::from("\n");
    out += &table(&["A run of", ">Instructions", ">Cycles", ">ms"], rows);
    out += &about_runs(fit);
    out
}

/// What the estimates are from, and how far such are off.
fn about_runs(fit: &Fit) -> String {
    let mut out = String::new();
    let estimated = fit.runs.iter().find(|run| run.instructions.is_some());
    if let Some(RunCost {
        processor: Some(processor),
        instructions_error_percent: Some(error),
        optimize,
        ..
    }) = estimated
    {
        out += &format!(
            "\nRuns are estimated from kernels measured on a {processor}, for optimize = {optimize}; half of such estimates are within {error} %.\n"
        );
    }
    if let Some(error) = estimated.and_then(|run| run.cycles_error_percent) {
        out += &format!(
            "Cycles are for memory without wait states; half of their estimates are within {error} %."
        );
        out += &match fit.board.clock {
            Some(clock) => format!(" The clock is {}: {}.\n", clock.text(), clock.source),
            None => " The clock is unknown; --clock says it.\n".to_owned(),
        };
    }
    if let Some(note) = estimated.and_then(|run| run.cycles_note.as_ref()) {
        out += &format!("Take the time as a guess: {note}.\n");
    }
    let reasons = fit.runs.iter().filter_map(|run| run.reason.as_deref());
    let mut reasons: Vec<&str> = reasons.collect();
    reasons.sort_unstable();
    reasons.dedup();
    for reason in reasons {
        out += &format!("There is no estimate where {reason}.\n");
    }
    out
}
