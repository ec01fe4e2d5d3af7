//! What tells how long a kernel call takes: figures of the call that a coefficient is fitted to each.

use castiron_codegen::program::{KernelCall, Memory, Moves, MovingCall, Operand, StageCall};

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

/// A call that runs once, of an operator as a whole.
pub fn of_call(call: &KernelCall) -> Features {
    of_calls(call, 1.0)
}

/// A call of a stream's stage, which runs for each row, and for each patch of one.
pub fn of_moving(stage: &StageCall, moving: &MovingCall) -> Features {
    let rows = moving.operands().filter_map(|(_, moves)| match moves {
        Moves::To(rows) | Moves::Strip(rows, _) => Some(rows.last + 1),
        Moves::Not | Moves::From(_) | Moves::Also(_) => None,
    });
    let patches = stage.strips.as_ref().map_or(1, |strips| strips.count);
    // What ends in memory that stays is computed as often as what the stage writes.
    let rows = rows.max().unwrap_or_else(|| stage_rows(stage));
    of_calls(&moving.call, (rows * patches) as f64)
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

fn of_calls(call: &KernelCall, runs: f64) -> Features {
    let mut own = call.operands.iter().filter(|operand| is_variable(operand));
    let len = |operand: Option<&Operand>| operand.map_or(0.0, |operand| operand.len as f64) * runs;
    let (input, output) = (len(own.next()), len(own.next_back()));
    // A kernel with one operand writes it.
    let (input, output) = match output > 0.0 {
        true => (input, output),
        false => (0.0, input),
    };
    let (pixels, operations) = (call.pixels as f64, call.work as f64);
    let is_product = call.macs > 0 && output > 0.0;
    // What is multiplied for each channel: a window or a row, which some kernels copy first.
    let window = if is_product {
        operations * pixels / output
    } else {
        0.0
    };
    // Bytes of packed weights, with what rounding up adds, that each pixel is multiplied with.
    let constants = call.operands.iter().filter(|operand| !is_variable(operand));
    let bytes: usize = constants.map(|operand| operand.range().len()).sum();
    let weights = if is_product {
        bytes as f64 * pixels
    } else {
        0.0
    };
    [runs, pixels, output, input, window, weights, operations]
}

fn is_variable(operand: &Operand) -> bool {
    !matches!(operand.memory, Memory::Constants)
}
