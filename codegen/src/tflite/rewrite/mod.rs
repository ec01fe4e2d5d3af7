//! Changes to a file that leave the rest of it as it is, byte for byte.
//!
//! Offsets in a flatbuffer are relative and, but for those to a table's directory of fields, point
//! forwards. So a block put in front of everything may refer to all that is behind it, and moving
//! the rest back as a whole changes none of its offsets. The block holds a new root and new lists
//! of buffers and metadata; whatever they list stays where and what it was, fields that castiron
//! does not know included.

mod align;
pub mod front;

use crate::error::{Diagnostic, Result};
use crate::graph::Model;
use front::{Front, To};

/// Alignment of the block and of buffers in it.
pub const ALIGNMENT: usize = 16;
/// Where the block begins: behind the root's offset and the file's identifier.
const HEADER: usize = 8;

/// Slots of the root table.
const BUFFERS: usize = 4;
const METADATA: usize = 6;
/// Slots that the schema has; all but the first are offsets.
const SLOTS: usize = 10;

/// The file with `data` as its metadata of this name, in place of any of the same name.
///
/// # Errors
/// If the file is no model, or keeps data outside its flatbuffer.
pub fn set_metadata(file_name: &str, bytes: &[u8], name: &str, data: &[u8]) -> Result<Vec<u8>> {
    let set = || {
        let file = Parts::of(file_name, bytes)?;
        // Moving the file back would leave their offsets, which count from its beginning, behind.
        if !file.is_whole() {
            return Err(
                Diagnostic::new("the file keeps weights behind its flatbuffer")
                    .expected("buffers inside the flatbuffer")
                    .found("buffers with an offset in the file")
                    .help("move them in first: castiron align MODEL -o ALIGNED"),
            );
        }
        let mut front = Front::new();
        let buffer = front.buffer(data);
        let mut buffers = file.buffers();
        let metadata = front.metadata(name, buffers.len());
        buffers.push(To::Front(buffer));
        let named = |table: &usize| file.text(*table, 0) == Some(name.as_bytes());
        let kept = file.metadata.iter().filter(|table| !named(table));
        let mut list: Vec<To> = kept.map(|table| To::File(*table)).collect();
        list.push(To::Front(metadata));
        let rest = bytes.get(HEADER..).unwrap_or_default();
        front.finish(&file, &buffers, &list, rest)
    };
    set().map_err(|d| crate::error::Error::from(d).in_file(file_name))
}

/// The file with every constant buffer inside its flatbuffer and at a multiple of 16 bytes; unchanged
/// where that holds.
///
/// Buffers move within the room that buffers already take; what does not fit there goes in front, and
/// so does what lies behind the flatbuffer.
///
/// # Errors
/// If the file is no model.
pub fn align(file_name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    let aligned = || align::align(&Parts::of(file_name, bytes)?);
    aligned().map_err(|d| crate::error::Error::from(d).in_file(file_name))
}

/// Where the parts of a file are.
pub struct Parts<'a> {
    bytes: &'a [u8],
    model: Model,
    root: usize,
    /// Slots of the root that are filled.
    slots: Vec<usize>,
    pub buffers: Vec<usize>,
    metadata: Vec<usize>,
}

impl<'a> Parts<'a> {
    pub fn of(file_name: &str, bytes: &'a [u8]) -> Result<Self, Diagnostic> {
        // The reader's checks hold for all offsets used here.
        let model = super::read(file_name, bytes).map_err(|error| {
            let first = error.diagnostics().first().cloned();
            first.unwrap_or_else(|| odd("a model"))
        })?;
        let mut parts = Self {
            bytes,
            model,
            root: 0,
            slots: Vec::new(),
            buffers: Vec::new(),
            metadata: Vec::new(),
        };
        parts.root = parts.follow(0).ok_or_else(|| odd("a root table"))?;
        let directory = parts.directory(parts.root).ok_or_else(|| odd("fields"))?;
        parts.slots = (0..directory.1)
            .filter(|slot| parts.field(parts.root, *slot).is_some())
            .collect();
        if parts.slots.iter().any(|slot| *slot >= SLOTS) {
            return Err(odd("a root with the fields of schema version 3"));
        }
        parts.buffers = parts.tables(BUFFERS);
        parts.metadata = parts.tables(METADATA);
        Ok(parts)
    }

    /// Where a buffer's data lies behind the flatbuffer, and its length.
    fn outside(&self, table: usize) -> Option<(usize, usize)> {
        let number = |slot: usize| {
            let bytes = self.bytes.get(self.field(table, slot)?..)?.first_chunk()?;
            usize::try_from(u64::from_le_bytes(*bytes)).ok()
        };
        // Offset 1 is what a writer puts first.
        let (at, length) = (number(1)?, number(2)?);
        let end = at.checked_add(length)?;
        (at > 1 && end <= self.bytes.len()).then_some((at, length))
    }

    /// Where the flatbuffer ends, as far as data behind it tells.
    fn end(&self) -> usize {
        let outside = self.buffers.iter().filter_map(|table| self.outside(*table));
        outside.map(|(at, _)| at).min().unwrap_or(self.bytes.len())
    }

    /// Whether all data is inside the flatbuffer.
    fn is_whole(&self) -> bool {
        !self
            .buffers
            .iter()
            .any(|table| self.outside(*table).is_some())
    }

    fn buffers(&self) -> Vec<To> {
        self.buffers.iter().map(|table| To::File(*table)).collect()
    }

    fn word(&self, at: usize) -> Option<usize> {
        let word = self.bytes.get(at..)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*word)).ok()
    }

    fn half(&self, at: usize) -> Option<usize> {
        let half = self.bytes.get(at..)?.first_chunk()?;
        Some(usize::from(u16::from_le_bytes(*half)))
    }

    /// What an offset points to.
    fn follow(&self, at: usize) -> Option<usize> {
        at.checked_add(self.word(at)?)
    }

    /// A table's directory: where it is, and how many slots it has.
    fn directory(&self, table: usize) -> Option<(usize, usize)> {
        let back = i32::from_le_bytes(*self.bytes.get(table..)?.first_chunk()?);
        let at = i64::try_from(table).ok()?.checked_sub(i64::from(back))?;
        let at = usize::try_from(at).ok()?;
        Some((at, self.half(at)?.checked_sub(4)? / 2))
    }

    /// Where a table has the field of a slot.
    fn field(&self, table: usize, slot: usize) -> Option<usize> {
        let (directory, slots) = self.directory(table)?;
        if slot >= slots {
            return None;
        }
        match self.half(directory + 4 + 2 * slot)? {
            0 => None,
            offset => table.checked_add(offset),
        }
    }

    /// A vector: where its elements begin, and their number.
    pub fn vector(&self, table: usize, slot: usize) -> Option<(usize, usize)> {
        let at = self.follow(self.field(table, slot)?)?;
        Some((at.checked_add(4)?, self.word(at)?))
    }

    fn tables(&self, slot: usize) -> Vec<usize> {
        let (at, count) = self.vector(self.root, slot).unwrap_or((0, 0));
        (0..count)
            .map_while(|index| self.follow(at.checked_add(4 * index)?))
            .collect()
    }

    fn text(&self, table: usize, slot: usize) -> Option<&'a [u8]> {
        let (at, length) = self.vector(table, slot)?;
        self.bytes.get(at..at.checked_add(length)?)
    }
}

fn odd(expected: &str) -> Diagnostic {
    Diagnostic::new("the file cannot be rewritten")
        .expected(expected)
        .found("something else")
        .help("convert the model again with a current converter")
}
