//! `castiron inspect`.

use std::collections::HashMap;
use std::path::PathBuf;

use castiron_codegen::compile;
use castiron_codegen::emit::csv;
use castiron_codegen::passes::{Effect, Pass};
use castiron_codegen::report::{
    GraphReport, OperandReport, OperatorReport, Report, TensorReport, TflmReport,
};
use clap::Args;
use serde::Serialize;

use super::Answer;
use crate::args::{Compiled, Destination, Firmware, General, SeveralOps, Shapes};
use crate::failure::{Failure, Result};
use crate::output::Outputs;
use crate::progress;
use crate::project::Named;
use crate::text::{self, grouped, heading, table};

const EXAMPLES: &str = "\
Examples:
  castiron inspect vae.tflite
  castiron inspect models/*.tflite
  castiron inspect vae.tflite --csv operators.csv
  castiron inspect vae.tflite --without-pass all
  castiron inspect vae.tflite --json | jq '.subgraphs[0].operators[] | select(.compiled | not)'

The JSON of several models is a list. Weights are an operator's constants in the file; Arena is the
memory that is live while it runs; both are in bytes. `in #3` stands for an operator that castiron
computes together with operator 3, `–` for one that does not run on the target. castiron lists
operators that the compiled engine or TensorFlow Lite Micro cannot run, with the reason; the exit
code is still 0. With --shape, everything is said of the model with these shapes.
Passes lists the operators that the compiled engine does not run as they are in the file.";

/// Show a model's inputs, outputs and operators, and their cost
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The models
    #[arg(value_name = "MODEL", required = true)]
    models: Vec<PathBuf>,
    /// Also write a table of the operators of a single model as comma-separated values
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    compiled: Compiled,
    #[command(flatten)]
    firmware: Firmware,
    #[command(flatten)]
    to: Destination,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let (mut reports, mut failures) = (Vec::new(), Vec::new());
    let mut shapes = arguments.compiled.shapes(&arguments.models);
    let mut ops = arguments.firmware.of_several(&arguments.models);
    let models = arguments.compiled.several(&arguments.models, None)?;
    for named in &models {
        match inspect(named, &mut shapes, &mut ops, general) {
            Ok((report, within)) => {
                reports.push(report);
                failures.extend(within.err());
            }
            Err(failure) => failures.push(failure),
        }
    }
    // Of all that could be read.
    if reports.len() == models.len() {
        shapes.check_used()?;
        ops.check_used()?;
    }
    if reports.is_empty() {
        return Failure::of_several(failures);
    }
    let mut outputs = Outputs::default();
    if let Some(path) = &arguments.csv {
        let [report] = &reports[..] else {
            return Err(Failure::usage(
                "--csv writes the operators of one model",
                "run the command once for each model",
            ));
        };
        let rows = csv::operators(&report.subgraphs, |_, _| None);
        outputs.add_bytes("operators", path, rows);
    }
    let json = match &reports[..] {
        [report] if arguments.models.len() == 1 => Reports::One(report),
        several => Reports::Several(several),
    };
    let texts: Vec<String> = (reports.iter())
        .map(|report| describe(report) + &problems(report) + &of_tflm(report))
        .collect();
    let answer = Answer {
        what: "report",
        text: texts.join("\n\n"),
        json: &json,
    };
    let sources = models.into_iter().map(|model| model.path);
    let sources: Vec<PathBuf> = sources.chain(arguments.compiled.files()).collect();
    super::answer(outputs, &answer, &arguments.to, &sources, general)?;
    Failure::of_several(failures)
}

/// What `--json` prints.
#[derive(Serialize)]
#[serde(untagged)]
enum Reports<'a> {
    One(&'a Report),
    Several(&'a [Report]),
}

/// The report, and whether the model keeps its limits.
fn inspect(
    named: &Named,
    shapes: &mut Shapes<'_>,
    ops: &mut SeveralOps,
    general: &General,
) -> Result<(Report, Result<()>)> {
    let input = shapes.model(named)?;
    let mut options = named.options()?;
    options.custom = ops.of(&input.model);
    Ok(progress::during("compiling the model", general, || {
        let examined = compile::examine(&input.model, &options);
        let within = examined.check_limits().map_err(Failure::from);
        (Report::new(&input.model, &examined), within)
    }))
}

/// The report as tables.
pub(super) fn describe(report: &Report) -> String {
    let mut out = heading(format_args!(
        "{}, {}",
        text::name(&report.file),
        text::bytes(report.file_bytes)
    ));
    if !report.description.is_empty() {
        out += &format!("{}\n", text::name(&report.description));
    }
    for signature in &report.signatures {
        out += &format!(
            "Signature \"{}\" runs subgraph {}.\n",
            text::name(&signature.name),
            signature.subgraph
        );
    }
    let names = port_names(report);
    for graph in &report.subgraphs {
        out.push('\n');
        if report.subgraphs.len() > 1 {
            out += &heading(format_args!(
                "Subgraph {} \"{}\"",
                graph.index,
                text::name(&graph.name)
            ));
        }
        out += &ports(&names, graph);
        out.push('\n');
        out += &operators(graph);
        out += &passes(graph);
    }
    out.push('\n');
    out += &totals(report);
    out
}

/// What signatures call tensors, by subgraph and tensor.
type PortNames = HashMap<(usize, usize), Vec<String>>;

fn port_names(report: &Report) -> PortNames {
    let mut names = PortNames::new();
    for signature in &report.signatures {
        for port in signature.inputs.iter().chain(&signature.outputs) {
            let place = (signature.subgraph, port.tensor);
            names.entry(place).or_default().push(text::name(&port.name));
        }
    }
    names.values_mut().for_each(Vec::dedup);
    names
}

fn ports(names: &PortNames, graph: &GraphReport) -> String {
    let signature = |tensor: &TensorReport| -> String {
        let names = names.get(&(graph.index, tensor.index));
        names.map_or(String::new(), |names| names.join(", "))
    };
    let rows = |role: &'static str, tensors: &[TensorReport]| -> Vec<Vec<String>> {
        let row = |(i, tensor): (usize, &TensorReport)| {
            vec![
                format!("{role} {i}"),
                signature(tensor),
                text::name(&tensor.name),
                tensor.dtype.to_owned(),
                shape(tensor),
                grouped(tensor.bytes),
                quantization(tensor),
            ]
        };
        tensors.iter().enumerate().map(row).collect()
    };
    let mut all = rows("input", &graph.inputs);
    all.extend(rows("output", &graph.outputs));
    table(
        &[
            "",
            "Name",
            "Tensor",
            "Type",
            "Shape",
            ">Bytes",
            "Quantisation",
        ],
        all,
    )
}

fn quantization(tensor: &TensorReport) -> String {
    match &tensor.quantization {
        None => String::new(),
        Some(q) => match (&q.scale[..], &q.zero_point[..]) {
            ([scale], [zero_point]) => format!("scale {scale}, zero point {zero_point}"),
            (scales, _) => format!("{} scales along dimension {}", scales.len(), q.dimension),
        },
    }
}

fn operators(graph: &GraphReport) -> String {
    let rows = graph.operators.iter().map(|operator| {
        vec![
            operator.index.to_string(),
            text::name(&operator.name),
            shapes(operator),
            types(operator),
            operator.macs.map_or("?".to_owned(), grouped),
            grouped(operator.constant_bytes),
            arena(graph, operator),
            engines(operator).to_owned(),
        ]
    });
    let header = [
        ">#", "Operator", "Shapes", "Types", ">MACs", ">Weights", ">Arena", "Engines",
    ];
    table(&header, rows)
}

/// Operators that a line of the table of passes lists.
const MOST_LISTED: usize = 8;

/// What passes do to the operators. Those that meet the same end, each for itself, are one line.
fn passes(graph: &GraphReport) -> String {
    let listed = |operators: &[usize]| {
        let named = operators.iter().take(MOST_LISTED);
        let named = named.map(|index| match graph.operators.get(*index) {
            Some(operator) => format!("{index} {}", text::name(&operator.name)),
            None => index.to_string(),
        });
        let mut named: Vec<String> = named.collect();
        if let more @ 1.. = operators.len().saturating_sub(MOST_LISTED) {
            named.push(format!("{more} more"));
        }
        named.join(", ")
    };
    let row = |pass: &str, operators: &[usize], effect: String| {
        vec![pass.to_owned(), listed(operators), effect]
    };
    let mut rows = Vec::new();
    let folded: Vec<usize> = (graph.passes.iter())
        .filter(|pass| pass.effect == Effect::Folded.name())
        .flat_map(|pass| pass.operators.iter().copied())
        .collect();
    if !folded.is_empty() {
        let effect = "computed at build time".to_owned();
        rows.push(row(Pass::FoldConstants.name(), &folded, effect));
    }
    for pass in &graph.passes {
        if let Some([before, after]) = pass.channels {
            let channels = format!("{} of {} channels", grouped(after), grouped(before));
            let effect = match pass.macs {
                Some([before, after]) => {
                    format!("{channels}, {} of {} MACs", grouped(after), grouped(before))
                }
                None => channels,
            };
            rows.push(row(pass.pass, &pass.operators, effect));
            continue;
        }
        let effect = match (pass.effect, &pass.recorded_shape, &pass.inferred_shape) {
            (effect, ..) if effect == Effect::Folded.name() => continue,
            (_, Some(recorded), Some(inferred)) => format!(
                "output is {}, and {} in the file",
                text::shape(inferred),
                text::shape(recorded)
            ),
            (effect, ..) if effect == Effect::Joined.name() => "one step".to_owned(),
            (effect, ..) if effect == Effect::Permuted.name() => {
                "dimensions in the order before TRANSPOSE".to_owned()
            }
            (effect, ..) => effect.to_owned(),
        };
        rows.push(row(pass.pass, &pass.operators, effect));
    }
    match rows.is_empty() {
        true => String::new(),
        false => format!("\n{}", table(&["Pass", "Operators", "Effect"], rows)),
    }
}

/// Bytes that are live while an operator runs, or why there are none.
fn arena(graph: &GraphReport, operator: &OperatorReport) -> String {
    match (&graph.arena, operator.joined_into, operator.live_bytes) {
        (None, _, _) => "?".to_owned(),
        (_, Some(index), _) => format!("in #{index}"),
        (_, _, Some(bytes)) => grouped(bytes),
        // It is computed at build time, or nothing uses it.
        (_, _, None) => "–".to_owned(),
    }
}

/// What changes from input to output, or all if nothing does; weights are told by their bytes.
fn activations<'a>(
    operands: impl Iterator<Item = &'a OperandReport> + Clone,
) -> Vec<&'a OperandReport> {
    let changing: Vec<_> = operands.clone().filter(|o| !o.constant).collect();
    match changing.is_empty() {
        true => operands.collect(),
        false => changing,
    }
}

fn shapes(operator: &OperatorReport) -> String {
    let of = |operands: Vec<&OperandReport>| {
        let shapes = operands.iter().map(|o| text::shape(&o.shape));
        shapes.collect::<Vec<_>>().join(", ")
    };
    let inputs = of(activations(operator.inputs.iter().flatten()));
    let outputs = of(activations(operator.outputs.iter()));
    format!("{inputs} → {outputs}").trim_start().to_owned()
}

/// A tensor's shape, and what the converter knew of it where that was not all.
fn shape(tensor: &TensorReport) -> String {
    let taken = text::shape(&tensor.shape);
    let Some(signature) = &tensor.shape_signature else {
        return taken;
    };
    let size = |size: &i32| match size {
        0.. => size.to_string(),
        _ => "?".to_owned(),
    };
    let sizes: Vec<String> = signature.iter().map(size).collect();
    format!("{taken} ({})", sizes.join("×"))
}

/// One type where all activations have the same.
fn types(operator: &OperatorReport) -> String {
    let of = |operands: Vec<&OperandReport>| {
        let mut types: Vec<_> = operands.iter().map(|o| o.dtype).collect();
        types.dedup();
        types
    };
    let mut inputs = of(activations(operator.inputs.iter().flatten()));
    let outputs = of(activations(operator.outputs.iter()));
    if inputs.is_empty() || outputs.is_empty() || (inputs == outputs && inputs.len() == 1) {
        inputs.extend(outputs);
        inputs.dedup();
        return inputs.join(", ");
    }
    format!("{} → {}", inputs.join(", "), outputs.join(", "))
}

fn engines(operator: &OperatorReport) -> &'static str {
    match (operator.compiled, operator.tflm, operator.tflm_differs) {
        _ if operator.firmware => "firmware",
        (true, true, false) => "castiron, TFLM",
        (true, true, true) => "castiron, TFLM (differs)",
        (true, false, _) => "castiron",
        (false, true, false) => "TFLM",
        (false, true, true) => "TFLM (differs)",
        (false, false, _) => "none",
    }
}

fn totals(report: &Report) -> String {
    let totals = &report.totals;
    let unknown = match totals.operators_without_macs {
        0 => String::new(),
        n => format!(", without {n} whose count is unknown"),
    };
    let mut rows = vec![
        vec!["Operators".to_owned(), grouped(totals.operators)],
        vec!["MACs".to_owned(), grouped(totals.macs) + &unknown],
    ];
    let passes = report.subgraphs.iter().flat_map(|graph| &graph.passes);
    let removed = passes.filter_map(|pass| pass.macs.map(|[before, after]| before - after));
    let removed: u64 = removed.sum();
    if removed > 0 {
        let left = totals.macs.saturating_sub(removed);
        rows.push(vec!["MACs that are left".to_owned(), grouped(left)]);
    }
    rows.extend([vec![
        "Weights in the file".to_owned(),
        text::bytes(totals.constant_bytes),
    ]]);
    let compiled = &report.compiled;
    if let Some(weights) = compiled.weight_bytes {
        let row = vec!["Weights, packed".to_owned(), text::bytes(weights)];
        rows.push(row);
    }
    rows.extend(compiled.weight_memories.iter().map(|memory| {
        let (bytes, all) = (memory.bytes, memory.capacity_bytes);
        let text = format!("{} of {}", text::bytes(bytes), text::bytes(all));
        vec![format!("  in {} ({})", memory.name, memory.speed), text]
    }));
    let arena = match compiled.arena_bytes.or(totals.arena_bytes) {
        None => "cannot be planned".to_owned(),
        Some(bytes) => {
            let proven = (report.subgraphs.iter())
                .all(|g| g.arena.as_ref().is_some_and(|arena| arena.optimal));
            let note = if proven { " (proven least)" } else { "" };
            let input = match compiled.input_rows {
                Some(_) => ", without the input, which comes row by row",
                None => match (compiled.caller_input_bytes, compiled.caller_output_bytes) {
                    (Some(_), Some(_)) => {
                        ", without inputs and outputs, which lie in the caller's buffers"
                    }
                    (Some(_), None) => ", without inputs, which lie in the caller's buffers",
                    (None, Some(_)) => ", without outputs, which lie in the caller's buffers",
                    (None, None) => "",
                },
            };
            text::bytes(bytes) + note + input
        }
    };
    rows.push(vec!["Arena".to_owned(), arena]);
    let memories = compiled.memories.iter().map(|memory| {
        let (bytes, all) = (
            memory.arena_bytes + memory.state_bytes,
            memory.capacity_bytes,
        );
        let state = match memory.state_bytes {
            0 => "",
            _ => ", with the state",
        };
        let text = format!("{} of {}{state}", text::bytes(bytes), text::bytes(all));
        vec![format!("  in {} ({})", memory.name, memory.speed), text]
    });
    rows.extend(memories);
    if let Some(state) = compiled.state_bytes {
        let row = format!("{}, from run to run", text::bytes(state));
        rows.push(vec!["State".to_owned(), row]);
    }
    table(&["Total", ""], rows)
}

/// Why the compiled engine cannot run the model.
fn problems(report: &Report) -> String {
    if report.compiled.ok {
        return String::new();
    }
    let title = heading("The compiled engine cannot run this model");
    format!("\n{title}{}", text::problems(&report.compiled.problems))
}

/// What TensorFlow Lite Micro makes of the model that a user would not expect.
pub(super) fn of_tflm(report: &Report) -> String {
    let TflmReport {
        revision, verdict, ..
    } = &report.tflm;
    let lists = [
        ("refuses this model", &verdict.refused),
        (
            "computes something else than the model says",
            &verdict.differs,
        ),
    ];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    let shown = lists.map(|(does, list)| {
        let title = heading(format_args!("TensorFlow Lite Micro ({revision}) {does}"));
        format!("\n{title}{}", text::problems(list))
    });
    shown.collect()
}
