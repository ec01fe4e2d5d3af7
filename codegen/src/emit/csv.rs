//! The operators of a model as comma-separated values.
//!
//! Columns that AutoDeploy (of Ambiq's neuralSPOT) also has use its names and format, with `*` between sizes, so that the two
//! tables can be joined. Times and counters of its boards are left out; a field without a value is empty.

use csv::Writer;

use crate::report::{GraphReport, OperatorReport};

const HEADER: [&str; 15] = [
    "Event",
    "Tag",
    "INSTRUCTIONS",
    "EST_MAC",
    "MAC_EQ",
    "OUTPUT_MAG",
    "OUTPUT_SHAPE",
    "FILTER_SHAPE",
    "STRIDE_H",
    "STRIDE_W",
    "DILATION_H",
    "DILATION_W",
    "ARENA_BYTES",
    "WEIGHT_BYTES",
    "SUBGRAPH",
];

/// A row for each operator. `instructions` says what running one took (by subgraph and operator),
/// where it was measured.
pub fn operators(
    graphs: &[GraphReport],
    instructions: impl Fn(usize, usize) -> Option<u64>,
) -> Vec<u8> {
    operators_with(graphs, instructions, [], |_, _| [])
}

/// The same with further columns, of what counters of a processor say.
pub fn operators_with<const N: usize>(
    graphs: &[GraphReport],
    instructions: impl Fn(usize, usize) -> Option<u64>,
    columns: [&str; N],
    counts: impl Fn(usize, usize) -> [Option<u64>; N],
) -> Vec<u8> {
    let mut rows = Writer::from_writer(Vec::new());
    // Writing into memory, with rows of one length, cannot fail.
    let _ = rows.write_record(HEADER.iter().chain(&columns));
    for graph in graphs {
        for operator in &graph.operators {
            let measured = instructions(graph.index, operator.index);
            let counted = counts(graph.index, operator.index).map(text);
            let _ = rows.write_record(row(graph, operator, measured).iter().chain(&counted));
        }
    }
    rows.into_inner().unwrap_or_default()
}

fn row(
    graph: &GraphReport,
    operator: &OperatorReport,
    instructions: Option<u64>,
) -> [String; HEADER.len()] {
    let output = operator.outputs.first().map(|o| &o.shape[..]);
    let work = operator.work.as_ref();
    let height = |pair: Option<[usize; 2]>| text(pair.map(|[height, _]| height));
    let width = |pair: Option<[usize; 2]>| text(pair.map(|[_, width]| width));
    [
        operator.index.to_string(),
        name(&operator.name),
        text(instructions),
        text(work.map(|w| w.operations)),
        text(work.map(|w| w.equation.clone())),
        text(output.map(|shape| shape.iter().product::<usize>())),
        sizes(output),
        sizes(operator.filter_shape.as_deref()),
        height(operator.stride),
        width(operator.stride),
        height(operator.dilation),
        width(operator.dilation),
        text(operator.live_bytes),
        operator.constant_bytes.to_string(),
        graph.index.to_string(),
    ]
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

fn sizes(shape: Option<&[usize]>) -> String {
    let sizes: Vec<String> = shape
        .unwrap_or_default()
        .iter()
        .map(usize::to_string)
        .collect();
    sizes.join("*")
}

/// A custom operator has any name; one that a spreadsheet would take for a formula is text.
fn name(name: &str) -> String {
    let name = name.escape_debug().to_string();
    match name.starts_with(['=', '+', '-', '@']) {
        true => format!("'{name}"),
        false => name,
    }
}
