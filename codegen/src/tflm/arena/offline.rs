//! Plans that a file carries: the metadata `OfflineMemoryAllocation`.
//!
//! Little-endian words of 32 bits: a version, a subgraph (TFLM reads neither), the number of
//! tensors in all subgraphs, and an offset for each of them in the file's order; −1 leaves a tensor
//! to the interpreter's own planner.

use crate::error::Diagnostic;
use crate::graph::{Metadata, Model};

/// The metadata's name.
pub const OFFLINE_PLAN: &str = "OfflineMemoryAllocation";

/// Words before the offsets.
const HEADER: usize = 3;
const ONLINE: i32 = -1;

/// An offset for every tensor of the model, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offline {
    offsets: Vec<Option<usize>>,
}

impl Offline {
    /// A plan of offsets, `None` for tensors that the interpreter is to plan.
    pub fn new(offsets: Vec<Option<usize>>) -> Self {
        Self { offsets }
    }

    /// The plan of a model; `None` where it carries none.
    ///
    /// # Errors
    /// If it is not one of this model: TFLM would refuse it, or read past its end.
    pub fn of(model: &Model) -> Result<Option<Self>, Diagnostic> {
        let named = |metadata: &&Metadata| metadata.name == OFFLINE_PLAN;
        // TFLM goes on to the next of the name, so the last one counts.
        let Some(metadata) = model.metadata.iter().rfind(named) else {
            return Ok(None);
        };
        let words: Vec<i32> = (metadata.data.as_chunks::<4>().0.iter())
            .map(|word| i32::from_le_bytes(*word))
            .collect();
        let tensors: usize = model.graphs.iter().map(|g| g.tensors.len()).sum();
        let said = words.get(2).copied().unwrap_or(0);
        let offsets = words.get(HEADER..).unwrap_or_default();
        if usize::try_from(said) != Ok(tensors) || offsets.len() < tensors {
            return Err(
                Diagnostic::new("the offline memory plan belongs to another model")
                    .expected(format_args!("an offset for each of {tensors} tensors"))
                    .found(format_args!("{} for {said}", offsets.len()))
                    .help("write it again with `castiron plan --embed`"),
            );
        }
        let offsets = offsets.iter().take(tensors).map(|offset| match *offset {
            ONLINE => Ok(None),
            offset => usize::try_from(offset).map(Some).map_err(|_| {
                Diagnostic::new("the offline memory plan has a negative offset")
                    .expected("offsets of at least 0, or -1")
                    .found(offset)
                    .help("write it again with `castiron plan --embed`")
            }),
        });
        let offsets = offsets.collect::<Result<_, _>>()?;
        Ok(Some(Self { offsets }))
    }

    /// Where the tensor of this number, counted through all subgraphs, is to lie.
    pub fn offset(&self, tensor: usize) -> Option<usize> {
        self.offsets.get(tensor).copied().flatten()
    }

    /// The metadata's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = i32::try_from(self.offsets.len()).unwrap_or(i32::MAX);
        let offsets = self.offsets.iter();
        let offsets = offsets.map(|offset| offset.and_then(|o| i32::try_from(o).ok()));
        [1, 0, count]
            .into_iter()
            .chain(offsets.map(|offset| offset.unwrap_or(ONLINE)))
            .flat_map(i32::to_le_bytes)
            .collect()
    }
}
