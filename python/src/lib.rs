//! The module `castiron._castiron`, which calls the command's own code. The package around it makes arguments of keywords, and arrays of .npy files.
#![cfg(feature = "module")]

use std::ffi::OsString;

use castiron_cli::{Failed, Input};
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

create_exception!(
    castiron,
    Error,
    PyException,
    "Why castiron cannot do what it was asked for."
);

/// An input for a run: its name or none, and a .npy file.
type Given = (Option<String>, PyBackedBytes);

/// An output of a run: its name and a .npy file.
type Made<'py> = (String, Bound<'py, PyBytes>);

/// What a command prints with `--json`, as Python has it; none if it printed nothing.
#[pyfunction]
fn answer<'py>(
    py: Python<'py>,
    arguments: Vec<OsString>,
    model: Option<PyBackedBytes>,
) -> PyResult<Bound<'py, PyAny>> {
    let model = model.map(|bytes| bytes.to_vec());
    let answer = py.detach(|| castiron_cli::answer(&arguments, model));
    match answer {
        Ok(json) => value(py, &json),
        Err(failed) => Err(error(py, &failed)?),
    }
}

/// The outputs of a model for each set of inputs; none of a run that ended before there were any, which is an error unless runs may wait for more
/// inputs.
#[pyfunction]
fn run<'py>(
    py: Python<'py>,
    arguments: Vec<OsString>,
    model: Option<PyBackedBytes>,
    cases: Vec<Vec<Given>>,
    may_wait: bool,
) -> PyResult<Vec<Option<Vec<Made<'py>>>>> {
    let model = model.map(|bytes| bytes.to_vec());
    let input = |(name, npy): Given| Input { name, npy };
    let ran = py.detach(|| {
        let cases = cases.into_iter();
        let cases: Vec<Vec<Input<PyBackedBytes>>> = cases
            .map(|case| case.into_iter().map(input).collect())
            .collect();
        castiron_cli::run(&arguments, model, &cases, may_wait)
    });
    let outputs = match ran {
        Ok(outputs) => outputs,
        Err(failed) => return Err(error(py, &failed)?),
    };
    let made = |outputs: Vec<castiron_cli::Output>| {
        let made = outputs.into_iter();
        let made = made.map(|output| (output.name, PyBytes::new(py, &output.npy)));
        made.collect()
    };
    Ok(outputs.into_iter().map(|case| case.map(made)).collect())
}

/// The command, with the arguments behind its name first; the exit code.
#[pyfunction]
fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| castiron_cli::main(arguments))
}

/// JSON as Python has it.
fn value<'py>(py: Python<'py>, json: &str) -> PyResult<Bound<'py, PyAny>> {
    match json.trim() {
        "" => Ok(py.None().into_bound(py)),
        json => py.import("json")?.call_method1("loads", (json,)),
    }
}

fn error(py: Python<'_>, failed: &Failed) -> PyResult<PyErr> {
    let error = Error::new_err(failed.text.clone());
    let raised = error.value(py);
    raised.setattr("kind", failed.kind)?;
    raised.setattr("diagnostics", value(py, &failed.diagnostics)?)?;
    raised.setattr("result", value(py, &failed.printed)?)?;
    Ok(error)
}

#[pymodule]
fn _castiron(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("Error", module.py().get_type::<Error>())?;
    module.add_function(wrap_pyfunction!(answer, module)?)?;
    module.add_function(wrap_pyfunction!(run, module)?)?;
    module.add_function(wrap_pyfunction!(main, module)?)
}
