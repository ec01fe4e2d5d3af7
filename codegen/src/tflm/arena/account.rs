//! The arena's two ends while a model is loaded.
//!
//! The tail grows down from the end: what lasts. The head grows up from the start: at first the
//! table of scratch requests with temporary data above, in the end the planned buffers. An arena
//! works if the ends never meet.

use super::prepare::Event;
use super::table::{Core, INT_ARRAY};
use crate::graph::{Graph, Tensor};

/// Counts what is allocated. The arena starts and ends at multiples of its alignment, so every
/// address follows from the bytes that lie between it and an end.
pub(super) struct Account<'a> {
    core: &'a Core,
    /// Bytes in use at the end.
    pub(super) tail: usize,
    /// Scratch requests so far.
    pub(super) requests: usize,
    /// The most bytes of both ends together so far.
    pub(super) peak: usize,
}

impl<'a> Account<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        Self {
            core,
            tail: 0,
            requests: 0,
            peak: 0,
        }
    }

    /// Takes bytes at the end.
    pub(super) fn keep(&mut self, bytes: usize, alignment: usize) {
        self.tail = (self.tail + bytes).next_multiple_of(alignment);
    }

    /// Takes bytes at the end as kernels do.
    pub(super) fn keep_aligned(&mut self, bytes: usize) {
        self.keep(bytes, self.core.alignment);
    }

    /// Bytes of the table of scratch requests, with room for the next operator's.
    pub(super) fn request_table(&self) -> usize {
        self.core.scratch_request * (self.requests + self.core.requests_per_operator)
    }

    /// Notes that this many bytes at the start are in use now.
    pub(super) fn note(&mut self, start: usize) {
        self.peak = self.peak.max(start + self.tail);
    }

    /// Prepares one operator. Gives the most bytes of both ends meanwhile.
    pub(super) fn prepare(&mut self, graph: &Graph, events: &[Event]) -> usize {
        let before = std::mem::take(&mut self.peak);
        let table = self.request_table();
        let mut top = table;
        // Bytes at the top that nothing reads any more.
        let mut spent = 0;
        for event in events {
            match event {
                Event::Look(id) => {
                    top += tensor_bytes(self.core, graph.tensor(*id));
                    self.note(top);
                    spent = spent_bytes(graph.tensor(*id));
                }
                Event::Spend(bytes) => spent = *bytes,
                Event::Keep(bytes) => {
                    self.keep_aligned(*bytes);
                    // TFLM lets these buffers grow over the tensors that are looked at, which
                    // goes well as far as the last one is spent.
                    self.note(top - spent);
                }
                Event::Scratch(_) => self.requests += 1,
            }
        }
        self.note(self.request_table());
        let peak = self.peak;
        self.peak = self.peak.max(before);
        peak
    }
}

/// A tensor's struct with its quantisation: scales stay in the file, zero points are copied.
pub(super) fn tensor_bytes(core: &Core, tensor: &Tensor) -> usize {
    let quantization = match &tensor.quantization {
        Some(q) => core.quantization + INT_ARRAY * (1 + q.scale.len()),
        None => 0,
    };
    core.tensor + quantization
}

/// The end of a tensor's struct that no kernel reads after it built it: the dimension of the
/// scales, and the copied zero points, of which the struct's beginning has the first.
fn spent_bytes(tensor: &Tensor) -> usize {
    match &tensor.quantization {
        Some(q) => INT_ARRAY * (2 + q.scale.len()),
        None => 0,
    }
}
