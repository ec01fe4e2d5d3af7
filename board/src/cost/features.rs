//! What tells how long a kernel call takes: figures of the call that a coefficient is fitted to each.

use std::collections::HashMap;

use castiron_codegen::program::{
    KernelCall, Memory, Moves, MovingCall, Operand, StageCall, Step, calls, streams,
};

/// The names of the figures, as tables have them.
pub const FEATURES: [&str; 7] = [
    "call",
    "pixel",
    "output",
    "input",
    "window",
    "weight",
    "operation",
];

/// Figures of one call in one run of the model.
pub type Features = [f64; FEATURES.len()];

/// What tables call a call's kernel: its name, and the type of its first operand, which the name may leave open.
pub fn key(call: &KernelCall) -> String {
    let element = call
        .operands
        .first()
        .map(|operand| operand.element.rust_name());
    format!("{} {}", call.kernel.name(), element.unwrap_or("-"))
}

/// Figures of all calls among steps, by their numbers. Of an operator with several calls, what it computes is the one's that reads the most constants:
/// the others prepare its input or finish its output.
pub fn of_steps(steps: &[Step]) -> HashMap<usize, Features> {
    let mut runs = HashMap::new();
    for stage in streams(steps).iter().flat_map(|stream| &stream.stages) {
        let all = stage.calls.iter();
        runs.extend(all.map(|moving| (moving.call.number, runs_of(stage, moving))));
    }
    let mut found = HashMap::new();
    for operator in calls(steps).chunk_by(|a, b| a.origin.operator == b.origin.operator) {
        let sum =
            |of: fn(&KernelCall) -> u64| operator.iter().map(|call| of(call)).sum::<u64>() as f64;
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

/// How often a call of a stream's stage runs: for each row, and for each patch of one.
fn runs_of(stage: &StageCall, moving: &MovingCall) -> f64 {
    let rows = moving.operands().filter_map(|(_, moves)| match moves {
        Moves::To(rows) | Moves::Strip(rows, _) => Some(rows.last + 1),
        Moves::Not | Moves::From(_) | Moves::Also(_) => None,
    });
    let patches = stage.strips.as_ref().map_or(1, |strips| strips.count);
    // What ends in memory that stays is computed as often as what the stage writes.
    let rows = rows.max().unwrap_or_else(|| stage_rows(stage));
    (rows * patches) as f64
}

/// Rows that the last kernel of a stage writes.
fn stage_rows(stage: &StageCall) -> usize {
    let operands = stage.calls.iter().flat_map(MovingCall::operands);
    let rows = operands.filter_map(|(_, moves)| match moves {
        Moves::To(rows) | Moves::Strip(rows, _) => Some(rows.last + 1),
        Moves::Not | Moves::From(_) | Moves::Also(_) => None,
    });
    rows.max().unwrap_or(1)
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
    let (mut window, mut weights) = (0.0, 0.0);
    if multiplies && output > 0.0 {
        // What is multiplied for each channel: a window or a row, which some kernels copy first.
        window = operations * pixels / output;
        // Bytes of packed weights, with what rounding up adds, that each pixel is multiplied with.
        weights = constant_bytes(call) as f64 * pixels;
    }
    [runs, pixels, output, input, window, weights, operations]
}

fn constant_bytes(call: &KernelCall) -> usize {
    let constants = call.operands.iter().filter(|operand| !is_variable(operand));
    constants.map(|operand| operand.range().len()).sum()
}

fn is_variable(operand: &Operand) -> bool {
    !matches!(operand.memory, Memory::Constants)
}
