//! `castiron run` within another program, whose inputs and outputs are in memory: .npy files, as NumPy writes and reads them.

use std::collections::HashSet;

use castiron_cases::npy;
use castiron_codegen::error::{Diagnostic, Error};
use castiron_codegen::exec::Machine;
use castiron_codegen::program::Port;

use super::run::{self, Arguments};
use crate::args::General;
use crate::failure::{Failure, Result};

/// An input that a program has for a model.
#[derive(Debug)]
pub struct Input<B> {
    /// What the model calls it; without, its position says which it is.
    pub name: Option<String>,
    /// A .npy file.
    pub npy: B,
}

/// An output of a model.
#[derive(Debug)]
pub struct Output {
    /// What the model calls it.
    pub name: String,
    /// A .npy file.
    pub npy: Vec<u8>,
}

/// The outputs for each set of inputs; none of a run that ended before there were any, which is an error unless runs may wait for more inputs.
pub(crate) fn run<B: AsRef<[u8]>>(
    arguments: &Arguments,
    general: &General,
    cases: &[Vec<Input<B>>],
    may_wait: bool,
) -> Result<Vec<Option<Vec<Output>>>> {
    arguments.check_no_files()?;
    let (input, program) = run::compiled(&arguments.named()?, general)?;
    let in_file = |e: Error| Failure::Model(e.in_file(&input.model.file));
    let entry = arguments.entry(&program).map_err(|d| in_file(d.into()))?;
    if cases.iter().flatten().any(|input| input.name.is_some()) {
        check_names(&entry.inputs).map_err(|d| in_file(d.into()))?;
        check_names(&entry.outputs).map_err(|d| in_file(d.into()))?;
    }
    let mut machine = Machine::new(&program, entry);
    let outputs = cases.iter().map(|case| {
        run::check_count(entry, case.len(), "inputs").map_err(|d| in_file(d.into()))?;
        for (position, port) in entry.inputs.iter().enumerate() {
            let npy = find(position, port, case).map_err(|d| in_file(d.into()))?;
            let what = format!("input {position}");
            let of_input = |e: Error| Failure::Model(e.in_file(&what));
            let bytes = npy::read(npy, &port.into()).map_err(|d| of_input(d.into()))?;
            machine.set_input(position, &bytes).map_err(of_input)?;
        }
        machine.run().map_err(in_file)?;
        if machine.ended_early() && !may_wait {
            let problem = run::waits_for_more().help("give successive inputs to run_all");
            return Err(in_file(problem.into()));
        }
        let ports = entry.outputs.iter().enumerate();
        let outputs = ports.map(|(position, port)| {
            let bytes = machine.output(position);
            bytes.map(|bytes| output(port, bytes)).transpose()
        });
        outputs.collect::<Result<_>>()
    });
    outputs.collect()
}

/// Whether names tell inputs or outputs apart: those of tensors need not.
fn check_names(ports: &[Port]) -> Result<(), Diagnostic> {
    let mut names = HashSet::new();
    match ports.iter().find(|port| !names.insert(&port.name)) {
        None => Ok(()),
        Some(port) => {
            let name = port.name.escape_debug();
            Err(
                Diagnostic::new(format!("two tensors are called \"{name}\""))
                    .help("give the inputs as a list"),
            )
        }
    }
}

/// An input among those that were given.
fn find<'a, B: AsRef<[u8]>>(
    position: usize,
    port: &Port,
    given: &'a [Input<B>],
) -> Result<&'a [u8], Diagnostic> {
    let found = match given.iter().all(|input| input.name.is_none()) {
        true => given.get(position),
        false => given
            .iter()
            .find(|input| input.name.as_ref() == Some(&port.name)),
    };
    found.map(|input| input.npy.as_ref()).ok_or_else(|| {
        let there = given.iter().filter_map(|input| input.name.as_ref());
        let there: Vec<String> = there.map(|name| format!("{name:?}")).collect();
        Diagnostic::new(format!("input {position} is missing"))
            .expected(run::describe(port))
            .found(there.join(", "))
    })
}

fn output(port: &Port, bytes: &[u8]) -> Result<Output> {
    let npy = npy::write(&port.into(), bytes).map_err(|_| {
        let name = port.name.escape_debug();
        Diagnostic::new(format!("NumPy has no type for output \"{name}\"")).found(port.dtype)
    })?;
    Ok(Output {
        name: port.name.clone(),
        npy,
    })
}
