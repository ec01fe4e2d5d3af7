//! Class names as text files have them, and the output that they have to fit.

use crate::error::{Diagnostic, Error, Result};
use crate::graph::Model;

/// The most names of classes that an output has; ImageNet has 21,843, all classes counted.
pub const MOST: usize = 1 << 16;

/// One label per line; blank lines at the end are left out.
pub fn parse(text: &str) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.trim_end().lines();
    lines.map(|line| line.trim().to_owned()).collect()
}

/// Checks that so many labels fit the first output of the subgraph that runs by default.
///
/// # Errors
/// If they do not, or there is no output.
pub fn check(model: &Model, count: usize) -> Result<()> {
    let first = (model.graphs.first()).and_then(|graph| Some((graph, *graph.outputs.first()?)));
    let misfit = match first {
        None => Some(
            Diagnostic::new("labels were given, but the model has no output")
                .expected("an output for the labels")
                .found("none")
                .help("omit the labels"),
        ),
        Some((graph, id)) => {
            let tensor = graph.tensor(id);
            misfit(&tensor.shape, count).map(|d| d.at_tensor(id.index(), &tensor.name))
        }
    };
    match misfit {
        None => Ok(()),
        Some(d) => Err(Error::from(d.in_subgraph(0)).in_file(&model.file)),
    }
}

/// Whether so many labels fit an output. Those of a flat output have to be one per element. A single element (a yes or
/// no) may have two; outputs of more dimensions (boxes, masks) say nothing about the number of classes.
pub fn fit(shape: &[usize], count: usize) -> bool {
    let flat = shape.iter().filter(|d| **d != 1).count() <= 1;
    let elements = shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d));
    !flat || elements == Some(count) || (elements == Some(1) && count == 2)
}

/// What is wrong with so many labels for an output, if anything; without its place.
pub fn misfit(shape: &[usize], count: usize) -> Option<Diagnostic> {
    if count > MOST {
        return Some(
            Diagnostic::new("there are too many labels")
                .expected(format!("at most {MOST} labels"))
                .found(format!("{count} labels"))
                .help("check that this is the right file, or omit the labels"),
        );
    }
    if fit(shape, count) {
        return None;
    }
    let elements: usize = shape.iter().product();
    Some(
        Diagnostic::new("the number of labels does not fit the output")
            .expected(format!(
                "{elements} labels, one for each element of {shape:?}"
            ))
            .found(format!("{count} labels"))
            .help("give one label per line, in the order of the output's elements"),
    )
}
