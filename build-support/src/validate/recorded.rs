//! Recorded cases against what castiron computes on this machine.

use castiron_codegen::error::{Diagnostic, Result};
use castiron_codegen::exec::Machine;
use castiron_codegen::program::{Entry, Port, Program};

use super::compare::{Tally, coordinates};
use crate::library::Recorded;

/// How an output agrees over all cases.
#[derive(Debug, Clone)]
pub struct RecordedOutput<'a> {
    /// The output.
    pub port: &'a Port,
    /// How many of its values agree.
    pub tally: Tally,
    /// The first value that differs.
    pub first: Option<Diagnostic>,
}

/// Runs cases, one after the other where they are successive, and compares every output. Integers have to be
/// equal; floats may differ by `tolerance` of the tensor's greatest recorded magnitude, or of 1.
///
/// # Errors
/// If a case does not fit the model, or the model does not run.
pub fn against_recorded<'a>(
    program: &'a Program,
    entry: &'a Entry,
    recorded: &Recorded,
    tolerance: f64,
) -> Result<Vec<RecordedOutput<'a>>> {
    let mut machine = Machine::new(program, entry);
    let mut outputs: Vec<RecordedOutput<'_>> = (entry.outputs.iter())
        .map(|port| RecordedOutput {
            port,
            tally: Tally::default(),
            first: None,
        })
        .collect();
    for (index, case) in recorded.cases.iter().enumerate() {
        if !recorded.successive {
            machine.reset();
        }
        for (position, bytes) in case.inputs.iter().enumerate() {
            machine.set_input(position, bytes)?;
        }
        machine.run()?;
        match (machine.ended_early(), case.outputs.is_empty()) {
            (false, true) if !outputs.is_empty() => {
                return Err(Diagnostic::new(format!(
                    "case {} has no outputs, but its run does not end early",
                    recorded.name(index)
                ))
                .into());
            }
            (true, false) => {
                return Err(Diagnostic::new(format!(
                    "the run of case {} ends early, but the case has outputs",
                    recorded.name(index)
                ))
                .into());
            }
            (true, true) => continue,
            _ => {}
        }
        for (position, output) in outputs.iter_mut().enumerate() {
            let found = machine.output(position).unwrap_or_default();
            let wanted = case.outputs.get(position).map_or(&[][..], Vec::as_slice);
            let port = output.port;
            if wanted.len() != found.len() {
                return Err(Diagnostic::new(format!(
                    "output {position} of case {} has another size than the model's",
                    recorded.name(index)
                ))
                .expected(format_args!(
                    "{} bytes: {} {:?}",
                    found.len(),
                    port.dtype,
                    port.shape
                ))
                .found(format_args!("{} bytes", wanted.len()))
                .into());
            }
            let mismatch = output.tally.add(port.dtype, found, wanted, tolerance);
            if let (Some(mismatch), None) = (mismatch, &output.first) {
                output.first = Some(
                    Diagnostic::new(format!(
                        "output {position} of case {} is not the recorded one, first at {:?}",
                        recorded.name(index),
                        coordinates(&port.shape, mismatch.element)
                    ))
                    .expected(mismatch.expected)
                    .found(mismatch.got),
                );
            }
        }
    }
    Ok(outputs)
}
