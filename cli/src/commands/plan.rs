//! `castiron plan`.

use std::path::PathBuf;
use std::time::Duration;

use castiron_codegen::compile::{self, CompileOptions, Frontier};
use castiron_codegen::error::Diagnostic;
use castiron_codegen::plan::{
    Budget, Location, MemoryKind, Plan, PlanOptions, PlannedTensor, Region, Speed,
};
use castiron_codegen::report::WeightReport;
use castiron_codegen::target::Isa;
use castiron_codegen::tflite::rewrite;
use castiron_codegen::tflm::arena::{ArenaOptions, Embedded, OFFLINE_PLAN};
use castiron_codegen::warnings;
use clap::Args;

use super::Answer;
use super::arena::Kernels;
use crate::args::{Compiled, Destination, Firmware, General};
use crate::diagnostics;
use crate::failure::Result;
use crate::input::ModelFile;
use crate::output::Outputs;
use crate::progress;
use crate::project::Named;
use crate::text::{self, grouped, heading, table};

const EXAMPLES: &str = "\
Examples:
  castiron plan vae.tflite
  castiron plan vae.tflite --svg vae.svg
  castiron plan vae.tflite --json | jq .peak_bytes
  castiron plan vae.tflite --pareto --svg vae.svg     # RAM against extra work
  castiron plan vae.tflite --buffers caller           # the caller holds inputs and outputs
  castiron plan vae.tflite --no-alias --no-in-place   # an interpreter without sharing needs this
  castiron plan vae.tflite --embed -o planned.tflite  # for an unmodified TensorFlow Lite Micro

With --embed, castiron writes a copy of the model with a plan that TensorFlow Lite Micro's
interpreter follows: it keeps the file's order of operators, and keeps inputs and outputs apart. The
plan leaves room for the working memory of kernels, which the interpreter plans itself.

With --pareto, each line is a plan that --max-arena chooses, from whole tensors to the least arena.

The JSON is the plan of one subgraph, or with --pareto the plans (macs, points). Its keys
(peak_bytes, lower_bound_bytes, optimal, tensors, …) are stable; castiron may add keys.";

/// Show where every tensor lies in the arena, and whether a smaller arena is possible
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The model
    model: PathBuf,
    /// Index of the subgraph: an entry point, or one that another subgraph runs
    #[arg(long, value_name = "N", default_value_t = 0)]
    subgraph: usize,
    #[command(flatten)]
    compiled: Compiled,
    /// Show how small the arena can be for how much work, rather than one plan
    #[arg(long, conflicts_with_all = ["max_arena", "memories", "memories_from"])]
    pareto: bool,
    /// Draw the plan, or the curve of --pareto, as an SVG picture
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Give outputs of RESHAPE and similar operators their own memory
    #[arg(long)]
    no_alias: bool,
    /// Never let an output overwrite an input
    #[arg(long)]
    no_in_place: bool,
    /// Let an output overwrite only inputs of its size, byte for byte
    #[arg(long)]
    no_overlap: bool,
    /// Keep the file's order of operators
    #[arg(long)]
    no_reorder: bool,
    /// Alignment of every tensor, a power of two
    #[arg(long, value_name = "BYTES", default_value_t = PlanOptions::default().alignment)]
    align: usize,
    /// Stop looking for a better plan after this time; the result then depends on the host
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    time_limit: Option<Duration>,
    /// Write a copy of the model that carries the plan, for TensorFlow Lite Micro
    #[arg(long, requires = "output", conflicts_with_all = PLAN_ONLY)]
    embed: bool,
    /// With --embed: the kernels to leave room for
    #[arg(long, value_enum, default_value_t = Kernels::Reference, requires = "embed")]
    kernels: Kernels,
    #[command(flatten)]
    firmware: Firmware,
    #[command(flatten)]
    to: Destination,
}

/// Options that ask for another plan than the interpreter's.
const PLAN_ONLY: [&str; 19] = [
    "optimize",
    "max_arena",
    "max_flash",
    "max_macs",
    "memories",
    "memories_from",
    "input_by",
    "buffers",
    "passes",
    "shape",
    "custom",
    "subgraph",
    "pareto",
    "svg",
    "no_alias",
    "no_in_place",
    "no_overlap",
    "no_reorder",
    "align",
];

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())
}

impl Arguments {
    fn options(&self, named: &Named) -> Result<CompileOptions> {
        let mut all = named.options()?;
        let options = &mut all.plan;
        options.alignment = self.align;
        options.alias = !self.no_alias;
        options.in_place = !self.no_in_place;
        options.overlap = !self.no_overlap;
        options.reorder = !self.no_reorder;
        options.budget.time = self.time_limit;
        Ok(all)
    }

    fn sources(&self, input: &ModelFile) -> Vec<PathBuf> {
        let model = std::iter::once(input.path.clone());
        model.chain(self.compiled.files()).collect()
    }
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let named = arguments.compiled.one(&arguments.model, None)?;
    let input = named.read()?;
    diagnostics::warn(&warnings::of(&input.model));
    if arguments.embed {
        let budget = arguments.options(&named)?.plan.budget;
        return embed(&input, &budget, arguments, general);
    }
    let mut outputs = Outputs::default();
    if arguments.pareto {
        let options = of_one_memory(checked(&input, &named, arguments)?);
        let frontier = progress::during("planning arenas", general, || {
            frontier(&input, &options, arguments.subgraph)
        })?;
        if let Some(path) = &arguments.svg {
            outputs.add_bytes("curve", path, frontier.to_svg(input.model.stem()));
        }
        let answer = Answer {
            what: "plans",
            text: curve(&input, arguments.subgraph, &frontier, options.target.isa),
            json: &frontier,
        };
        let sources = arguments.sources(&input);
        return super::answer(outputs, &answer, &arguments.to, &sources, general);
    }
    let options = checked(&input, &named, arguments)?;
    let plan = progress::during("planning the arena", general, || {
        plan(&input, &options, arguments.subgraph)
    })?;
    if let Some(path) = &arguments.svg {
        outputs.add_bytes("picture", path, plan.to_svg(input.model.stem()));
    }
    let answer = Answer {
        what: "plan",
        text: describe(&input, arguments.subgraph, &plan) + &weights(&input, &options)?,
        json: &plan,
    };
    let sources = arguments.sources(&input);
    super::answer(outputs, &answer, &arguments.to, &sources, general)
}

fn embed(
    input: &ModelFile,
    budget: &Budget,
    arguments: &Arguments,
    general: &General,
) -> Result<()> {
    let options = ArenaOptions {
        kernels: arguments.kernels.into(),
        ..ArenaOptions::default()
    };
    let model = &input.model;
    let embedded = progress::during("planning the arena", general, || {
        Embedded::new(model, &options, budget).map_err(|e| e.in_file(&model.file))
    })?;
    let data = embedded.plan.to_bytes();
    let bytes = rewrite::set_metadata(&model.file, &input.bytes, OFFLINE_PLAN, &data)?;
    let mut outputs = Outputs::default();
    outputs.add_bytes("model with plan", &arguments.to.output, bytes);
    let quiet = general.quiet || general.json || outputs.to_stdout();
    let sources = [input.path.clone()];
    super::write(outputs, &arguments.to.depfile, &sources, general)?;
    match embedded.arenas {
        Some((without, with)) if !quiet => text::print(&format!(
            "Head {}, without the plan {}; arena {}, without {} ({} kernels).\n",
            text::bytes(with.head_bytes),
            text::bytes(without.head_bytes),
            text::bytes(with.min_arena_bytes),
            text::bytes(without.min_arena_bytes),
            with.kernels,
        )),
        _ => Ok(()),
    }
}

fn plan(input: &ModelFile, options: &CompileOptions, subgraph: usize) -> Result<Plan> {
    let model = &input.model;
    let planned = compile::plan_graph(model, subgraph, options)
        .map_err(|e| e.in_file(&model.file).in_subgraph(subgraph))?;
    Ok(planned.1)
}

fn frontier(input: &ModelFile, options: &CompileOptions, subgraph: usize) -> Result<Frontier> {
    let model = &input.model;
    let frontier = compile::frontier(model, subgraph, options)
        .map_err(|e| e.in_file(&model.file).in_subgraph(subgraph))?;
    Ok(frontier)
}

/// What plans of all sizes have: the bound and the memories that castiron.toml says are of one plan.
fn of_one_memory(mut options: CompileOptions) -> CompileOptions {
    let bound = options.max_arena.map(|_| "max-arena");
    let memories = (!options.memories.is_empty()).then_some("memories");
    let left_out: Vec<&str> = bound.into_iter().chain(memories).collect();
    if !left_out.is_empty() {
        diagnostics::note(format_args!(
            "--pareto shows plans of any size in one memory: {} of castiron.toml does not count",
            left_out.join(" and ")
        ));
    }
    options.max_arena = None;
    options.memories.clear();
    options
}

/// What to plan for, if the subgraph is there.
fn checked(input: &ModelFile, named: &Named, arguments: &Arguments) -> Result<CompileOptions> {
    let model = &input.model;
    if arguments.subgraph >= model.graphs.len() {
        let mut d =
            Diagnostic::new(format!("there is no subgraph {}", arguments.subgraph)).expected(
                format_args!("0 to {}", model.graphs.len().saturating_sub(1)),
            );
        d.place.file = Some(model.file.clone());
        return Err(d.into());
    }
    let mut options = arguments.options(named)?;
    options.custom = arguments.firmware.ops();
    Ok(options)
}

fn curve(input: &ModelFile, subgraph: usize, frontier: &Frontier, isa: Isa) -> String {
    let rows = frontier.points.iter().map(|point| {
        let extra = 100.0 * point.extra_macs as f64 / frontier.macs.max(1) as f64;
        vec![
            grouped(point.arena_bytes),
            grouped(point.state_bytes),
            grouped(point.macs),
            format!("{extra:.1} %"),
            grouped(point.rows),
            point.room.map_or_else(|| "any".to_owned(), grouped),
        ]
    });
    let header = [
        ">Arena",
        ">State",
        ">MACs",
        ">Extra MACs",
        ">Rows by themselves",
        ">Kernels' room",
    ];
    let mut out = heading(format_args!(
        "{}, subgraph {subgraph}",
        text::name(&input.model.file)
    ));
    out += &table(&header, rows);
    out += "\nSizes in bytes; the arena of a line is the --max-arena that gives its plan. Where there is less room\nfor a kernel, a slower one that works in less takes its place. Rows by themselves cost code and instructions, too.\n";
    out += &format!(
        "Kernels: {}. With --isa they are those of a processor, and arenas differ.\n",
        isa.name()
    );
    out
}

/// How large the arena is, and whether it may be smaller.
fn peak(plan: &Plan) -> String {
    let (peak, bound) = (
        text::bytes(plan.peak_bytes),
        text::bytes(plan.lower_bound_bytes),
    );
    match plan.optimal {
        true if plan.peak_bytes == plan.lower_bound_bytes => {
            format!("\nPeak {peak}, proven least: as many are live at once.\n")
        }
        true => format!("\nPeak {peak}, proven least; {bound} are live at once.\n"),
        false => format!(
            "\nPeak {peak}, not proven least; no plan of these lifetimes needs fewer than {bound}.\n"
        ),
    }
}

/// How much of each memory the arena takes.
fn memories(plan: &Plan) -> String {
    let lines = (plan.memories.iter()).map(|memory| {
        taken(
            &memory.name,
            memory.speed,
            [memory.bytes, memory.capacity_bytes],
        )
    });
    std::iter::once("\n".to_owned()).chain(lines).collect()
}

/// A memory, with the bytes that are taken of it and all that there are.
fn taken(name: &str, speed: Speed, bytes: [usize; 2]) -> String {
    let [taken, all] = bytes.map(text::bytes);
    format!("{name} ({speed}): {taken} of {all}.\n")
}

/// How much of each memory for weights all subgraphs take; nothing where there are none.
fn weights(input: &ModelFile, options: &CompileOptions) -> Result<String> {
    let mut kinds = options.memories.iter().map(|memory| memory.kind);
    if !kinds.any(|kind| kind == MemoryKind::Rom) {
        return Ok(String::new());
    }
    let program = compile::compile(&input.model, options)?;
    let lines = (program.roms.iter().map(WeightReport::new)).map(|memory| {
        taken(
            &memory.name,
            memory.speed,
            [memory.bytes, memory.capacity_bytes],
        )
    });
    let lines: String = lines.collect();
    Ok(format!(
        "\nWeights, those that are read most first in the fastest:\n{lines}"
    ))
}

fn describe(input: &ModelFile, subgraph: usize, plan: &Plan) -> String {
    let mut tensors: Vec<(&PlannedTensor, Location)> = (plan.tensors.iter())
        .filter(|t| matches!(t.location, Location::Arena { .. }))
        .map(|t| (t, t.location))
        .collect();
    tensors.sort_by_key(|(tensor, location)| match location {
        Location::Arena { offset, first, .. } => (*offset, *first, tensor.index),
        _ => (0, 0, 0),
    });
    let rows = tensors.iter().filter_map(|(tensor, location)| {
        let Location::Arena {
            offset,
            bytes,
            first,
            last,
            ..
        } = location
        else {
            return None;
        };
        let shared: Vec<String> = tensor.shares_with.iter().map(usize::to_string).collect();
        let memory = plan.memory_of(Region {
            offset: *offset,
            bytes: *bytes,
        });
        let start = memory.map_or(0, |memory| memory.offset);
        let place = match memory {
            Some(memory) => format!("{} {}", memory.name, grouped(offset - start)),
            None => grouped(offset),
        };
        Some(vec![
            place,
            grouped(bytes),
            format!("{first}–{last}"),
            tensor.index.to_string(),
            text::short_name(&tensor.name),
            tensor.dtype.to_owned(),
            text::shape(&tensor.shape),
            shared.join(", "),
        ])
    });
    let header = [
        ">Offset",
        ">Bytes",
        ">Steps",
        ">Tensor",
        "Name",
        "Type",
        "Shape",
        "Shares with",
    ];
    let scratch: usize = plan.operators.iter().map(|o| o.scratch.len()).sum();
    let mut out = heading(format_args!(
        "{}, subgraph {subgraph}",
        text::name(&input.model.file)
    ));
    out += &table(&header, rows);
    out += &match plan.memories.is_empty() {
        true => peak(plan),
        false => memories(plan),
    };
    out += &format!(
        "{}{}{}.\n",
        match plan.memories.is_empty() {
            true => format!(
                "Full at step {} of {}; ",
                plan.peak_step,
                plan.order.len() + 1
            ),
            false => String::new(),
        },
        match plan.order_optimal {
            true => "no other order of operators keeps fewer bytes live",
            false => "another order of operators may keep fewer bytes live",
        },
        match scratch {
            0 => String::new(),
            n => format!("; working buffers of operators: {n}"),
        }
    );
    for tensor in plan.tensors.iter().filter(|t| t.location == Location::Rows) {
        out += &format!(
            "Tensor {} ({} {}) comes row by row: it is not in the arena.\n",
            tensor.index,
            tensor.dtype,
            text::shape(&tensor.shape),
        );
    }
    let caller = |t: &&PlannedTensor| matches!(t.location, Location::Caller { .. });
    for tensor in plan.tensors.iter().filter(caller) {
        out += &format!(
            "Tensor {} ({} {}) lies in one of the caller's buffers: it is not in the arena.\n",
            tensor.index,
            tensor.dtype,
            text::shape(&tensor.shape),
        );
    }
    out
}
