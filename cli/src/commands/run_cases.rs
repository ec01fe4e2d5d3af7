//! `castiron run --cases`: recorded inputs with the outputs that they are to give.

use castiron_build::library::Recorded;
use castiron_build::validate::{RecordedOutput, TOLERANCE, against_recorded};
use castiron_cases::{Interface, Recording};
use castiron_codegen::error::Error;
use castiron_codegen::graph::Model;
use castiron_codegen::program::{Entry, Program};
use serde::Serialize;

use crate::args::General;
use crate::failure::{Failure, Result};
use crate::progress;
use crate::text::{self, grouped, table};

#[derive(Serialize)]
struct Answer<'a> {
    cases: usize,
    /// Whether each begins with what the one before has left.
    successive: bool,
    agree: bool,
    outputs: Vec<OutputAnswer<'a>>,
}

#[derive(Serialize)]
struct OutputAnswer<'a> {
    index: usize,
    name: &'a str,
    values: usize,
    differing: usize,
    /// `null` where one of two is not a number.
    greatest: Option<f64>,
}

/// Runs recorded cases and compares; values that differ are a failure.
pub(super) fn run(
    model: &Model,
    program: &Program,
    entry: &Entry,
    recording: &Recording,
    general: &General,
) -> Result<()> {
    let in_file = |e: Error| e.in_file(&model.file);
    let recorded = Recorded::new(recording, &Interface::from(entry), Some(program))?;
    let outputs = progress::during("running the cases", general, || {
        against_recorded(program, entry, &recorded, TOLERANCE)
    })
    .map_err(in_file)?;
    let differing = outputs.iter().filter_map(|o| o.first.clone());
    let state = (program.state_bytes > 0).then(|| other_way(recorded.successive));
    let steps = model.is_hybrid().then_some(STEPS);
    let help: Vec<&str> = [state, steps].into_iter().flatten().collect();
    let differing: Vec<_> = match help.is_empty() {
        true => differing.collect(),
        false => (differing.map(|d| d.help(help.join("; ")))).collect(),
    };
    let answer = Answer {
        cases: recorded.cases.len(),
        successive: recorded.successive,
        agree: differing.is_empty(),
        outputs: outputs.iter().enumerate().map(answer).collect(),
    };
    if general.json {
        text::print(&super::to_json(&answer)?)?;
    } else if !general.quiet {
        text::print(&describe(&answer))?;
    }
    match Error::from_many(differing) {
        Some(error) => Err(Failure::Model(in_file(error))),
        None => Ok(()),
    }
}

/// Why floats of a model may differ by more than their rounding.
const STEPS: &str = "the model quantises floats while it runs, and one that differs in its last bit can fall on the other side of a step: see \
    \"Weights of fewer bits than activations\" in castiron's docs/accuracy.md";

/// What to do if cases of a model that keeps state were recorded the other way.
fn other_way(successive: bool) -> &'static str {
    match successive {
        true => {
            "each case started from the state that the previous one left; if each was recorded from a new model, set \
             golden.stateful to false in the recording's meta"
        }
        false => {
            "each case started from a new model, as the recording's meta says; if they were recorded in sequence, set \
             golden.stateful to true there"
        }
    }
}

fn answer<'a>((index, output): (usize, &RecordedOutput<'a>)) -> OutputAnswer<'a> {
    let tally = &output.tally;
    OutputAnswer {
        index,
        name: &output.port.name,
        values: tally.values,
        differing: tally.differing,
        greatest: tally.greatest.is_finite().then_some(tally.greatest),
    }
}

fn describe(answer: &Answer<'_>) -> String {
    let rows = answer.outputs.iter().map(|output| {
        vec![
            format!("output {}", output.index),
            text::name(output.name),
            grouped(output.values),
            grouped(output.differing),
            match output.greatest {
                Some(greatest) => format!("{greatest:.2e}"),
                None => "not a number".to_owned(),
            },
        ]
    });
    let header = ["", "Name", ">Values", ">Differing", ">Greatest difference"];
    let how = match answer.successive {
        true => "run in sequence: each starts from the state that the previous one left",
        false => "run independently",
    };
    let verdict = match answer.agree {
        true => "All values agree.\n",
        false => "",
    };
    format!(
        "{} cases, {how}.\n\n{}\n{verdict}",
        grouped(answer.cases),
        table(&header, rows)
    )
}
