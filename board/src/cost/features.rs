//! What tells how long a kernel call takes: figures of the call that a coefficient is fitted to each.

use std::collections::HashMap;

use castiron_codegen::program::{
    KernelCall, Memory, Operand, StageCall, Step, StreamStep, calls, streams,
};
use castiron_codegen::target::Optimize;

/// The names of the figures, as tables have them.
pub const FEATURES: [&str; 8] = [
    "call",
    "pixel",
    "output",
    "input",
    "window",
    "weight",
    "operation",
    "sweep",
];

/// Figures of one call in one run of the model.
pub type Features = [f64; FEATURES.len()];

/// What tables call a call's kernel: its name, the steps of its inner loop where they are not those of most, and the type of its first operand, which
/// the name may leave open.
pub fn key(call: &KernelCall) -> String {
    let element = call
        .operands
        .first()
        .map(|operand| operand.element.rust_name());
    let steps = steps(&call.kernel.kind().to_string());
    format!("{}{steps} {}", call.kernel.name(), element.unwrap_or("-"))
}

/// Steps that a kernel's type says, as firmware names it: `/8`; nothing of a kernel that has none, or the default's.
fn steps(kind: &str) -> String {
    let behind = kind
        .split_once("Portable")
        .map(|(_, behind)| behind.trim_start());
    let steps = behind.and_then(|behind| behind.strip_prefix('<'));
    let steps = steps.and_then(|steps| steps.split_once('>'));
    let default = Optimize::default().steps().to_string();
    match steps.map(|(steps, _)| steps.trim()) {
        Some(steps) if steps != default => format!("/{steps}"),
        _ => String::new(),
    }
}

/// The same kernel with the default's steps.
#[must_use]
pub fn without_steps(key: &str) -> String {
    let (name, element) = key.rsplit_once(' ').unwrap_or((key, ""));
    let (name, _) = name.rsplit_once('/').unwrap_or((name, ""));
    format!("{name} {element}")
}

/// Figures of all calls among steps, by their numbers. Of an operator with several calls, what it computes is the one's that reads the most constants:
/// the others prepare its input or finish its output.
pub fn of_steps(steps: &[Step]) -> HashMap<usize, Features> {
    let mut runs = HashMap::new();
    for stream in streams(steps) {
        for (stage, turns) in stream.stages.iter().zip(stream.turns()) {
            let runs_of = turns as f64 * strips(stage);
            let all = stage.calls.iter();
            runs.extend(all.map(|moving| (moving.call.number, runs_of)));
        }
    }
    let mut found = HashMap::new();
    for operator in calls(steps).chunk_by(|a, b| a.origin.operator == b.origin.operator) {
        let sum =
            |of: fn(&KernelCall) -> u64| operator.iter().map(|call| of(call) as f64).sum::<f64>();
        let all = Computed {
            pixels: sum(|call| call.pixels),
            operations: sum(|call| call.work),
            multiplies: operator.iter().any(|call| call.macs > 0),
        };
        // Of several, the first.
        let main = operator
            .iter()
            .rev()
            .max_by_key(|call| constant_bytes(call));
        for call in operator {
            let is_main = main.is_some_and(|main| main.number == call.number);
            let computed = if is_main { all } else { Computed::default() };
            let runs = runs.get(&call.number).copied().unwrap_or(1.0);
            found.insert(call.number, of_call(call, runs, computed));
        }
    }
    found
}

/// What an operator computes.
#[derive(Clone, Copy, Default)]
struct Computed {
    pixels: f64,
    operations: f64,
    multiplies: bool,
}

/// What tables call the turns of streams, which are no kernel: who runs next, and rows that come, move and go.
pub const TURNS: &str = "Stream -";
/// The same of patches, which are copied from rows.
pub const PATCHES: &str = "Patches -";

/// Figures of what a stream does besides its calls. Of turns: streams or, where the input comes row by row, its rows; turns; bytes that move within line
/// buffers; bytes that are copied from the input or are padding; and stages that are asked which rows they need. Of patches: patches, and their bytes.
pub fn of_stream(stream: &StreamStep) -> [(&'static str, Features); 2] {
    let (mut turns, mut moved, mut copied, mut asked) = (0.0, 0.0, 0.0, 0.0);
    let (mut patches, mut patched) = (0.0, 0.0);
    for ((at, stage), own) in stream.stages.iter().enumerate().zip(stream.turns()) {
        let own = own as f64;
        let (reads, line) = (&stage.rows.reads, &stage.rows.line);
        let kept = reads.window.saturating_sub(reads.stride) as f64;
        turns += own;
        asked += own * line.readers.saturating_sub(at).max(1) as f64;
        if line.start.is_some() {
            moved += own * kept * line.row_bytes as f64;
            let given = if at == 0 { line.rows } else { 0 };
            copied += (given + line.top) as f64 * line.row_bytes as f64;
        }
        if let Some(strips) = &stage.strips {
            let count = own * strips.count as f64;
            patches += count * strips.patches.len() as f64;
            let bytes = strips.patches.iter().map(|patch| {
                let [rows, columns] = patch.size;
                (rows * columns * patch.pixel) as f64
            });
            patched += count * bytes.sum::<f64>();
        }
    }
    let first = stream.stages.first().filter(|_| stream.by_rows.is_some());
    let calls = first.map_or(1.0, |first| first.rows.line.rows as f64);
    let of = |call, pixel, output, input, window| {
        let mut features = Features::default();
        features[..5].copy_from_slice(&[call, pixel, output, input, window]);
        features
    };
    [
        (TURNS, of(calls, turns, moved, copied, asked)),
        (PATCHES, of(patches, 0.0, patched, 0.0, 0.0)),
    ]
}

fn strips(stage: &StageCall) -> f64 {
    stage
        .strips
        .as_ref()
        .map_or(1.0, |strips| strips.count as f64)
}

fn of_call(call: &KernelCall, runs: f64, computed: Computed) -> Features {
    let mut own = call.operands.iter().filter(|operand| is_variable(operand));
    let len = |operand: Option<&Operand>| operand.map_or(0.0, |operand| operand.len as f64) * runs;
    let (input, output) = (len(own.next()), len(own.next_back()));
    // A kernel with one operand writes it.
    let (input, output) = match output > 0.0 {
        true => (input, output),
        false => (0.0, input),
    };
    let Computed {
        pixels,
        operations,
        multiplies,
    } = computed;
    let (mut window, mut weights, mut sweep) = (0.0, 0.0, 0.0);
    if multiplies && output > 0.0 {
        // What is multiplied for each channel: a window or a row, which some kernels copy first.
        window = operations * pixels / output;
        // Bytes of packed weights, with what rounding up adds, that each pixel is multiplied with.
        weights = constant_bytes(call) as f64 * pixels;
        // And of those that each call goes through, for what is left of its pixels by twos or fours.
        sweep = constant_bytes(call) as f64 * runs;
    }
    [
        runs, pixels, output, input, window, weights, operations, sweep,
    ]
}

fn constant_bytes(call: &KernelCall) -> usize {
    let constants = call.operands.iter().filter(|operand| !is_variable(operand));
    constants.map(|operand| operand.range().len()).sum()
}

fn is_variable(operand: &Operand) -> bool {
    !matches!(operand.memory, Memory::Constants)
}
