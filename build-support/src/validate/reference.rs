//! What castiron computes on this machine.

use castiron_codegen::error::Result;
use castiron_codegen::exec::Machine;
use castiron_codegen::program::Program;

use super::Case;
use super::trace::{Event, Trace};

/// Runs a case with castiron's kernels; with `layers`, shows every operator.
pub(super) fn run(program: &Program, case: &Case, layers: bool) -> Result<Trace> {
    let entry = &program.entries[0];
    let mut machine = Machine::new(program, entry);
    for (position, bytes) in case.inputs.iter().enumerate() {
        machine.set_input(position, bytes)?;
    }
    let mut trace = Trace::default();
    match layers {
        false => machine.run()?,
        true => machine.run_traced(|seen, bytes| {
            trace.operators.push(Event {
                operator: seen.operator,
                output: seen.output,
                bytes: bytes.to_vec(),
                instructions: None,
            });
        })?,
    }
    for position in 0..entry.outputs.len() {
        let bytes = machine.output(position).unwrap_or_default();
        trace.outputs.insert(position, bytes.to_vec());
    }
    Ok(trace)
}
