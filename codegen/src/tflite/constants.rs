//! The file's buffers: bounds, sharing, and a limit on what is copied.

use std::collections::HashMap;
use std::sync::Arc;

use super::schema;
use super::sparsity;
use super::table::List;
use crate::error::Diagnostic;
use crate::graph::Tensor;

/// Gives out buffers, each copied once.
pub struct Constants<'a> {
    file: &'a [u8],
    buffers: List<'a, schema::Buffer<'a>>,
    shared: HashMap<u32, Arc<[u8]>>,
    left: usize,
    /// Bytes that sparse constants may still take.
    dense_left: usize,
}

/// Bytes that all sparse constants of a file may take together as dense ones: far more than any firmware holds.
const MOST_DENSE: usize = 1 << 26;

impl<'a> Constants<'a> {
    pub(super) fn new(file: &'a [u8], buffers: List<'a, schema::Buffer<'a>>) -> Self {
        // Buffers of a real file do not overlap, so what is copied is less than the file.
        // Custom options and metadata are copied too and may name a buffer again.
        Self {
            file,
            buffers,
            shared: HashMap::new(),
            left: file.len().saturating_mul(2),
            dense_left: MOST_DENSE,
        }
    }

    /// The bytes of a buffer; `None` if it has none.
    pub(super) fn bytes(&mut self, index: u32) -> Result<Option<&'a [u8]>, Diagnostic> {
        let count = self.buffers.len();
        let Some(buffer) = self.buffers.get(index as usize) else {
            return Err(Diagnostic::new("the buffer's index is out of range")
                .expected(format_args!("a buffer below {count}"))
                .found(index)
                .help("the file is damaged or was edited; convert the model again"));
        };
        let data = buffer.data().as_slice();
        if !data.is_empty() {
            return Ok(Some(data));
        }
        // Offset 1 is what a writer puts first and replaces once it knows the place.
        match buffer.offset() {
            0 | 1 => Ok(None),
            offset => self.external(offset, buffer.size()).map(Some),
        }
    }

    /// Whether a buffer's bytes lie behind the flatbuffer.
    pub(super) fn is_outside(&self, index: u32) -> bool {
        let buffer = self.buffers.get(index as usize);
        buffer.is_some_and(|buffer| buffer.data().as_slice().is_empty() && buffer.offset() > 1)
    }

    /// Bytes behind the flatbuffer, where writers of files over 2 GB put them.
    pub(super) fn external(&self, offset: u64, size: u64) -> Result<&'a [u8], Diagnostic> {
        let range = || {
            let start = usize::try_from(offset).ok()?;
            self.file
                .get(start..start.checked_add(usize::try_from(size).ok()?)?)
        };
        range().ok_or_else(|| {
            Diagnostic::new("data lies outside the file")
                .expected(format_args!("within {} bytes", self.file.len()))
                .found(format_args!("{size} bytes at offset {offset}"))
                .help("the file is incomplete; copy it again")
        })
    }

    /// A buffer as a constant that tensors share.
    pub(super) fn shared(&mut self, index: u32) -> Result<Option<Arc<[u8]>>, Diagnostic> {
        if let Some(constant) = self.shared.get(&index) {
            return Ok(Some(Arc::clone(constant)));
        }
        let Some(bytes) = self.bytes(index)? else {
            return Ok(None);
        };
        self.charge(bytes.len())?;
        let constant: Arc<[u8]> = bytes.into();
        self.shared.insert(index, Arc::clone(&constant));
        Ok(Some(constant))
    }

    /// A constant of which the buffer only has what is not zero.
    pub(super) fn dense(
        &mut self,
        index: u32,
        sparsity: schema::SparsityParameters<'_>,
        tensor: &Tensor,
    ) -> Result<Option<Arc<[u8]>>, Diagnostic> {
        let bytes = tensor.bytes();
        self.dense_left = self.dense_left.checked_sub(bytes).ok_or_else(|| {
            Diagnostic::new("the sparse tensors are too large")
                .expected(format_args!("at most {MOST_DENSE} bytes as dense ones"))
                .found(format_args!("one more, of {bytes} bytes"))
                .help("the file is damaged, or no model for a microcontroller")
        })?;
        let stored = self.bytes(index)?.unwrap_or(&[]);
        sparsity::dense(sparsity, tensor, stored).map(|dense| Some(dense.into()))
    }

    /// A copy that counts towards the limit.
    pub(super) fn copy(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Diagnostic> {
        self.charge(bytes.len())?;
        Ok(bytes.to_vec())
    }

    fn charge(&mut self, bytes: usize) -> Result<(), Diagnostic> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            Diagnostic::new("the file's buffers overlap")
                .expected("buffers that do not overlap")
                .found(format_args!(
                    "buffers with more than twice the file's {} bytes",
                    self.file.len()
                ))
                .help("no converter writes such a file; convert the model again")
        })?;
        Ok(())
    }
}
