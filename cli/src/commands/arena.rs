//! `castiron arena`.

use std::fmt;
use std::path::{Path, PathBuf};

use castiron_codegen::error::Diagnostic;
use castiron_codegen::graph::Model;
use castiron_codegen::tflm::arena::{self, Arena, ArenaNeed, ArenaOptions, Decider, Target};
use castiron_codegen::tflm::{self, Verdict};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::Answer;
use crate::args::{Destination, General};
use crate::diagnostics;
use crate::failure::{Failure, Result};
use crate::input;
use crate::output::Outputs;
use crate::project::Project;
use crate::text::{self, grouped, heading, table};

const EXAMPLES: &str = "\
Examples:
  castiron arena kws.tflite
  castiron arena kws.tflite vad.tflite --kernels cmsis-nn --cpu cortex-m55
  castiron arena *.tflite --json | jq -r '.[] | \"\\(.model) \\(.min_arena_bytes)\"'

The JSON is an array with one entry per model: min_arena_bytes, arena_used_bytes, head_bytes,
tail_bytes, operators, buffers, …; or error, with the reason. If any entry has an error, the exit
code is 1; the other entries are still complete.

The arena has to begin at a multiple of 16. It does not include stack and statics:
MicroInterpreter has 208 bytes (212 on RISC-V), MicroMutableOpResolver<N> has 36 × N + 12.";

/// Compute the tensor arena that TensorFlow Lite Micro needs, to the byte
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The models
    #[arg(value_name = "MODEL", required = true)]
    models: Vec<PathBuf>,
    /// Kernels of the firmware
    #[arg(long, value_enum, default_value_t = Kernels::Reference)]
    kernels: Kernels,
    /// Processor of the firmware, as compilers name it: cortex-m7, generic-rv32
    #[arg(long, value_name = "NAME", value_parser = cpu, default_value = "cortex-m4")]
    cpu: Target,
    /// Resource variables that the application reserves [default: as many as the model has]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16))]
    resource_variables: Option<u16>,
    /// Assume a bound, and print it, for kernels of unknown size
    #[arg(long)]
    allow_estimate: bool,
    #[command(flatten)]
    project: Project,
    #[command(flatten)]
    to: Destination,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Kernels {
    /// TFLM's reference kernels
    Reference,
    /// CMSIS-NN's kernels, and reference kernels for the rest
    CmsisNn,
}

/// The kind of the processor that compilers call so: TFLM's arena depends on no more.
pub(super) fn cpu(name: &str) -> Result<Target, String> {
    Target::of_cpu(name).ok_or_else(|| {
        let known: Vec<&str> = Target::cpus().collect();
        format!(
            "unknown processor; the arena is known on {}",
            known.join(", ")
        )
    })
}

impl fmt::Display for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        arena::Kernels::from(*self).fmt(f)
    }
}

impl From<Kernels> for arena::Kernels {
    fn from(kernels: Kernels) -> Self {
        match kernels {
            Kernels::Reference => Self::Reference,
            Kernels::CmsisNn => Self::CmsisNn,
        }
    }
}

impl Arguments {
    fn options(&self) -> Result<ArenaOptions> {
        Ok(ArenaOptions {
            resource_variables: self.resource_variables.map(usize::from),
            allow_estimate: self.allow_estimate,
            ..checked(self.kernels.into(), self.cpu)?
        })
    }
}

const TFLM: &str = "The arena of TensorFlow Lite Micro";

/// What TFLM is built with and for, where a command names the arena that it needs.
#[derive(Debug, Args)]
pub(super) struct Interpreter {
    /// Kernels of the firmware [default: reference]
    #[arg(long, value_enum, help_heading = TFLM)]
    kernels: Option<Kernels>,
    /// Processor of the firmware, as compilers name it: cortex-m7, generic-rv32 [default: cortex-m4]
    #[arg(long, value_name = "NAME", value_parser = cpu, help_heading = TFLM)]
    cpu: Option<Target>,
}

impl Interpreter {
    /// Refuses kernels that the processor does not run.
    pub(super) fn check(&self) -> Result<()> {
        self.options().map(drop)
    }

    /// The kernels of the firmware.
    pub(super) fn kernels(&self) -> arena::Kernels {
        self.kernels.map_or_else(Default::default, Into::into)
    }

    fn options(&self) -> Result<ArenaOptions> {
        let kernels = self.kernels();
        let target = self.cpu.unwrap_or_default();
        checked(kernels, target)
    }

    /// What TFLM makes of a model whose bytes are handed on: another runtime may take them.
    pub(super) fn warnings(&self, model: &Model) -> Vec<Diagnostic> {
        let kernels = self.kernels();
        let Verdict { refused, differs } = tflm::verdict(model, kernels);
        refused.into_iter().chain(differs).collect()
    }

    /// The arena that the model needs. Where it is not known, that is an error only for a user
    /// who said what it is for.
    pub(super) fn need(&self, model: &Model) -> Result<ArenaNeed> {
        let options = self.options()?;
        if self.kernels.is_some() || self.cpu.is_some() {
            return Ok(ArenaNeed::new(model, &options)?);
        }
        Ok(ArenaNeed::if_known(model, &options))
    }
}

/// Says which arenas are not known, and why.
pub(super) fn unknown(arenas: &[ArenaNeed]) -> String {
    let lines = arenas.iter().filter_map(|need| {
        let reason = need.reason.as_deref()?;
        let model = text::name(&need.model);
        Some(format!(
            "{model}: no constant for the arena: {}.\n",
            text::name(reason)
        ))
    });
    lines.collect()
}

fn checked(kernels: arena::Kernels, target: Target) -> Result<ArenaOptions> {
    if !target.runs(kernels) {
        return Err(Failure::usage(
            format!("CMSIS-NN is for Arm: {target} cannot run {kernels} kernels"),
            "use --kernels reference, or an Arm processor with --cpu",
        ));
    }
    Ok(ArenaOptions {
        kernels,
        target,
        ..ArenaOptions::default()
    })
}

/// The answer for one model.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Arena(Box<Answered>),
    Refused {
        model: String,
        kernels: &'static str,
        error: Refusal,
    },
}

/// An arena, and what it would be with other kernels or on another processor.
#[derive(Serialize)]
struct Answered {
    #[serde(flatten)]
    arena: Arena,
    others: Vec<Other>,
}

#[derive(Serialize)]
struct Other {
    kernels: &'static str,
    target: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_arena_bytes: Option<usize>,
}

/// The most operators of a model that others are computed of: each costs as much as the answer.
const MOST_OPERATORS: usize = 2000;

#[derive(Serialize)]
struct Refusal {
    kind: &'static str,
    diagnostics: Vec<Diagnostic>,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let options = arguments.options()?;
    let mut entries = Vec::new();
    let mut failures = Vec::new();
    let models = arguments.project.paths(&arguments.models)?;
    for path in &models {
        match compute(path, &options) {
            Ok(answered) => entries.push(Entry::Arena(Box::new(answered))),
            Err(failure) => {
                entries.push(Entry::Refused {
                    model: path.display().to_string(),
                    kernels: options.kernels.name(),
                    error: Refusal {
                        kind: failure.kind(),
                        diagnostics: failure.diagnostics().to_vec(),
                    },
                });
                failures.push(failure);
            }
        }
    }
    let answer = Answer {
        what: "arenas",
        text: describe(&entries),
        json: &entries,
    };
    for entry in &entries {
        if let Entry::Arena(answered) = entry {
            diagnostics::warn(&answered.arena.warnings);
        }
    }
    let outputs = Outputs::default();
    let sources: Vec<PathBuf> = models.into_iter().chain(arguments.project.file()).collect();
    super::answer(outputs, &answer, &arguments.to, &sources, general)?;
    Failure::of_several(failures)
}

fn compute(path: &Path, options: &ArenaOptions) -> Result<Answered> {
    let input = input::model(path)?;
    let arena = Arena::new(&input.model, options)?;
    let others = match arena.operators.len() {
        0..=MOST_OPERATORS => others(&input.model, options),
        _ => Vec::new(),
    };
    Ok(Answered { arena, others })
}

/// The arenas of other kernels and processors. Reference kernels take the same on all of Arm's.
fn others(model: &Model, options: &ArenaOptions) -> Vec<Other> {
    use arena::Kernels;
    let same = |kernels: Kernels, target: Target| {
        let both_arm = target != Target::Riscv32 && options.target != Target::Riscv32;
        kernels == options.kernels
            && (target == options.target || (kernels == Kernels::Reference && both_arm))
    };
    let arm = match options.target {
        Target::Riscv32 => Target::CortexM4,
        target => target,
    };
    let all = [
        (Kernels::Reference, arm),
        (Kernels::CmsisNn, Target::CortexM0),
        (Kernels::CmsisNn, Target::CortexM4),
        (Kernels::CmsisNn, Target::CortexM55),
        (Kernels::Reference, Target::Riscv32),
    ];
    let others = all
        .into_iter()
        .filter(|(kernels, target)| !same(*kernels, *target));
    let other = |(kernels, target): (Kernels, Target)| {
        let options = ArenaOptions {
            kernels,
            target,
            ..*options
        };
        Other {
            kernels: kernels.name(),
            target: target.name(),
            min_arena_bytes: Arena::new(model, &options)
                .ok()
                .map(|arena| arena.min_arena_bytes),
        }
    };
    others.map(other).collect()
}

fn describe(entries: &[Entry]) -> String {
    let arenas: Vec<&Answered> = (entries.iter())
        .filter_map(|entry| match entry {
            Entry::Arena(answered) => Some(&**answered),
            Entry::Refused { .. } => None,
        })
        .collect();
    match &arenas[..] {
        [] => String::new(),
        [answered] if entries.len() == 1 => one(&answered.arena) + &besides(&answered.others),
        arenas => several(
            &arenas
                .iter()
                .map(|answered| &answered.arena)
                .collect::<Vec<_>>(),
        ),
    }
}

/// What the arena would be otherwise, in a line.
fn besides(others: &[Other]) -> String {
    let known = |other: &Other| {
        let bytes = text::bytes(other.min_arena_bytes?);
        Some(format!("{} on {} {bytes}", other.kernels, other.target))
    };
    let known: Vec<String> = others.iter().filter_map(known).collect();
    match &known[..] {
        [] => String::new(),
        known => format!("It would be: {}.\n", known.join(", ")),
    }
}

fn several(arenas: &[&Arena]) -> String {
    let rows = arenas.iter().map(|arena| {
        vec![
            text::name(&arena.model),
            grouped(arena.min_arena_bytes),
            grouped(arena.arena_used_bytes),
            grouped(arena.head_bytes),
            grouped(arena.tail_bytes),
            grouped(arena.planning_bytes),
            grouped(arena.prepare_bytes),
        ]
    });
    let header = [
        "Model",
        ">Arena",
        ">Used",
        ">Head",
        ">Tail",
        ">Planning",
        ">Prepare",
    ];
    let notes: String = arenas.iter().map(|arena| notes(arena)).collect();
    table(&header, rows) + &basis(arenas[0]) + &notes
}

fn one(arena: &Arena) -> String {
    let rows = arena.operators.iter().map(|operator| {
        let scratch: Vec<String> = operator.scratch_bytes.iter().map(grouped).collect();
        vec![
            operator.subgraph.to_string(),
            operator.index.to_string(),
            text::name(&operator.name),
            grouped(operator.options_bytes),
            grouped(operator.data_bytes),
            grouped(operator.persistent_bytes),
            scratch.join(" + "),
            grouped(operator.prepare_bytes),
        ]
    });
    let header = [
        ">Graph", ">#", "Operator", ">Options", ">Data", ">Kept", ">Scratch", ">Prepare",
    ];
    let totals = [
        ("Arena", arena.min_arena_bytes),
        ("Used in the end", arena.arena_used_bytes),
        ("  head: tensors and scratch", arena.head_bytes),
        ("  tail: what lasts", arena.tail_bytes),
        ("In use while memory is planned", arena.planning_bytes),
        ("In use while operators are prepared", arena.prepare_bytes),
    ];
    let totals = totals.map(|(what, bytes)| vec![what.to_owned(), grouped(bytes)]);
    let decider = match arena.decided_by {
        Decider::Used => "what is used in the end",
        Decider::Planning => "the tables that memory is planned with",
        Decider::Prepare => "the preparation of an operator",
    };
    heading(text::name(&arena.model))
        + &table(&header, rows)
        + "\n"
        + &table(&["Bytes", ">"], totals)
        + &format!("\nThe arena's size is decided by {decider}.\n")
        + &basis(arena)
        + &notes(arena)
}

fn basis(arena: &Arena) -> String {
    format!(
        "For {} kernels of tflite-micro {} on {}.\n",
        arena.kernels, arena.tflm_revision, arena.target
    )
}

fn notes(arena: &Arena) -> String {
    let mut out = String::new();
    let model = text::name(&arena.model);
    if arena.offline_plan {
        out += &format!("{model}: follows the memory plan in the file.\n");
    }
    if arena.safe_from_bytes > arena.min_arena_bytes {
        out += &format!(
            "{model}: works in {} because a kernel does not need data that it asks for; other \
             sizes work from {} on.\n",
            text::bytes(arena.min_arena_bytes),
            text::bytes(arena.safe_from_bytes)
        );
    }
    for assumption in &arena.assumptions {
        out += &format!("{model}: assumed: {assumption}.\n");
    }
    out
}
