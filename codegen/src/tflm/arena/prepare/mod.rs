//! What an operator's Prepare asks the arena for: one rule for each family of kernels.
//!
//! A rule says in the kernel's own order which tensors it looks at (each is built in the space
//! between head and tail), which buffers it keeps, and which working memory it asks the planner
//! for. Kernels that only look at tensors need no rule: the table lists what they look at.

mod accelerator;
mod conv;
mod decode;
mod dense;
mod detection;
mod fft;
mod recurrent;
mod reduce;
mod signal;

use super::site::{self, bytes, dim};
use super::table::{INT_ARRAY, Look, Row, SizeTable};
use super::{Kernels, Simd};
use crate::error::Diagnostic;
use crate::graph::{DType, Options, Site, TensorId, flex};

/// One request of a kernel, in the order it makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// A tensor built to be looked at, until the operator's Prepare ends.
    Look(TensorId),
    /// Bytes at the end of the last tensor that was looked at, which the kernel does not read
    /// from now on; unless this says otherwise, what no kernel reads.
    Spend(usize),
    /// A buffer kept for good.
    Keep(usize),
    /// Working memory during the operator's Invoke.
    Scratch(usize),
}

/// Collects the requests of one operator.
pub(super) struct Requests<'a> {
    pub(super) site: Site<'a>,
    pub(super) kernels: Kernels,
    pub(super) simd: Simd,
    pub(super) table: &'a SizeTable,
    /// Bytes that Init keeps.
    pub(super) data: usize,
    pub(super) events: Vec<Event>,
}

impl Requests<'_> {
    fn look(&mut self, looks: &[Look]) {
        let site = self.site;
        let inputs = &site.operator.inputs;
        for look in looks {
            match *look {
                Look::Input(n) => self
                    .events
                    .extend(site.optional_input_id(n).map(Event::Look)),
                Look::Output(n) => self
                    .events
                    .extend(site.operator.outputs.get(n).copied().map(Event::Look)),
                Look::InputsFrom(n) => {
                    let rest = inputs.iter().skip(n).flatten();
                    self.events.extend(rest.map(|id| Event::Look(*id)));
                }
            }
        }
    }

    fn keep(&mut self, bytes: usize) {
        self.events.push(Event::Keep(bytes));
    }

    /// A buffer that Init keeps after the kernel's data.
    fn keep_early(&mut self, bytes: usize) {
        let alignment = self.table.core.alignment;
        self.data = self.data.next_multiple_of(alignment) + bytes.next_multiple_of(alignment);
    }

    fn scratch(&mut self, bytes: usize) {
        self.events.push(Event::Scratch(bytes));
    }

    /// Scratch of CMSIS-NN, which is not asked for where it would be empty.
    fn scratch_if_any(&mut self, bytes: usize) {
        if bytes > 0 {
            self.scratch(bytes);
        }
    }

    /// A copy of a tensor's sizes that the kernel may write to.
    fn keep_dims(&mut self, rank: usize) {
        self.keep(INT_ARRAY * (rank + 1));
    }

    fn is_reference(&self) -> bool {
        self.kernels == Kernels::Reference
    }
}

/// Everything the operator asks for while it is prepared.
pub(super) fn requests(requests: &mut Requests<'_>, row: &Row) -> Result<(), Diagnostic> {
    let r = requests;
    match r.site.name() {
        "CONV_2D" => conv::conv(r, 0),
        "DEPTHWISE_CONV_2D" => conv::conv(r, 3),
        "TRANSPOSE_CONV" => conv::transposed(r),
        "AVERAGE_POOL_2D" => {
            r.look(row.looks);
            conv::average_pool(r)
        }
        "FULLY_CONNECTED" => dense::fully_connected(r),
        "BATCH_MATMUL" => dense::batch_matmul(r),
        "SVDF" => recurrent::svdf(r),
        "UNIDIRECTIONAL_SEQUENCE_LSTM" => recurrent::lstm(r),
        "MEAN" | "SUM" => reduce::mean_or_sum(r),
        "REDUCE_MAX" | "REDUCE_MIN" => reduce::extreme(r),
        "REDUCE_ALL" => reduce::all(r),
        "TFLM_DECODE" => decode::decode(r),
        "ethos-u" => accelerator::ethos_u(r),
        "TFLite_Detection_PostProcess" => {
            r.look(row.looks);
            detection::post_process(r)
        }
        name if name.starts_with("Signal") => {
            r.look(row.looks);
            signal::requests(r)
        }
        _ => {
            r.look(row.looks);
            others(r)
        }
    }
}

/// Kernels that keep or ask for a little.
fn others(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    let site = r.site;
    match site.name() {
        "ADD_N" => {
            if site.output(0)?.dtype == DType::Int8 {
                r.keep(r.table.late.add_n);
            }
            r.scratch(4 * site.inputs());
        }
        "CUMSUM" if site.output(0)?.dtype == DType::Int8 => r.keep(r.table.late.cumsum),
        "LOG_SOFTMAX" if site.input(0)?.dtype == DType::Int8 => r.keep(r.table.late.log_softmax),
        "SOFTMAX" if site.input(0)?.dtype == DType::Int16 => {
            r.keep(r.table.late.softmax_table);
            r.keep(r.table.late.softmax_table);
        }
        "MIRROR_PAD" => {
            let rank = site.input(0)?.shape.len();
            r.scratch(4 * rank);
            r.scratch(4 * rank);
        }
        "EMBEDDING_LOOKUP" => {
            r.keep_dims(site.output(0)?.shape.len());
            r.keep(r.table.late.embedding_lookup);
        }
        "GATHER" | "GATHER_ND" | "L2_POOL_2D" | "DEPTH_TO_SPACE" | "SPACE_TO_DEPTH" => {
            r.keep_dims(site.output(0)?.shape.len());
        }
        _ => {}
    }
    Ok(())
}

/// A custom option of up to a million: more would fit no microcontroller.
fn option(r: &Requests<'_>, key: &str) -> Result<usize, Diagnostic> {
    let number = match r.site.options() {
        Options::Custom(bytes) => flex::number(bytes, key),
        _ => None,
    };
    number
        .and_then(|n| usize::try_from(n).ok())
        .filter(|n| *n <= 1_000_000)
        .ok_or_else(|| r.site.unfit(&format!("the option {key:?}")))
}
