//! Recorded cases against what castiron computes on this machine.

use castiron_codegen::emit::c_api::Case;
use castiron_codegen::error::{Diagnostic, Error, Result};
use castiron_codegen::exec::Machine;
use castiron_codegen::program::{Entry, Port, Program};

use super::compare::{Tally, coordinates};
use crate::library::Recorded;

/// So many cases are named at most.
const MOST_NAMES: usize = 32;

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
    let (mut missing, mut early) = (Vec::new(), Vec::new());
    for (index, case) in recorded.cases.iter().enumerate() {
        if !recorded.successive {
            machine.reset();
        }
        for (position, bytes) in case.inputs.iter().enumerate() {
            machine.set_input(position, bytes)?;
        }
        machine.run()?;
        match (machine.ended_early(), case.outputs.is_empty()) {
            (false, true) if !outputs.is_empty() => missing.push(recorded.name(index)),
            (true, false) => early.push(recorded.name(index)),
            (true, true) => {}
            (false, _) => compare(
                &machine,
                case,
                &recorded.name(index),
                &mut outputs,
                tolerance,
            )?,
        }
    }
    let missing = (!missing.is_empty()).then(|| no_outputs(&missing));
    let early = (!early.is_empty()).then(|| outputs_of_none(&early));
    match Error::from_many(missing.into_iter().chain(early).collect()) {
        None => Ok(outputs),
        Some(error) => Err(error),
    }
}

/// Compares the outputs of one case.
fn compare(
    machine: &Machine<'_>,
    case: &Case,
    name: &str,
    outputs: &mut [RecordedOutput<'_>],
    tolerance: f64,
) -> Result<()> {
    for (position, output) in outputs.iter_mut().enumerate() {
        let found = machine.output(position).unwrap_or_default();
        let wanted = case.outputs.get(position).map_or(&[][..], Vec::as_slice);
        let port = output.port;
        if wanted.len() != found.len() {
            return Err(Diagnostic::new(format!(
                "output {position} of case {name} has another size than the model's"
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
                    "output {position} of case {name} is not the recorded one, first at {:?}",
                    coordinates(&port.shape, mismatch.element)
                ))
                .expected(mismatch.expected)
                .found(mismatch.got),
            );
        }
    }
    Ok(())
}

/// Cases without outputs of runs that have some.
fn no_outputs(cases: &[String]) -> Diagnostic {
    Diagnostic::new("a case has no outputs, but its run does not end early")
        .found(list(cases, |name| format!("case {name}")))
        .help("add the outputs to the recording, or take the case out of it")
}

/// Cases with outputs of runs that have none. Some tools record memory as such a run left it.
fn outputs_of_none(cases: &[String]) -> Diagnostic {
    Diagnostic::new("a run ends early, but its case has outputs")
        .found(list(cases, |name| format!("case {name}")))
        .help(format_args!(
            "a CIRCULAR_BUFFER of the model waits for more inputs in such a run, so that what was recorded is no \
             result: remove {}",
            list(cases, |name| format!("out_{name}_*"))
        ))
}

fn list(names: &[String], of: impl Fn(&String) -> String) -> String {
    let named: Vec<String> = names.iter().take(MOST_NAMES).map(of).collect();
    match names.len().saturating_sub(MOST_NAMES) {
        0 => named.join(", "),
        more => format!("{} and so on, {more} more", named.join(", ")),
    }
}
