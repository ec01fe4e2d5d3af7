//! Operators whose kernels' sizes are not known.

use super::prepare::Event;
use super::site::bytes;
use super::table::SizeTable;
use super::{ArenaOptions, Node};
use crate::error::Diagnostic;
use crate::graph::Site;

/// What an unknown kernel is taken to keep: the largest of TFLM's own keeps 912.
const KEPT: usize = 1024;
/// Sums of 32 bits for each element of eight.
const WIDENING: usize = 4;

/// An error, or an assumption where those are allowed.
pub(super) fn node(
    site: Site<'_>,
    subgraph: usize,
    table: &SizeTable,
    options: &ArenaOptions,
    assumptions: &mut Vec<String>,
) -> Result<Node, Diagnostic> {
    if !options.allow_estimate {
        return Err(
            Diagnostic::new("the memory of the operator's kernel is unknown")
                .expected(format_args!(
                    "an operator of tflite-micro {}, whose sizes follow from the file",
                    table.revision
                ))
                .found(site.name())
                .help("measure it on the target, or use --allow-estimate for an assumed bound"),
        );
    }
    let operator = site.operator;
    let ids = || operator.inputs.iter().flatten().chain(&operator.outputs);
    let largest = ids().filter_map(|id| bytes(site.graph.tensor(*id))).max();
    let scratch = WIDENING * largest.unwrap_or(0);
    assumptions.push(format!(
        "subgraph {subgraph}, operator {} {}: keeps at most {KEPT} bytes and works with at most \
         {scratch}",
        site.index,
        site.name().escape_debug()
    ));
    let mut events: Vec<Event> = ids().map(|id| Event::Look(*id)).collect();
    events.extend([Event::Keep(KEPT), Event::Scratch(scratch)]);
    Ok(Node {
        subgraph,
        operator: site.index,
        options: (0, 1),
        data: 0,
        dispensable: false,
        events,
        peak: 0,
    })
}
