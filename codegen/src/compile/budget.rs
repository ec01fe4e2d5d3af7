//! Limits that users set for what a model takes, and what they can do where it takes more.

use super::{CodeTable, CompileOptions, Limits};
use crate::error::{Diagnostic, Place, Result};
use crate::graph::Model;
use crate::program::Program;
use crate::target::Optimize;

/// Flash that a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flash<'a> {
    /// Bytes of packed weights.
    pub weights: u64,
    /// Bytes of code.
    pub code: u64,
    /// How the bytes of code are known.
    pub how: &'a str,
}

/// The limits besides the arena's that a program does not keep, where nothing is compiled: its code is estimated.
///
/// # Errors
/// Only if castiron's own tables are at fault.
pub(super) fn beyond(
    model: &Model,
    program: &Program,
    options: &CompileOptions,
) -> Result<Vec<Diagnostic>> {
    let limits = &options.limits;
    let mut beyond = Vec::new();
    let largest = program.entries.iter().max_by_key(|entry| entry.macs);
    if let (Some(most), Some(entry)) = (&limits.macs, largest)
        && entry.macs > most.value
    {
        let problem = Diagnostic::new("a run of the model takes more multiply-accumulates than its limit")
            .expected(at_most(most.value, "", "max-macs", &most.place))
            .found(format_args!("{}, {} too many", entry.macs, entry.macs - most.value))
            .help(match options.max_arena {
                Some(_) => "raise max-macs, or max-arena: below it some are computed again, as `castiron plan --pareto` shows",
                None => "raise max-macs, or make the model smaller: `castiron inspect` shows the multiply-accumulates of each operator",
            });
        beyond.push(problem.in_subgraph(entry.graph).beyond_limit());
    }
    if limits.flash.is_none() {
        return Ok(beyond);
    }
    let table = CodeTable::cortex_m()?;
    let how = format!(
        "the code is estimated from {}, {} % off on average, and `castiron lib` counts what it compiles",
        table.measured, table.mean_error_percent
    );
    let flash = Flash {
        weights: program.constants.bytes().len() as u64,
        code: table.of_model(model, options, program),
        how: &how,
    };
    beyond.extend(check_flash(flash, limits, options.target.optimize).err());
    Ok(beyond)
}

/// That a model takes no more flash than its limit, with kernels that were chosen for this.
///
/// # Errors
/// If it does.
pub fn check_flash(
    flash: Flash<'_>,
    limits: &Limits,
    optimize: Optimize,
) -> Result<(), Diagnostic> {
    let Some(most) = &limits.flash else {
        return Ok(());
    };
    let Flash { weights, code, how } = flash;
    let takes = weights.saturating_add(code);
    if takes <= most.value {
        return Ok(());
    }
    let smaller = match optimize {
        Optimize::Size => "",
        _ => "choose smaller kernels with optimize = \"size\", ",
    };
    let problem = Diagnostic::new("the model takes more flash than its limit")
        .expected(at_most(most.value, " bytes", "max-flash", &most.place))
        .found(format_args!(
            "{takes} bytes, {} too many: {weights} of weights and {code} of code; {how}",
            takes - most.value
        ))
        .help(format_args!(
            "{smaller}raise max-flash to {takes}, or convert the model with fewer or smaller weights: `castiron inspect` shows those of each operator"
        ));
    Err(problem.beyond_limit())
}

/// A limit, and where it was written.
pub(super) fn at_most(most: u64, unit: &str, key: &str, place: &Place) -> String {
    match place.file {
        Some(_) => format!("at most {most}{unit}, which {place} says ({key})"),
        None => format!("at most {most}{unit}"),
    }
}
