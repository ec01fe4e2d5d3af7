//! What castiron computes on this machine.

use castiron_codegen::error::Result;
use castiron_codegen::exec::Machine;
use castiron_codegen::program::Program;

use super::Case;
use super::trace::{Counts, Event, Trace};

/// Runs cases one after the other with castiron's kernels, as the device does: what lasts from run to run stays.
/// With `layers`, shows every operator.
pub(super) fn run(program: &Program, cases: &[Case], layers: bool) -> Result<Vec<Trace>> {
    let mut machine = Machine::new(program, &program.entries[0]);
    let traces = cases
        .iter()
        .map(|case| trace(&mut machine, program, case, layers));
    traces.collect()
}

fn trace(machine: &mut Machine<'_>, program: &Program, case: &Case, layers: bool) -> Result<Trace> {
    let entry = &program.entries[0];
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
                counts: Counts::default(),
            });
        })?,
    }
    for position in 0..entry.outputs.len() {
        if let Some(bytes) = machine.output(position) {
            trace.outputs.insert(position, bytes.to_vec());
        }
    }
    Ok(trace)
}
